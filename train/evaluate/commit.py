"""Which state of the code measured."""

import subprocess
from pathlib import Path

__all__ = ["commit"]


def commit() -> str:
    """Return the commit of this code, with ``-dirty`` where files differ; empty when installed.

    A figure is worth as much as what it can be made again from: recipe, seed and code.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
