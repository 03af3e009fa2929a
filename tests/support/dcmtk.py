"""DCMTK's programs by their full path: pynetdicom installs others of the same name."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.need import program


def storescu(port: int, *paths: Path, calling: str = "SCANNER", called: str = "SYNTHNODE"):
    """Send files; return what the program said."""
    return subprocess.run(
        [program("/usr/bin/storescu"), "-v", "-aet", calling, "-aec", called, "127.0.0.1",
         str(port), *map(str, paths)],
        check=False, capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip


def send_noting(port: int, paths: Sequence[Path]) -> set[Path]:
    """Send files as a modality does; return those that were answered with success."""
    said = storescu(port, *paths)
    kept, current = set(), None
    for line in (said.stdout + said.stderr).splitlines():
        if line.startswith("I: Sending file: "):
            current = Path(line.removeprefix("I: Sending file: "))
        if line.startswith("I: Received Store Response (Success)"):
            kept.add(current)
    return kept


def echoscu(port: int, calling: str = "SCANNER", called: str = "SYNTHNODE"):
    return subprocess.run(
        [
            program("/usr/bin/echoscu"),
            "-v",
            "-aet",
            calling,
            "-aec",
            called,
            "127.0.0.1",
            str(port),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


def getscu(port: int, folder: Path, *keys: str, options: Sequence[str] = ("-S",)):
    """Retrieve by C-GET into ``folder``, bytes as they come; return what the program said."""
    return _retrieve("getscu", port, folder, options, keys)


def movescu(port: int, destination: tuple[str, int | None], folder: Path, *keys: str,
            options: Sequence[str] = ("-S",)):  # fmt: skip
    """Have sent by C-MOVE; with a port the program receives itself, into ``folder``."""
    title, own_port = destination
    receiving = [] if own_port is None else ["+P", str(own_port)]
    return _retrieve("movescu", port, folder, ["-aem", title, *receiving, *options], keys)


def _retrieve(name: str, port: int, folder: Path, arguments: Sequence[str], keys: Sequence[str]):
    folder.mkdir(parents=True, exist_ok=True)
    asked = [part for key in keys for part in ("-k", key)]
    return subprocess.run(
        [program(f"/usr/bin/{name}"), "-v", "+B", *arguments, "-aet", "SCANNER",
         "-aec", "SYNTHNODE", *asked, "127.0.0.1", str(port)],
        check=False, capture_output=True, text=True, timeout=300,
        cwd=folder,  # movescu writes what it preserves nowhere else
    )  # fmt: skip
