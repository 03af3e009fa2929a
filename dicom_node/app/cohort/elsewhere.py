"""A cohort drawn from a PACS: who is asked, and where it comes to lie."""

from collections.abc import Callable
from datetime import datetime
from time import sleep

from dicom_node.app.build import Node
from dicom_node.app.clock import utc_now
from dicom_node.app.cohort.here import task_of
from dicom_node.cohort import Clock, Cohort, Drawing, DrawProgress, Drew
from dicom_node.draws import Drawn
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.series import OwnIdentity

__all__ = ["draw_from", "forget"]


def draw_from(
    node: Node, cohort: Cohort, progress: DrawProgress, told: Callable[[str], None]
) -> Drew:
    """Draw what a cohort may choose from the PACS that it names.

    Parameters
    ----------
    progress : callable
        Told of each study that was listed, and of each series that was drawn.
    told : callable
        Told, in a sentence, what is waited for.

    Raises
    ------
    NotPossible
        When the cohort names no task, or no archive that could be drawn from.
    PeerAway, PeerRefused, ArchiveFull, ArchiveBroken, DatabaseAway
        As :meth:`dicom_node.cohort.Drawing.run`.
    """
    task = task_of(node, cohort)
    if cohort.is_here:
        raise NotPossible("archive = 'here': what is here needs no drawing; choose it at once")
    holder = node.peers.holders().get(cohort.archive)
    if holder is None:
        known = ", ".join(sorted(node.peers.holders())) or "none"
        text = f"archive = '{cohort.archive}': no such archive can be drawn from; known are {known}"
        raise NotPossible(
            f'{text}. A peer with ask = ["find", "move"] and "store" in may, or a DICOMweb '
            'destination with ask = ["find"], is wanted in peers.toml'
        )
    own = OwnIdentity.of(node.node_uid, node.catalogue.by_digest)
    drawn = Drawn.of(node.settings, node.database, utc_now)
    wanted = task.needs, str(task.makes)
    clock = Clock(datetime.now, sleep, told)
    return Drawing(holder, drawn, cohort, wanted, own, clock).run(progress)


def forget(node: Node, peer: str, tell: Callable[[], None]) -> int:
    """Delete what was drawn from a peer; return how many objects.

    Parameters
    ----------
    tell : callable
        Called before anything is deleted.

    Raises
    ------
    NotKnown
        When nothing was ever drawn from one of that name.
    NotPossible
        When somebody draws from it.
    """
    drawn = Drawn.of(node.settings, node.database, utc_now)
    if peer not in (known := drawn.peers()):
        text = f"nothing was drawn from '{peer}'"
        raise NotKnown(f"{text}; there is something of: {', '.join(sorted(known)) or 'nobody'}")
    with drawn.only_one(peer):
        tell()
        return drawn.forget(peer)
