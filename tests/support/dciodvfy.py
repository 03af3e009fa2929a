"""The validator of dicom3tools, from the environment: an older one on the system knows less."""

import subprocess
import sys
from pathlib import Path

ALLOWED = (
    "99SYNTHNODE",  # our coding scheme
    "CodingSchemeUID",
    "ContributingEquipmentSequence",
)
"""Warnings that may stand: our own coding scheme, and DeviceUID in contributing equipment."""


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def dciodvfy(path: Path) -> tuple[list[str], list[str]]:
    """Return errors, and warnings that are not allowed."""
    said = subprocess.run(
        [_program("dciodvfy"), "-new", str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = (said.stdout + said.stderr).splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    warnings = [
        line
        for line in lines
        if line.startswith("Warning") and not any(word in line for word in ALLOWED)
    ]
    assert any(line.strip() for line in lines), "the validator said nothing at all"
    return errors, warnings


def dcentvfy(paths: list[Path]) -> list[str]:
    """Return what is inconsistent between the entities of ``paths``."""
    said = subprocess.run(
        [_program("dcentvfy"), *map(str, paths)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return [line for line in (said.stdout + said.stderr).splitlines() if line.strip()]
