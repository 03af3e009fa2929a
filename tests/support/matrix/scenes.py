"""What a study may go through. Together they make every change of state that the code can make.

A scene is told what the node has now, and does what a person would do next: after a crash it looks
again, and does what is still to be done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HOURS_S = 3 * 3600.0
DAY_S = 86_400.0
LONG_AGO = {"retention": {"received_days": 30, "made_days": 30}}
HEAD = {"name": "sct-head", "task": "ct_from_mr", "destinations": ["pacs", "shelf"]}


@dataclass(frozen=True)
class Scene:
    """One way through the states.

    Parameters
    ----------
    is_over : callable
        The node to whether all is at rest, as it should be.
    act : callable
        The node to how many seconds of time it jumped over; called before every tick.
    breaks : str
        What is broken until a person mends it: ``child``, ``pacs``, ``worker``; ``""``: nothing.
    release : str
        Of the task.
    extra : mapping
        Sections of node.toml.
    ends : str
        How the job ends.
    keeps : bool
        Whether what was sent is here at the end.
    """

    is_over: Callable[[Any], bool]
    act: Callable[[Any], float] = lambda _node: 0.0
    breaks: str = ""
    release: str = "at_once"
    extra: dict = field(default_factory=dict)
    rules: tuple = (HEAD,)
    ends: str = "done"
    keeps: bool = True
    promises: bool = False


def _state(why: dict) -> str:
    """Return the state of the one job; empty where there is none yet."""
    return why["jobs"][-1]["state"] if why.get("jobs") else ""


def _delivered(node: Any) -> bool:
    why = node.why()
    states = [one["state"] for one in why.get("deliveries", ())]
    return _state(why) == "done" and states == ["receipted"] * 2


def _rejected(node: Any) -> bool:
    return _state(node.why()) == "refused" and not _doomed(node)


def _doomed(node: Any) -> bool:
    from sqlalchemy import func, select

    from dicom_node.db import DoomedRow

    with node.parts.database.reading() as session:
        return bool(session.scalar(select(func.count()).select_from(DoomedRow)))


def _release(node: Any) -> float:
    why = node.why()
    if _state(why) == "held":
        node.command("jobs", "release", str(why["jobs"][-1]["id"]), "--by", "A. Physicist")
    return 0.0


def _reject(node: Any) -> float:
    why = node.why()
    if _state(why) == "held":
        job = str(why["jobs"][-1]["id"])
        node.command("jobs", "reject", job, "--by", "A. Physicist", "--why", "blurred")
    if _state(why) == "refused" and node.time.ahead_s < HOURS_S:  # young files stay for an hour
        node.time.ahead_s += HOURS_S
        return HOURS_S
    return 0.0


def _cancel(node: Any) -> float:
    """Cancel the job where it waits, once; then let it run."""
    why = node.why()
    if _state(why) == "waiting" and node.is_unmended():
        node.command("jobs", "cancel", str(why["jobs"][-1]["id"]))
    elif _state(why) == "cancelled":
        node.mend()
        node.command("jobs", "retry", str(why["jobs"][-1]["id"]))
    return 0.0


def _retry(node: Any) -> float:
    why = node.why()
    if _state(why) == "failed":
        node.mend()
        node.command("jobs", "retry", str(why["jobs"][-1]["id"]))
    return 0.0


def _resend(node: Any) -> float:
    why = node.why()
    for one in why.get("deliveries", ()):
        if one["state"] == "failed":
            node.mend()
            node.command("peers", "resend", node.study_uid, one["destination"])
    return 0.0


def _forget(node: Any) -> float:
    """Go on by a hundred days once all is delivered."""
    if _delivered(node) and node.time.ahead_s < 50 * DAY_S:
        node.time.ahead_s += 100 * DAY_S
        return 100 * DAY_S
    return 0.0


def _forgotten(node: Any) -> bool:
    gone = {one["what"] for one in node.why().get("deleted", ())}
    return gone == {"received", "made"} and not _doomed(node)


def _promised(node: Any) -> bool:
    from sqlalchemy import select

    from dicom_node.db import PromiseRow

    with node.parts.database.reading() as session:
        states = session.scalars(select(PromiseRow.state)).all()
    return node.why().get("state") == "routed" and states == ["reported"]


SCENES = {
    "delivered": Scene(_delivered),
    "recovered": Scene(_delivered),
    "released": Scene(_delivered, _release, release="by_hand"),
    "rejected": Scene(_rejected, _reject, release="by_hand", ends="refused"),
    "cancelled": Scene(_delivered, _cancel, breaks="worker"),
    "child dies": Scene(_delivered, _retry, breaks="child", extra={"worker": {"attempts": 2}}),
    "pacs refuses": Scene(
        _delivered, _resend, breaks="pacs", extra={"outbox": {"refused_attempts": 2}}
    ),
    "deleted": Scene(
        _forgotten,
        _forget,
        extra=LONG_AGO,
        keeps=False,
    ),
    "promised": Scene(_promised, rules=(), ends="", promises=True),
}
