"""Add files from disk."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import click

from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.archive import Associations, Outcome, Received, read_part10
from dicom_node.archive.associations import INGEST
from dicom_node.audit import Fate, Person, Tally, events, person_of
from dicom_node.cli.context import Context
from dicom_node.errors import Mismatched, NotDicom
from dicom_node.values import Origin

__all__ = ["ingest"]

_STUDIES_A_MESSAGE = 20


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def ingest(context: Context, folder: Path) -> None:
    """Add every DICOM file under FOLDER to the archive.

    The studies are then planned like any that was sent, by the node that serves. Exit status: 0 all
    kept, 3 some refused, 1 none kept or the archive failed.

    \b
    Example:
      dicom-node ingest /mnt/export/study42
    """
    adding = _Adding(context.begin(), (str(uuid4()), INGEST, utc_now()))
    person = person_of(context.environ)
    whole = False
    try:
        adding.add(_files(folder, adding.refused))
        whole = True
    finally:  # whatever failed: what was kept is told, and nobody waits for more
        adding.report()
        try:
            adding.tell(person, folder.absolute().as_uri())
        finally:
            adding.close(whole=whole)
    if adding.refused or not adding.kept:
        raise click.exceptions.Exit(3 if adding.kept else 1)


class _Adding:
    """One run: what became of each file.

    Parameters
    ----------
    node : Node
    association : (id, peer, opened_at)
        Under which the files are entered.
    """

    def __init__(self, node: Node, association: tuple[str, str, datetime]) -> None:
        self._node = node
        self._association = association
        self._counts = dict.fromkeys(Outcome, 0)
        self._tally = Tally()
        self.refused: dict[Path, str] = {}

    @property
    def kept(self) -> int:
        """How many files are in the archive now."""
        return sum(self._counts.values())

    def add(self, files: Sequence[Path]) -> None:
        """Keep each file, or note why not."""
        with click.progressbar(files, label="Adding") as bar:
            for path in bar:
                try:
                    self._add(path)
                except (NotDicom, Mismatched) as exc:
                    self.refused[path] = str(exc)

    def _add(self, path: Path) -> None:
        try:
            file = path.read_bytes()
        except OSError as exc:
            self.refused[path] = _unreadable(exc)
            return
        content, syntax = read_part10(file)
        received = Received(content, syntax, INGEST, Origin.INGESTED, association=self._association)
        kept = self._node.archive.keep(received)
        self._counts[kept.outcome] += 1
        self._tally.kept(kept)

    def close(self, *, whole: bool) -> None:
        """Note that nothing more is to come; unless ``whole``, that there was more."""
        with self._node.database.transaction() as session:
            Associations(session).ended(self._association[0], utc_now(), released=whole)

    def tell(self, person: Person, folder_uri: str) -> None:
        """Tell the audit trail what was added, a few studies a message."""
        node, brought = self._node, self._tally.take()
        for fate in Fate:
            ones = [one for one in brought if one.fate is fate]
            for at in range(0, len(ones), _STUDIES_A_MESSAGE):
                chunk = ones[at : at + _STUDIES_A_MESSAGE]
                studies = [one.study(node.database, node.archive.folder) for one in chunk]
                ended = fate.outcome, fate.because
                node.audit.record(
                    events.data_imported(utc_now(), person, folder_uri, studies, *ended)
                )

    def report(self) -> None:
        """Print the summary."""
        click.echo(
            f"{self._counts[Outcome.NEW]} new, {self._counts[Outcome.SAME]} there already, "
            f"{self._counts[Outcome.DIFFERS]} kept apart (UID taken by other content), "
            f"{len(self.refused)} refused"
        )
        if not (self.kept or self.refused):
            click.echo("  there is no file in it", err=True)
        for path, reason in self.refused.items():
            click.echo(f"  {path}: {reason}", err=True)


def _files(folder: Path, refused: dict[Path, str]) -> list[Path]:
    """Return the files under ``folder``; folders that cannot be read are noted as refused."""

    def note(exc: OSError) -> None:
        refused[Path(exc.filename)] = _unreadable(exc)

    found = (Path(at) / name for at, _, names in os.walk(folder, onerror=note) for name in names)
    return sorted(path for path in found if _is_file(path))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # nobody may look; reading it will say so
        return True


def _unreadable(exc: OSError) -> str:
    return f"it cannot be read: {exc.strerror or exc}; check its permissions"
