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
    promises : bool
        Whether the modality asks us to commit ourselves.
    told : tuple of str
        Destinations that get one rejection note each; none where nothing is rejected.
    marked : bool
        Whether the PACS gets a marked copy of what waits.
    fetches : bool
        Whether the modality sends a localizer, and the rule fetches the rest from the PACS.
    drops : int
        The PACS answers the so-many-th instance with success, and does not keep it.
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
    told: tuple[str, ...] = ()
    marked: bool = False
    fetches: bool = False
    drops: int = -1


def _state(why: dict) -> str:
    """Return the state of the one job; empty where there is none yet."""
    return why["jobs"][-1]["state"] if why.get("jobs") else ""


def _delivered(node: Any) -> bool:
    why = node.why()
    return _state(why) == "done" and _went(why, "result") == ["receipted"] * 2


def _went(why: dict, copy: str) -> list[str]:
    """Return how far each delivery is of what a job made, of its marked copy, or of a note."""
    return [one["state"] for one in why.get("deliveries", ()) if one["copy"] == copy]


def _taken_back(node: Any) -> bool:
    """Whether every note has arrived at who is to have one."""
    why = node.why()
    rejected = [one for series in why.get("series", ()) for one in series["rejected"]]
    arrived = _went(why, "note") == ["sent"] * len(node.scene.told)
    return bool(rejected) and all(one["told"] for one in rejected) and arrived


def _superseded(node: Any) -> bool:
    return _taken_back(node) and _delivered(node) and node.why()["state"] == "routed"


def _recalled(node: Any) -> bool:
    return _taken_back(node) and _delivered(node) and _recalls(node) == [True]


def _recalls(node: Any) -> list[bool]:
    """Return of each recalled version whether that is carried out."""
    from dicom_node.rejections import Recalls

    with node.parts.database.reading() as session:
        return [one.ended for one in Recalls(session).all().values()]


def _withdrawn(node: Any) -> bool:
    """Whether the marked copy is taken back, and what it was a copy of is decided."""
    decided = _delivered(node) if node.scene.ends == "done" else _rejected(node)
    return _taken_back(node) and decided and not _doomed(node)


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
    return _wait(node) if _state(why) == "refused" else 0.0


def _wait(node: Any) -> float:
    """Go on by some hours, once: young files stay for an hour before they are deleted."""
    if node.time.ahead_s >= HOURS_S:
        return 0.0
    node.time.ahead_s += HOURS_S
    return HOURS_S


def _decide(node: Any) -> float:
    """Release or reject what waits, once the marked copy is where it was to go."""
    if _went(node.why(), "marked") != ["receipted"]:
        return 0.0
    if _taken_back(node):
        return _wait(node)
    if _state(node.why()) == "held":
        return _release(node) if node.scene.ends == "done" else _reject(node)
    return 0.0


def _come_late(node: Any) -> float:
    """Have the acquired CT sent once its synthetic one is delivered."""
    if _delivered(node) and not _went(node.why(), "note"):
        node.want_late()
    return 0.0


def _recall(node: Any) -> float:
    if _delivered(node) and not _recalls(node):
        said = "--by", "A. Physicist", "--why", "shifted by a slice", "--wait", "0"
        node.command("models", "recall", "tiny@1.0.0", *said)
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


def _request(node: Any) -> float:
    """Ask for what no rule makes: too early first, and again when the study is routed."""
    why = node.why()
    asked = why.get("requests", ())
    is_due = why.get("state") == "routed" and not any(one["granted"] for one in asked)
    if why and (is_due or not asked):
        to = "--to", "pacs", "--to", "shelf"
        node.command("request", node.study_uid, "ct_from_mr", *to)
    return 0.0


def _send_anew(node: Any) -> float:
    """Resend by hand what was receipted, once."""
    if _delivered(node) and "void" not in _commitments(node):
        node.command("peers", "resend", node.study_uid, "pacs")
    return 0.0


def _sent_anew(node: Any) -> bool:
    return _delivered(node) and "void" in _commitments(node)


def _commitments(node: Any) -> list[str]:
    from sqlalchemy import select

    from dicom_node.db import CommitmentRow

    with node.parts.database.reading() as session:
        return list(session.scalars(select(CommitmentRow.state)))


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
    ended = "given up" if node.scene.breaks == "modality" else "reported"
    return node.why().get("state") == "routed" and _promises(node) == [ended]


def _promises(node: Any) -> list[str]:
    from sqlalchemy import select

    from dicom_node.db import PromiseRow

    with node.parts.database.reading() as session:
        return list(session.scalars(select(PromiseRow.state)))


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
    "superseded": Scene(_superseded, _come_late, told=("pacs", "shelf")),
    "recalled": Scene(_recalled, _recall, told=("pacs", "shelf")),
    "marked, released": Scene(_withdrawn, _decide, release="by_hand", told=("pacs",), marked=True),
    "marked, rejected": Scene(
        _withdrawn, _decide, release="by_hand", ends="refused", told=("pacs",), marked=True
    ),
    "pacs loses one": Scene(_sent_anew, _send_anew, drops=3),
    "fetched": Scene(_delivered, rules=({**HEAD, "fetch": True},), fetches=True),
    "requested": Scene(_delivered, _request, rules=()),
    "promised": Scene(_promised, rules=(), ends="", promises=True),
    "report refused": Scene(
        _promised,
        breaks="modality",
        extra={"outbox": {"refused_attempts": 2}},
        rules=(),
        ends="",
        promises=True,
    ),
}
