"""The PACS of the demo: Orthanc where it is installed, else a receiver of its own."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from pynetdicom import AE, StoragePresentationContexts, evt

__all__ = ["Pacs", "open_pacs"]

ORTHANC = ("/usr/sbin/Orthanc", "Orthanc")


class Pacs(Protocol):
    """Something that takes a series and gives it back as files."""

    name: str
    ae_title: str

    def series(self, uid: str, out: Path) -> list[Path]:
        """Write the instances of a series into ``out``, and return their paths."""

    def stop(self) -> None:
        """End it."""


def open_pacs(folder: Path, port: int, http_port: int) -> Pacs:
    """Start the PACS; its data lie in ``folder``."""
    program = next((found for name in ORTHANC if (found := shutil.which(name))), None)
    folder.mkdir(parents=True)
    return _Orthanc(program, folder, port, http_port) if program else _Receiver(folder, port)


class _Orthanc:
    """Orthanc, asked over its REST interface."""

    name, ae_title = "Orthanc", "ORTHANC"

    def __init__(self, program: str, folder: Path, port: int, http_port: int) -> None:
        self._url = f"http://127.0.0.1:{http_port}"
        conf = {
            "Name": "Demo PACS",
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "HttpPort": http_port,
            "DicomPort": port,
            "DicomAet": self.ae_title,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "Plugins": [],
        }
        path = folder / "orthanc.json"
        path.write_text(json.dumps(conf, indent=1))
        self._process = subprocess.Popen(
            [program, str(path)],
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                self._get("system")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise RuntimeError("Orthanc did not start; look at its configuration in the demo's folder")

    def series(self, uid: str, out: Path) -> list[Path]:
        """Download every instance of the series."""
        found = [
            one
            for one in json.loads(self._get("series?expand"))
            if one["MainDicomTags"]["SeriesInstanceUID"] == uid
        ]
        paths = []
        for number, instance in enumerate(found[0]["Instances"] if found else []):
            paths.append(out / f"{number:04d}.dcm")
            paths[-1].write_bytes(self._get(f"instances/{instance}/file"))
        return paths

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(20)

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=20) as answer:  # noqa: S310
            return bytes(answer.read())


class _Receiver:
    """A storage SCP that keeps what it gets."""

    name, ae_title = "a receiving SCP of the demo's own", "RECEIVER"

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        ae = AE(ae_title=self.ae_title)
        ae.supported_contexts = StoragePresentationContexts
        self._server = ae.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )

    def series(self, uid: str, out: Path) -> list[Path]:
        """Copy every instance of the series."""
        found = sorted((self._folder / uid).glob("*.dcm"))
        return [Path(shutil.copy(path, out / path.name)) for path in found]

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.shutdown()

    def _store(self, event: evt.Event) -> int:
        ds = event.dataset
        target = self._folder / str(ds.SeriesInstanceUID) / f"{ds.SOPInstanceUID}.dcm"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(event.encoded_dataset())
        return 0x0000
