"""``dicom-node web`` in a process of its own."""

import json
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.node import NodeConf


class RunningWeb:
    """The web process of a configuration folder, and tokens for it."""

    def __init__(self, conf: NodeConf, tls: ssl.SSLContext | None = None) -> None:
        self.folder = conf.write()
        self.port = conf.web_port
        self.tls = tls
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{conf.web_port}"
        self.words: list[str] = []
        self.process: subprocess.Popen | None = None

    def start(self, wait_s: float = 60.0) -> "RunningWeb":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node", "--conf", str(self.folder), "web"],
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + wait_s
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health/live", timeout=5, context=self.tls):
                    return self
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(f"it does not serve: {self.words}") from None
                time.sleep(0.1)

    def _listen(self, process) -> None:
        with process.stderr as lines:
            self.words.extend(lines)

    def stop(self) -> int:
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def token(self, *scopes: str) -> str:
        words = [word for scope in scopes for word in ("--scope", scope)]
        done = subprocess.run(
            [sys.executable, "-m", "dicom_node", "--conf", str(self.folder),
             "tokens", "create", "tester", *words, "--json"],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return json.loads(done.stdout)["token"]

    def peak_mb(self) -> float:
        """Return the most memory that the process ever had, in MB (proc(5), VmHWM)."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in text.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def forget_peak(self) -> None:
        """Let the peak begin again with what is in memory now (proc(5), clear_refs)."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
