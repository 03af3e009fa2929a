"""From the UIDs of an address to the instances that are meant."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

from dicom_node import log
from dicom_node.archive import Studies
from dicom_node.archive.query import ATTRIBUTES, Condition, Level, Query
from dicom_node.archive.reader import Source, opened_source
from dicom_node.errors import NotKnown
from dicom_node.rejections import Standing
from dicom_node.values import Instance
from dicom_node.web.services import Services

__all__ = ["Keys", "file_of", "found_at", "instances_of", "opened", "the_one"]

Keys = Sequence[tuple[str, ...]]
"""Study, Series and SOP Instance UID of each instance."""
_log = log.get("web")
_BATCH = 100
_GONE = "the instance was deleted, or taken back, meanwhile; a query tells what is here"


def found_at(services: Services, uids: Mapping[str, str]) -> Keys:
    """Return the instances that an address means, in the order of their numbers.

    Parameters
    ----------
    uids : mapping
        Keyword to UID, from the study down as far as the address goes.

    Raises
    ------
    NotKnown
        When there is none.
    """
    conditions = tuple(Condition(ATTRIBUTES[word], (uid,)) for word, uid in uids.items())
    keys = services.finder.keys(Query(Level.IMAGE, conditions, ()))
    if not keys:
        raise NotKnown("there is no such study, series or instance here; a query tells what is")
    return keys


def instances_of(services: Services, keys: Keys) -> Iterator[Instance]:
    """Yield instances; what is gone or taken back meanwhile is left out.

    No transaction is open in between.
    """
    for start in range(0, len(keys), _BATCH):
        batch = [key[2] for key in keys[start : start + _BATCH]]
        with services.database.reading() as session:
            known = Studies(session, services.archive.folder).instances(batch)
            barred = Standing(session).barred(known)
        for uid, why in barred.items():
            _log.warning("not retrieved", sop_instance_uid=uid, why=why)
        by_uid = {one.sop_instance_uid: one for one in known if one.sop_instance_uid not in barred}
        yield from (by_uid[uid] for uid in batch if uid in by_uid)


def the_one(services: Services, uids: Mapping[str, str]) -> Instance:
    """Return the instance of an address that names one.

    Raises
    ------
    NotKnown
        When it is not there.
    """
    for instance in instances_of(services, found_at(services, uids)):
        return instance
    raise NotKnown(_GONE)


def file_of(instance: Instance) -> BinaryIO:
    """Open the file of an instance as it is archived.

    Raises
    ------
    NotKnown
        When it is gone.
    """
    try:
        return instance.path.open("rb")
    except FileNotFoundError as exc:
        raise NotKnown(_GONE) from exc


def opened(services: Services, instance: Instance) -> AbstractContextManager[Source]:
    """Open the file of an instance.

    Raises
    ------
    Unreadable
        When it is not what its row says.
    NotKnown
        When it is gone: retention deletes rows first, and the file a moment later.
    """
    if not instance.path.is_file():
        raise NotKnown(_GONE)
    return opened_source(instance.path, instance.transfer_syntax_uid, services.archive.scratch)
