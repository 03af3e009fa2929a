"""What the web tells the audit trail: who asked what, who brought what, what went to whom."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from fastapi import Request

from dicom_node.audit import (
    US,
    Action,
    Event,
    Outcome,
    Remote,
    Study,
    Tally,
    events,
    events_of,
    read_study,
)
from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.sections import WEB_SENDER
from dicom_node.values import Instance
from dicom_node.web.services import Services

__all__ = ["Account", "remote_of", "sender_of", "tell_brought", "tell_part", "tell_query"]

_AS_A_QUERY_STRING = "application/x-www-form-urlencoded"
"""In place of a transfer syntax, which an address has none of: nobody takes it for a data set."""


def sender_of(request: Request) -> str:
    """Return under which name it is kept and told what a caller brings: ``web:`` and its token."""
    return f"{WEB_SENDER}{request.scope.get('caller', '')}"


def remote_of(request: Request) -> Remote:
    """Return who calls as a participant: by its token, and where it calls from."""
    return Remote(sender_of(request), address=request.client.host if request.client else "")


def tell_query(request: Request, services: Services, outcome: Outcome) -> None:
    """Record that a caller searched (PS3.15 A.5.3.10): before it is answered.

    What was asked is the path, for it names the level and what stands above it, with the query
    string, both as they came. The class is that of the C-FIND that asks the same.
    """
    if not services.audit.on:
        return
    caller, scope = remote_of(request), request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    target = raw.partition(b"?")[0] + b"?" + scope["query_string"]
    asked = events.Asked(STUDY_ROOT_FIND, target, _AS_A_QUERY_STRING)
    way = events.Way(source=caller, destination=US, requestor=caller)
    services.audit.record(events.query(services.now(), way, asked, outcome))


def tell_brought(caller: Remote, services: Services, tally: Tally) -> None:
    """Record what a request stored (PS3.15 A.5.3.7)."""
    brought = tally.take()
    if not brought or not services.audit.on:
        return
    way = events.Way(source=caller, destination=US, requestor=caller)
    store = (services.database, services.archive.folder)
    services.audit.record(*events_of(brought, way, services.now, store))


def tell_part(request: Request, services: Services, instance: Instance, part: str) -> None:
    """Record that a caller is given a part of an instance; see :class:`Account`."""
    with Account(request, services, part) as account:
        account.went(instance)


class Account:
    """What one retrieval gives of a study: that it begins is told before, what went behind.

    Within ``with`` around what makes the answer; it is told at the end, however that comes.

    Parameters
    ----------
    request : Request
        Of who is given it.
    services : Services
    part : str
        What of the instances is given, ``metadata`` say; empty where it is all of them. Parts are
        many, and viewers ask for them one by one: those of one study and caller are told once a
        minute, with how many there were.
    """

    def __init__(self, request: Request, services: Services, part: str = "") -> None:
        caller = remote_of(request)
        self._way = events.Way(source=US, destination=caller, requestor=caller)
        self._services = services
        self._part = part
        self._key = f"web {caller.address} {caller.name} {part}"
        self._study = Study("")
        self._went: dict[tuple[Outcome, str], Counter[str]] = {}

    def begin(self, instances: Iterable[Instance]) -> None:
        """Record that a transfer begins (PS3.15 A.5.3.3): before anything leaves."""
        if not self._services.audit.on:
            return
        classes: Counter[str] = Counter()
        for one in instances:
            self._know(one)
            classes[one.sop_class_uid] += 1
        if classes:
            study = replace(self._study, classes=_counts(classes))
            at = self._services.now()
            self._services.audit.record(events.transfer_begins(at, self._way, study))

    def went(self, one: Instance, outcome: Outcome = Outcome.SUCCESS, because: str = "") -> None:
        """Count an instance."""
        if self._services.audit.on:
            self._know(one)
            self._went.setdefault((outcome, because), Counter())[one.sop_class_uid] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None,
        _where: TracebackType | None,
    ) -> None:  # fmt: skip
        went, self._went = self._went, {}
        self._services.audit.record(*(self._event(key, classes) for key, classes in went.items()))

    def _know(self, one: Instance) -> None:
        """Learn from the first instance whose they are."""
        if not self._study.uid:
            self._study = read_study(one.study_uid, (), one.path)

    def _event(self, key: tuple[Outcome, str], classes: Counter[str]) -> Event:
        outcome, because = key
        study = replace(self._study, classes=_counts(classes))
        event = events.instances_transferred(
            self._services.now(), self._way, study, Action.READ, outcome, because
        )
        if not self._part:
            return event
        repeats = f"{self._key} {outcome} {study.uid}"
        return replace(event.with_detail("Part of the instances", self._part), repeats=repeats)


def _counts(classes: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(classes.items()))
