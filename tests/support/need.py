"""A part that is missing skips a test with a reason; in CI it fails it."""

import os
import secrets
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest


def program(*names: str) -> str:
    """Return the path of the first program that is there; an active environment shadows none."""
    for name in names:
        found = name if Path(name).is_file() else shutil.which(name, path="/usr/sbin:/usr/bin:/bin")
        if found:
            return found
    return missing(f"{' or '.join(names)} is not installed; 'make test' installs it")


def missing(reason: str):
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def data_folder() -> Path:
    """Return the folder of real data; skip without it, but in CI only when told in so many words.

    ``DICOM_NODE_DATA=none`` says that a run has no real data.
    """
    root = Path(__file__).parents[2]
    named = os.environ.get("DICOM_NODE_DATA", str(root.parent / "shared" / "data"))
    if named == "none":
        pytest.skip("run without real data: DICOM_NODE_DATA=none")
    if not (Path(named) / "manifest.json").is_file():
        missing(f"no real data at {named}; set DICOM_NODE_DATA, or DICOM_NODE_DATA=none")
    return Path(named)


_PORTS = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections, which could take one before it is used."""


def free_port() -> int:
    """Return one of many: tests that run side by side hardly ever draw the same."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
