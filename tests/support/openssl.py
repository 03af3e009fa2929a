"""openssl's own client and server: peers that do with TLS what they are told."""

import os
import select
import subprocess
from pathlib import Path

from tests.support.need import free_port, program
from tests.support.until import until_open
from tests.support.wire import RELEASE, associate_rq


def ask(port: int, *arguments: object, wait_s: float = 10.0) -> tuple[list[int], str]:
    """Ask for an association through ``openssl s_client``, and release it.

    Return the kinds of the PDUs that were answered, and what openssl said.
    """
    client = subprocess.Popen(
        [program("/usr/bin/openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{port}",
         "-quiet", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    kinds = []
    try:
        for content in (associate_rq(), RELEASE):
            os.write(client.stdin.fileno(), content)
            if not (answer := _some(client.stdout.fileno(), wait_s)):
                break
            kinds.append(answer[0])
    except BrokenPipeError:
        pass  # refused before it could say anything
    client.stdin.close()
    client.kill() if len(kinds) == 2 else client.wait(wait_s)
    said = client.stderr.read().decode()
    client.stdout.close(), client.stderr.close(), client.wait(wait_s)
    return kinds, said


def _some(number: int, wait_s: float) -> bytes:
    ready, _, _ = select.select([number], [], [], wait_s)
    return os.read(number, 65536) if ready else b""


class Server:
    """``openssl s_server``: shakes hands as it is told, and knows no DICOM."""

    def __init__(self, *arguments: object) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [program("/usr/bin/openssl", "openssl"), "s_server", "-accept", str(self.port),
             *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> "Server":
        until_open(self.port)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.stdin.close()
        self._process.wait(10)


def file(path: Path, *parts: Path) -> Path:
    """Write certificates one behind the other."""
    path.write_text("".join(part.read_text() for part in parts))
    return path
