"""What archives list of a series, asked at this moment and of nobody's memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dicom_node.app.build import Node
from dicom_node.destination.receipt import Lists
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.remote import Place

__all__ = ["Finding", "Seen", "looks"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one archive lists.

    Parameters
    ----------
    found : int or None
        How many instances; None where that is not known.
    how : str
        How it was asked, or why it was not.
    is_silent : bool
        Whether it may be asked, and did not say what it lists: nobody knows what is there.
    """

    found: int | None = None
    how: str = "it may not be asked (ask in peers.toml: find)"
    is_silent: bool = False


_BY_FILES = "by the files in its folder"
Finding = Callable[[str, str], Seen]
"""Looks for a series: study UID and series UID to what is listed."""


def looks(node: Node) -> Mapping[str, Finding]:
    """Return how each destination is looked at that can be."""
    settings = node.settings
    found: dict[str, Finding] = {
        name: partial(_listed, archive) for name, archive in node.peers.archives().items()
    }
    for one in settings.destinations:
        if one.kind == "folder":
            found[one.name] = partial(_files, settings.folder / one.path)
    return found


def _listed(archive: Lists, study_uid: str, series_uid: str) -> Seen:
    try:
        return Seen(len(archive.images(Place(study_uid, series_uid))), "by a query for its images")
    except (PeerAway, PeerRefused) as exc:
        return Seen(None, str(exc), is_silent=True)


def _files(folder: Path, _study_uid: str, series_uid: str) -> Seen:
    """Count the files of a series in a folder that is there, and says what is in it."""
    try:
        if series_uid not in {one.name for one in folder.iterdir()}:
            return Seen(0, _BY_FILES)
        names = [one.name for one in (folder / series_uid).iterdir()]
    except FileNotFoundError:
        return Seen(None, f"{folder} is not there; is it mounted?", is_silent=True)
    except OSError as exc:
        return Seen(None, f"{exc.filename} cannot be read: {exc.strerror}", is_silent=True)
    return Seen(sum(name.endswith(".dcm") for name in names), _BY_FILES)
