"""One instance by WADO-RS: whole and alone in its answer, or none."""

import http.server
import threading

import pytest

from dicom_node.dicomweb import DicomWeb, Place
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.qido import WebRemote
from dicom_node.remote import Place as There
from dicom_node.settings import Destination
from dicom_node.settings import Outbox as OutboxSettings

FILE = bytes(range(256)) * 40 + b"\r\n--almost\r\n\r\n"
ONE = There("1.2", "1.2.3")
MARK = "e7c1"


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        kind, content, status, asked = "", b"", 200, []

        def do_GET(self):
            type(self).asked.append((self.path, self.headers["Accept"]))
            self.send_response(self.status)
            self.send_header("Content-Type", self.kind)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            self.wfile.write(self.content)

        def log_message(self, *_):
            pass

    Handler.kind = f'multipart/related; type="application/dicom"; boundary="{MARK}"'
    Handler.content = parts(FILE)
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{running.server_port}"
    yield Handler
    running.shutdown()
    running.server_close()


def parts(*files: bytes, end: bytes = b"--") -> bytes:
    head = b"\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(b"--" + MARK.encode() + head + one + b"\r\n" for one in files)
    return body + b"--" + MARK.encode() + end


def brought(server) -> dict[str, bytes]:
    times = OutboxSettings(connect_s=5.0, answer_s=5.0)
    destination = Destination(name="web", kind="dicomweb", url=server.url)
    kept: dict[str, bytes] = {}
    WebRemote(DicomWeb(Place(destination, None), times)).bring(
        ONE, ["1.2.3.4"], kept.__setitem__, 5
    )
    return kept


def test_the_file_is_kept_under_the_uid_that_was_asked_for(server):
    assert brought(server) == {"1.2.3.4": FILE}
    ((path, accept),) = server.asked
    assert path == "/studies/1.2/series/1.2.3/instances/1.2.3.4"
    assert accept == 'multipart/related; type="application/dicom"; transfer-syntax=*'


def test_a_boundary_may_stand_without_quotes_and_in_capitals(server):
    server.kind = f"multipart/related; Boundary={MARK}; type=application/dicom"
    assert brought(server) == {"1.2.3.4": FILE}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (None, parts(FILE, FILE)),
        (None, parts(FILE, end=b"")),
        (None, parts(FILE)[:-40]),
        (None, b""),
        (None, parts()),
        ("application/dicom", FILE),
        ("multipart/related; boundary=another", parts(FILE)),
    ],
    ids=["two", "not closed", "cut off", "empty", "none", "no parts", "another mark"],
)
def test_what_is_not_one_whole_part_is_refused(server, kind, content):
    server.kind, server.content = kind or server.kind, content
    with pytest.raises(PeerRefused, match="web answered 200 to a retrieval"):
        brought(server)


@pytest.mark.parametrize("status", [404, 410, 500])
def test_what_a_server_refuses_of_one_instance_says_nothing_of_others(server, status):
    server.status = status
    with pytest.raises(PeerRefused, match=f"web answered {status} to a retrieval"):
        brought(server)


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_server_that_lets_nobody_in_is_asked_later(server, status):
    server.status = status
    with pytest.raises(PeerAway, match="web "):
        brought(server)
