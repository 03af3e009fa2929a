"""What every command is given."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dicom_node.app import Node, open_node
from dicom_node.app.clock import utc_now
from dicom_node.audit import alerts, person_of

__all__ = [
    "JOB_ID",
    "Context",
    "Uid",
    "Words",
    "as_json",
    "follow_parent",
    "json_option",
    "progress_bar",
    "progress_bars",
    "uri_of_job",
]

JOB_ID = click.IntRange(1, 2**31 - 1)


class Uid(click.ParamType[str]):
    """A DICOM UID; one that breaks the rules of PS3.5 9.1 may have been sent all the same."""

    name = "uid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the UID, or end as wrong usage."""
        if not (value.isascii() and value.isprintable()):
            self.fail(f"{value!a} is no UID; digits and dots are wanted", param, ctx)
        return str(value)


class Words(click.ParamType[str]):
    """What a person writes, in one line.

    Parameters
    ----------
    most : int
        Characters.
    """

    name = "text"

    def __init__(self, most: int) -> None:
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the words, or end as wrong usage."""
        words = " ".join(str(value).split())
        wanted = bool(value) or (param is not None and param.required)
        if not (words.isprintable() and len(words) <= self._most) or (wanted and not words):
            text = f"{value!a} is none; one line of at most {self._most} characters is wanted"
            self.fail(text, param, ctx)
        return words


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

    def restricted(self, node: Node, uri: str, what: str, study_uid: str = "") -> None:
        """Tell the audit trail what whoever runs this command did.

        Parameters
        ----------
        uri : str
            What it was done to.
        what : str
            A sentence.
        study_uid : str
            The study that it concerns, if it concerns one.
        """
        person = person_of(self.environ)
        node.audit.record(alerts.restricted_function(utc_now(), person, uri, what, study_uid))

    def open(self) -> Node:
        """Open the node that the folder describes.

        Raises
        ------
        SettingsError, DatabaseAway
            When it cannot be opened.
        NotPossible
            When there is none yet. An empty one would answer that all is well, where a disk is not
            mounted, and would be in the way of a restore.
        """
        return open_node(self.conf, self.environ, begins=False)

    def begin(self) -> Node:
        """Open the node that the folder describes; where there is none yet, it begins here.

        Raises
        ------
        SettingsError, DatabaseAway
            When it cannot be opened.
        """
        return open_node(self.conf, self.environ)


def follow_parent() -> None:
    """Wait for the end of standard input: then the serving process is gone, and so are we."""
    while os.read(0, 4096):  # unbuffered: a buffer's lock would be in the way of a normal exit
        continue
    os._exit(0)


def uri_of_job(job_id: int) -> str:
    """Return what the audit trail calls a job."""
    return f"urn:dicom-synthesis-node:job:{job_id}"


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Draw progress on a terminal only; give what is told how much more is done, of how much."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=hidden) as bar:

        def progress(more: int, total: int) -> None:
            bar.length = total
            bar.update(more)

        yield progress


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Draw one bar after the other, each with its label, on a terminal only."""
    with ExitStack() as bars:
        now: dict[str, Callable[[int, int], None]] = {}

        def progress(label: str, more: int, total: int) -> None:
            if label not in now:
                bars.close()
                now[label] = bars.enter_context(progress_bar(label))
            now[label](more, total)

        yield progress


def as_json(value: Any) -> None:
    """Print ``value`` for a script."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


json_option = click.option("--json", "wants_json", is_flag=True, help="Print JSON for scripts.")
