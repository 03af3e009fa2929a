"""What a peer brought, told: study by study, and by what became of it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from dicom_node.archive import Received, identify, meta_header
from dicom_node.audit.message import Event, Study, events, read_study
from dicom_node.audit.tally import Brought, Fate, Tally
from dicom_node.content import head_of
from dicom_node.db import Database
from dicom_node.errors import NotDicom

__all__ = ["count_apart", "events_of"]

_AS_FAR_AS_THE_PATIENT = 65_536


def count_apart(tally: Tally, fate: Fate, received: Received) -> None:
    """Count an instance that is not archived; one without a study is in the ordinary log alone."""
    head = head_of(received.content)
    try:
        identity = identify(head, received.transfer_syntax_uid)
    except NotDicom:
        return
    study = Study(identity.study_uid)
    if not tally.knows_apart(study.uid, fate):
        syntax = received.transfer_syntax_uid
        header = meta_header(identity.sop_class_uid, identity.sop_instance_uid, syntax)
        study = read_study(study.uid, (), header + head[:_AS_FAR_AS_THE_PATIENT])
    tally.apart(study, fate, identity.sop_class_uid)


def events_of(
    brought: Sequence[Brought],
    way: events.Way,
    now: Callable[[], datetime],
    store: tuple[Database, Path],
) -> list[Event]:
    """Return a transfer for each study and what became of it (PS3.15 A.5.3.7).

    Parameters
    ----------
    way : Way
        From whom it came.
    now : callable
        The clock, UTC.
    store : (Database, Path)
        The database, and the archive's folder: where patients are looked up.
    """
    told = []
    for one in brought:
        study, fate = one.study(*store), one.fate
        told.append(
            events.instances_transferred(now(), way, study, fate.action, fate.outcome, fate.because)
        )
    return told
