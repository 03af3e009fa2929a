"""Counts: what a destination that does not commit itself shows to have."""

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.remote import Place
from dicom_node.scu import SeriesThere
from dicom_node.values import Instance

__all__ = ["Counted", "Counts", "FolderCounts", "Lists", "PeerCounts"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was found.

    Parameters
    ----------
    held : frozenset of str or None
        SOP Instance UIDs that are there; None where fewer are there than were sent, and it is not
        told which.
    how : str
        In words that follow the destination's name, or "vouches for all of it".
    """

    held: frozenset[str] | None
    how: str


class Counts(Protocol):
    """Something that looks what a destination has."""

    def count(self, instances: Sequence[Instance], total: int) -> Counted:
        """Return what is there of the ``instances`` of a series of which ``total`` were sent.

        Raises
        ------
        PeerAway, PeerRefused
            When that cannot be found out now, or not at all.
        """


class Lists(Protocol):
    """An archive that says what it has: by C-FIND, or by QIDO-RS."""

    def images(self, place: Place) -> frozenset[str]:
        """Return the SOP Instance UIDs of a series; PeerAway, PeerRefused where it does not say."""

    def series(self, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series of a study; PeerAway, PeerRefused where it does not say."""


class PeerCounts:
    """Counts by query: the UIDs at level IMAGE, or the number at level SERIES.

    Parameters
    ----------
    remote : Lists
    query : str
        What such a query is called.
    """

    def __init__(self, remote: Lists, query: str = "C-FIND") -> None:
        self._remote = remote
        self._query = query

    def count(self, instances: Sequence[Instance], total: int) -> Counted:
        """Return what the peer lists; where it lists no images, what number it gives."""
        first = instances[0]
        place = Place(first.study_uid, first.series_uid)
        try:
            listed = self._remote.images(place)
        except PeerRefused:  # a query at level IMAGE is more than some archives answer
            listed = frozenset()
        if listed:
            return Counted(listed, f"by a {self._query} that lists its instances")
        there = sum(
            one.instances
            for one in self._remote.series(place.study_uid)
            if one.series_uid == place.series_uid
        )
        if not there:
            return Counted(frozenset(), f"answered a {self._query}")
        if there >= total:
            everything = frozenset(one.sop_instance_uid for one in instances)
            return Counted(everything, f"by its own count: {there}")
        return Counted(None, f"counts {there} instances of {total}")


class FolderCounts:
    """Looks at the files in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def count(self, instances: Sequence[Instance], total: int) -> Counted:  # noqa: ARG002
        """Return what lies there byte for byte as it is in the archive."""
        if not self._folder.is_dir():
            raise PeerAway(f"{self._name}: {self._folder} is not there; is it mounted?")
        held = frozenset(one.sop_instance_uid for one in instances if self._has(one))
        return Counted(held, "by its files, byte for byte")

    def _has(self, one: Instance) -> bool:
        file = self._folder / one.series_uid / f"{one.sop_instance_uid}.dcm"
        try:
            return filecmp.cmp(one.path, file, shallow=False)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise PeerAway(f"{self._name}: {file.parent}: {exc.strerror}") from exc
