"""A DICOMweb server that answers as it is told: an archive with opinions."""

import email
import json
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.dicom_node.archive.objects import file_of


class StowServer:
    """Answers each instance with ``answer(uid)``: a DIMSE status, or None for not at all.

    ``status`` and ``body``, where set, are the answer to every request. ``token``, where set, is
    wanted. ``page`` is how many matches it gives at once, None for one that turns no pages;
    ``count``, where set, is how many instances it says that each series has. ``drop_s``, where
    set, is how long it rests after each byte of an answer.
    """

    def __init__(self, answer=None, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer or (lambda _uid: 0)
        self.status: int | None = None
        self.body: bytes | None = None
        self.token: str | None = None
        self.page: int | None = 1000
        self.lists_instances = True
        self.count: int | None = None
        self.drop_s: float | None = None
        self.kept: dict[str, bytes] = {}
        self.requests: list[list[str]] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if tls is None else "https"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/dicom-web"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def keep(self, *datasets: Dataset) -> None:
        """Have objects, as if somebody had stored them."""
        self.kept |= {ds.SOPInstanceUID: file_of(ds) for ds in datasets}

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._reply(*server.stored(self.headers, body))

            def do_GET(self) -> None:
                self._reply(*server.searched(self.headers, self.path))

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                drops = [body] if server.drop_s is None else [bytes([one]) for one in body]
                with suppress(OSError):  # whoever asked may have gone
                    for drop in drops:
                        self.wfile.write(drop)
                        time.sleep(server.drop_s or 0)

            def log_message(self, *_words) -> None:
                pass

        return Handler

    def _refused(self, headers) -> tuple[int, bytes] | None:
        self.headers.append(dict(headers))
        if self.token is not None and headers.get("Authorization") != f"Bearer {self.token}":
            return 401, b"{}"
        if self.status is not None:
            return self.status, self.body or b""
        return None

    def stored(self, headers, body: bytes) -> tuple[int, bytes]:
        refusal = self._refused(headers)
        if refusal is not None:
            return refusal
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        kept, failed, asked = [], [], []
        for part in email.message_from_bytes(head + body).get_payload():
            if part["Content-Type"] != "application/dicom":  # as Orthanc's plugin does
                continue
            content = part.get_payload(decode=True)
            ds = dcmread(BytesIO(content))
            uid, status = ds.SOPInstanceUID, self.answer(ds.SOPInstanceUID)
            asked.append(uid)
            item = {"00081150": {"vr": "UI", "Value": [ds.SOPClassUID]},
                    "00081155": {"vr": "UI", "Value": [uid]}}  # fmt: skip
            if status in (0, 0xB000, 0xB006, 0xB007):
                self.kept[uid] = content
                kept.append(item | ({"00081196": _us(status)} if status else {}))
            elif status is not None:
                failed.append(item | {"00081197": _us(status)})
        self.requests.append(asked)
        found = {"00081199": {"vr": "SQ", "Value": kept}, "00081198": {"vr": "SQ", "Value": failed}}
        answer = {key: element for key, element in found.items() if element["Value"]}
        return 200 if not failed else 202 if kept else 409, json.dumps(answer).encode()

    def searched(self, headers, path: str) -> tuple[int, bytes]:
        refusal = self._refused(headers)
        if refusal is not None:
            return refusal
        address = urlsplit(path)
        query = parse_qs(address.query)
        offset = int(query.get("offset", ["0"])[0]) if self.page is not None else 0
        most = min(self.page or 1000, int(query.get("limit", ["1000"])[0]))
        search = self._series if address.path.endswith("/series") else self._instances
        found = search(address.path.split("/"), query.get("includefield", [""])[0].split(","))
        found = found[offset:][:most]
        return (200, json.dumps(found).encode()) if found else (204, b"")

    def _kept_in(self, uid: str) -> list[Dataset]:
        """Return what is kept of a study or a series."""
        found = [dcmread(BytesIO(self.kept[one]), stop_before_pixels=True) for one in self.kept]
        return [ds for ds in found if uid in (ds.StudyInstanceUID, ds.SeriesInstanceUID)]

    def _series(self, steps: list[str], _fields: list[str]) -> list[dict]:
        counts = Counter(ds.SeriesInstanceUID for ds in self._kept_in(steps[-2]))
        return [
            {"0020000E": {"vr": "UI", "Value": [ds.SeriesInstanceUID]},
             "00080060": {"vr": "CS", "Value": [ds.Modality]},
             "0008103E": {"vr": "LO", "Value": [ds.get("SeriesDescription", "")]},
             "00201209": {"vr": "IS", "Value": [self.count or counts[ds.SeriesInstanceUID]]}}
            for ds in {ds.SeriesInstanceUID: ds for ds in self._kept_in(steps[-2])}.values()
        ]  # fmt: skip

    def _instances(self, steps: list[str], fields: list[str]) -> list[dict]:
        found = sorted(self._kept_in(steps[-2]), key=lambda ds: ds.SOPInstanceUID)
        if not self.lists_instances:
            return []
        return [
            {**_told(ds, fields), "00080018": {"vr": "UI", "Value": [ds.SOPInstanceUID]}}
            for ds in found
        ]


def _told(ds: Dataset, fields: list[str]) -> dict:
    wanted = Dataset()
    for field in fields:
        if field in ds:
            wanted[field] = ds[field]
    return wanted.to_json_dict()


def _us(value: int) -> dict:
    return {"vr": "US", "Value": [value]}
