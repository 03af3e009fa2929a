"""Instances as DICOM: the archived bytes where the client takes them, else explicit little."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node import log
from dicom_node.archive.part10 import meta_header
from dicom_node.archive.reader import recoded
from dicom_node.audit import Outcome
from dicom_node.errors import ArchiveError, NotKnown, Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import ANY, DICOM, Offer, Wanted, chosen, wanted_by
from dicom_node.web.address import uids_of
from dicom_node.web.multipart import Part, multipart_answer
from dicom_node.web.problem import Refused
from dicom_node.web.retrieve.located import (
    Keys,
    file_of,
    found_at,
    instances_of,
    opened,
    the_one,
)
from dicom_node.web.services import Served, Services
from dicom_node.web.told import Account

__all__ = ["instance_answer", "many_answer"]

_log = log.get("web")
_PIECE = 2**18
_IN_PARTS, _WHOLE = Offer(DICOM, multipart=True), Offer(DICOM)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Which encodings a client takes."""

    syntaxes: frozenset[str]

    @classmethod
    def of(cls, wanted: Collection[Wanted], offer: Offer) -> "_Taken":
        """Read what was said for this way of answering; who names none means explicit little."""
        fitting = [one for one in wanted if one.takes(offer.kind, multipart=offer.multipart)]
        return cls(frozenset(one.syntax or str(ExplicitVRLittleEndian) for one in fitting))

    def is_stored(self, syntax: str) -> bool:
        """Whether the archived bytes will do."""
        return ANY in self.syntaxes or syntax in self.syntaxes

    def is_recoded(self, syntax: str) -> bool:
        """Whether it can be given in another encoding that will do."""
        return str(ExplicitVRLittleEndian) in self.syntaxes and UID(syntax).is_transfer_syntax


def instance_answer(request: Request, services: Served) -> Response:
    """Answer with one instance, as a part or as a file."""
    wanted = wanted_by(request)
    offer = chosen(wanted, (_IN_PARTS, _WHOLE))
    uids = uids_of(request)
    if offer.multipart:
        return _many(request, services, found_at(services, uids), _Taken.of(wanted, offer))
    instance = the_one(services, uids)
    taken = _Taken.of(wanted, offer)
    _begins(request, instance.study_uid, 1)
    syntax = instance.transfer_syntax_uid
    stack = ExitStack()
    if taken.is_stored(syntax):
        file = file_of(instance)
    elif not taken.is_recoded(syntax):
        raise Refused(406, _neither(syntax))
    else:
        try:
            file = stack.enter_context(_recoded(services, instance))
        except Unreadable as exc:
            stack.close()
            raise Refused(406, f"{_neither(syntax)}: {exc}") from exc
        syntax = str(ExplicitVRLittleEndian)
    account = Account(request, services)
    account.begin([instance])
    return _whole(file, syntax, _told(services, stack, account, instance))


def many_answer(request: Request, services: Served) -> Response:
    """Answer with all instances of a study or a series, a part each."""
    wanted = wanted_by(request)
    offer = chosen(wanted, (_IN_PARTS,))
    keys = found_at(services, uids_of(request))
    return _many(request, services, keys, _Taken.of(wanted, offer))


def _many(request: Request, services: Services, keys: Keys, taken: _Taken) -> Response:
    """Stream the parts; what cannot be given as the client takes it makes the answer partial."""
    left_out = sum(not _is_given(one, taken) for one in instances_of(services, keys))
    if left_out == len(keys):
        raise Refused(406, _neither(the_one(services, uids_of(request)).transfer_syntax_uid))
    _begins(request, keys[0][0], len(keys))
    account = Account(request, services)
    account.begin(instances_of(services, keys))
    parts = _parts(services, keys, taken, account)
    first = next(parts, None)
    if first is None:
        raise NotKnown("what this address means was deleted meanwhile; a query tells what is here")
    answer = multipart_answer(DICOM, chain([first], parts), 206 if left_out else 200)
    if left_out:
        text = f"{left_out} of {len(keys)} instances are in encodings that Accept does not name"
        answer.headers["Warning"] = f'299 dicom-node "{text}"'
    return answer


def _parts(services: Services, keys: Keys, taken: _Taken, account: Account) -> Iterator[Part]:
    """Yield the parts; what is deleted meanwhile is left out, as a query leaves it out."""
    with account:
        for one in instances_of(services, keys):
            if not _is_given(one, taken):
                account.went(one, Outcome.SERIOUS, "Accept does not name its encoding")
                continue
            try:
                part = _part(services, one, taken)
            except NotKnown:
                account.went(one, Outcome.SERIOUS, "it was deleted meanwhile")
                continue
            except ArchiveError:
                account.went(one, Outcome.SERIOUS, "there was no room to encode it")
                raise
            with _noting(services, account, one):
                yield part


@contextmanager
def _noting(services: Services, account: Account, instance: Instance) -> Iterator[None]:
    """Count an instance: as given where all of it was taken."""
    is_whole = False
    try:
        yield
        is_whole = True
    finally:
        if is_whole:
            services.tally.add("web_retrieved_instances_total", {})
            account.went(instance)
        else:
            account.went(instance, Outcome.SERIOUS, "it was broken off")


def _is_given(instance: Instance, taken: _Taken) -> bool:
    syntax = instance.transfer_syntax_uid
    return taken.is_stored(syntax) or taken.is_recoded(syntax)


def _part(services: Services, instance: Instance, taken: _Taken) -> Part:
    """Return one instance; one that cannot be decoded comes as it is archived, and says so.

    Left out, it would be missed by nobody. Its part names the encoding that it is in.
    """
    syntax = instance.transfer_syntax_uid
    if not taken.is_stored(syntax):
        stack = ExitStack()
        try:
            file = stack.enter_context(_recoded(services, instance))
            return Part(_kind(str(ExplicitVRLittleEndian)), _pieces(file, stack))
        except Unreadable as exc:
            stack.close()
            uid = instance.sop_instance_uid
            _log.warning("sent as archived", sop_instance_uid=uid, why=str(exc))
    return Part(_kind(syntax), _pieces(file_of(instance), ExitStack()))


@contextmanager
def _recoded(services: Services, instance: Instance) -> Iterator[BinaryIO]:
    """Give a file that holds the instance in explicit little endian."""
    with opened(services, instance) as source, services.archive.scratch() as file:
        syntax = str(ExplicitVRLittleEndian)
        file.write(meta_header(instance.sop_class_uid, instance.sop_instance_uid, syntax))
        recoded(source, file, services.settings.frame_mb * 2**20)
        file.seek(0)
        yield file


@contextmanager
def _told(
    services: Services, stack: ExitStack, account: Account, instance: Instance
) -> Iterator[None]:
    """Hold what an instance is made from while it is given, and tell what became of it."""
    with stack, account, _noting(services, account, instance):
        yield


def _whole(file: BinaryIO, syntax: str, held: AbstractContextManager[object]) -> Response:
    size = file.seek(0, 2)
    file.seek(0)
    headers = {"Content-Length": str(size)}
    return StreamingResponse(_pieces(file, held), 200, headers, media_type=_kind(syntax))


def _pieces(file: BinaryIO, held: AbstractContextManager[object]) -> Iterator[bytes]:
    with held, file:
        while piece := file.read(_PIECE):
            yield piece


def _kind(syntax: str) -> str:
    return f"{DICOM}; transfer-syntax={syntax}"


def _neither(syntax: str) -> str:
    return (
        f"it is archived in {UID(syntax).name}, which Accept does not name, and cannot be given in "
        "what it does; transfer-syntax=* takes it as it is"
    )


def _begins(request: Request, study_uid: str, instances: int) -> None:
    """Log it before anything is given; what became of each is counted, and audited, behind."""
    caller = str(request.scope.get("caller", ""))
    _log.info("retrieval begins", caller=caller, study_uid=study_uid, instances=instances)
