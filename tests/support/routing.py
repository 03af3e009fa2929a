"""What an administrator pastes from examples/routing, with the addresses of a test put in."""

import json
import os
import subprocess
import time
import tomllib
from pathlib import Path

from tests.support.dcmtk import echoscu
from tests.support.need import free_port, program
from tests.support.orthanc import Orthanc

SHELL = "/bin/sh"
EXAMPLES = Path(__file__).parents[2] / "examples" / "routing"


def orthanc_with(folder: Path, script: Path, node_port: int) -> Orthanc:
    """Return Orthanc with the configuration of the example, not started yet."""
    options = json.loads((EXAMPLES / "orthanc.json").read_text())
    assert set(options.pop("DicomModalities")) == {"node"}
    options |= {"LuaScripts": [str(script)], "StableAge": 1}
    return Orthanc(
        folder,
        modalities={"node": {"AET": "SYNTHNODE", "Host": "127.0.0.1", "Port": node_port}},
        options=options,
    )


class Router:
    """The DCMTK script of the example, serving."""

    def __init__(self, folder: Path, node_port: int) -> None:
        program("/usr/bin/storescp")
        self.port, self.spool = free_port(), folder / "spool"
        self._environ = {
            **os.environ, "ROUTER_PORT": str(self.port), "QUIET_S": "1", "SPOOL": str(self.spool),
            "NODE_HOST": "127.0.0.1", "NODE_PORT": str(node_port),
        }  # fmt: skip
        self._log = folder / "router.log"
        self._process: subprocess.Popen | None = None

    def start(self) -> "Router":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [SHELL, str(EXAMPLES / "dcmtk.sh"), "serve"],
                env=self._environ, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while echoscu(self.port, called="ROUTER").returncode:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self

    def send(self) -> subprocess.CompletedProcess:
        """Send what waits, as cron does."""
        return subprocess.run(
            [SHELL, str(EXAMPLES / "dcmtk.sh"), "send"],
            env=self._environ, check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def waiting(self) -> int:
        """Return how many files have not gone on."""
        return sum(path.is_file() for path in self.spool.glob("*/**/*"))

    def until(self, count: int, wait_s: float = 120.0) -> None:
        """Wait until no study is in reception, and ``count`` files wait to go on."""
        deadline = time.monotonic() + wait_s
        while any((self.spool / "in").iterdir()) or self.waiting() != count:
            assert time.monotonic() < deadline, (self.waiting(), self.said())
            time.sleep(0.1)

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


def example_peer(port: int) -> dict:
    """Return the [[peer]] of the example, at the port of a test."""
    (peer,) = tomllib.loads((EXAMPLES / "peers.toml").read_text())["peer"]
    return {**peer, "host": "127.0.0.1", "port": port}
