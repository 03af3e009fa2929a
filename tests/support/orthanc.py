"""Orthanc as the PACS: started on ports of its own, asked over its REST interface."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.need import free_port, program


@dataclass
class Orthanc:
    folder: Path
    ae_title: str = "ORTHANC"
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    modalities: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def start(self) -> "Orthanc":
        self.folder.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "orthanc.json"
        conf.write_text(
            json.dumps(
                {
                    "Name": "PACS",
                    "StorageDirectory": str(self.folder / "db"),
                    "IndexDirectory": str(self.folder / "db"),
                    "HttpPort": self.http_port,
                    "DicomPort": self.dicom_port,
                    "DicomAet": self.ae_title,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "DicomAlwaysAllowStore": True,
                    "DicomAlwaysAllowFind": True,
                    "DicomModalities": self.modalities,
                    "Plugins": [],
                    **self.options,
                }
            )
        )
        self.process = subprocess.Popen(
            [program("/usr/sbin/Orthanc", "Orthanc"), str(conf)],
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 90  # with a plugin, on a busy machine
        while True:
            try:
                self.get("system")
                return self
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()  # to end well takes it up to ten seconds, and nobody reads its data
            self.process.wait(20)
            self.process = None

    def get(self, path: str):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/{path}", timeout=20) as got:
            return json.load(got)

    def file(self, instance: str) -> bytes:
        url = f"http://127.0.0.1:{self.http_port}/instances/{instance}/file"
        with urllib.request.urlopen(url, timeout=20) as got:
            return got.read()

    def series(self) -> dict[str, list[str]]:
        """Return instances (Orthanc's identifiers) by Series Instance UID."""
        return {
            one["MainDicomTags"]["SeriesInstanceUID"]: one["Instances"]
            for one in self.get("series?expand")
        }

    def post(self, path: str, content: bytes | dict, method: str = "POST"):
        body = json.dumps(content).encode() if isinstance(content, dict) else content
        url = f"http://127.0.0.1:{self.http_port}/{path}"
        request = urllib.request.Request(url, data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as got:
            text = got.read()
        return json.loads(text) if text.strip() else None

    def delete(self, path: str) -> None:
        self.post(path, b"", "DELETE")

    def know(self, name: str, port: int, ae_title: str = "SYNTHNODE") -> None:
        """Add a modality, so that things can be moved and reported to it."""
        about = {"AET": ae_title, "Host": "127.0.0.1", "Port": port}
        self.post(f"modalities/{name}", about, "PUT")

    def upload(self, *files: bytes) -> None:
        for file in files:
            self.post("instances", file)

    def send(self, modality: str, series_id: str) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/modalities/{modality}/store",
            data=series_id.encode(),
        )
        urllib.request.urlopen(request, timeout=60).read()

    def peer(self, **values) -> dict:
        """Return the [[peer]] entry that makes this a destination."""
        return {
            "name": "pacs",
            "ae_title": self.ae_title,
            "host": "127.0.0.1",
            "port": self.dicom_port,
            "may": ["echo", "store"],
            **values,
        }
