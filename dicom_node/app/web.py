"""What the web serves of a node; loaded by the process that serves it alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicom_node.app.asked import ask, told_of
from dicom_node.app.build import Node
from dicom_node.app.clock import Stage, utc_now
from dicom_node.app.figures import figures_of
from dicom_node.audit import Audit, Person
from dicom_node.errors import ArchiveError, DatabaseAway
from dicom_node.jobs import Request
from dicom_node.processes import Kind, Processes
from dicom_node.sections import WEB_SENDER
from dicom_node.web import Check, Services

__all__ = ["checks_of", "services_of", "web_stages"]

_SEEN = timedelta(seconds=35)
"""Three beats: one may come late, two do not."""
_FLUSH_S = 10.0


@dataclass(frozen=True, slots=True)
class _Counted:
    """Tells the audit trail what this process only counted, of minutes that are over."""

    audit: Audit

    def tick(self, now: datetime) -> int:
        self.audit.flush(now)
        return 0


def web_stages(node: Node) -> dict[str, tuple[Stage, float]]:
    """Return what ticks beside the web: name to stage and seconds between ticks."""
    return {**node.certificates(), "audit": (_Counted(node.audit), _FLUSH_S)}


def services_of(node: Node) -> Services:
    """Return what the web is built from."""
    return Services(
        database=node.database,
        archive=node.archive,
        settings=node.settings.file.web,
        now=utc_now,
        checks=lambda: checks_of(node),
        figures=lambda: figures_of(node),
        asks=lambda wanted: told_of(ask(node, wanted, _caller(wanted), utc_now())),
        tally=node.tally,
        audit=node.audit,
        limits=node.settings.file.limits,
    )


def _caller(wanted: Request) -> Person:
    """Return who asks over HTTP: somebody with a token, known by its name."""
    return Person(f"{WEB_SENDER}{wanted.asked_by}")


def checks_of(node: Node) -> Sequence[Check]:
    """Return whether the node can do its work; the reasons in the log say more."""
    checks = [_disk(node)]
    try:
        with node.database.reading() as session:
            beats = Processes(session).seen_since(utc_now() - _SEEN)
    except DatabaseAway:
        return [Check("database", False, "it does not answer"), *checks]
    kinds = {beat.kind for beat in beats}
    checks.append(_seen("listener", Kind.LISTENER in kinds))
    if node.settings.file.worker.count or Kind.WORKER in kinds:
        checks.append(_seen("worker", Kind.WORKER in kinds))
    return [Check("database", True, "it answers"), *checks]


def _disk(node: Node) -> Check:
    try:
        node.archive.check_space()
    except ArchiveError:
        return Check("disk", False, "less is free than is kept in reserve, or it is gone")
    return Check("disk", True, "there is room")


def _seen(name: str, is_seen: bool) -> Check:  # noqa: FBT001 - it is what is said of the name
    text = "seen" if is_seen else f"not seen for {int(_SEEN.total_seconds())} s"
    return Check(name, is_seen, text)
