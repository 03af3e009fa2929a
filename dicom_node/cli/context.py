"""What every command is given."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dicom_node.app import Node, open_node

__all__ = ["Context", "as_json", "json_option"]


@dataclass(frozen=True, slots=True)
class Context:
    """The configuration folder and the environment.

    Parameters
    ----------
    conf : Path
        As given with ``--conf``.
    environ : mapping
        ``NODE_*`` in it overrides the folder.
    """

    conf: Path
    environ: Mapping[str, str]

    @classmethod
    def of_process(cls, conf: Path) -> "Context":
        """Return the context of this process."""
        return cls(conf, dict(os.environ))

    def open(self) -> Node:
        """Open the node that the folder describes.

        Raises
        ------
        SettingsError, DatabaseAway
            When it cannot be opened.
        """
        return open_node(self.conf, self.environ)


def as_json(value: Any) -> None:
    """Print ``value`` for a script."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


json_option = click.option("--json", "wants_json", is_flag=True, help="Print JSON for scripts.")
