"""The UID of a job: one input, one model and one way of computing make one result for ever."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dicom_node.dicom import derive_uid
from dicom_node.values import Companion, Model, Priority, Source

__all__ = ["JobPlan", "job_key", "together"]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a rule wants done, before it is a job.

    Parameters
    ----------
    config_sha256 : str
        Digest of whatever else of the configuration changes the pixels or the objects.
    pipeline_version : int
        Of the engine.
    attempt : int
        0; raised only when somebody asks in so many words for the same thing again.
    companions : tuple of Companion
        What is to be made beside the result, in the order of :class:`Companion`.
    """

    study_uid: str
    rule: str
    task: str
    grid: str
    priority: Priority
    destinations: tuple[str, ...]
    model: Model
    sources: tuple[Source, ...]
    pipeline_version: int
    config_sha256: str
    attempt: int = 0
    companions: tuple[Companion, ...] = ()


def job_key(node_uid: str, plan: JobPlan) -> str:
    """Return the UID of the job that ``plan`` asks for on this node.

    Parameters
    ----------
    node_uid : str
        The installation's device UID: two nodes never give the same UID to different equipment.

    Notes
    -----
    A plan without companions has the key that it had before there were any.
    """
    roles = sorted(f"{one.label} {uid}" for one in plan.sources for uid in one.sop_instance_uids)
    sources = hashlib.sha256("\n".join(roles).encode()).hexdigest()
    return derive_uid(
        "job",
        node_uid,
        plan.task,
        plan.grid,
        str(plan.pipeline_version),
        plan.model.name,
        plan.model.version,
        plan.model.digest,
        plan.config_sha256,
        sources,
        str(plan.attempt),
        *(("companions", *plan.companions) if plan.companions else ()),
    )


def together(plans: Sequence[JobPlan]) -> list[JobPlan]:
    """Return the plans of one study, so that those of one result want the same companions.

    Two rules that do the same with the same series would otherwise make that result twice.
    """
    wanted: dict[object, set[Companion]] = {}
    for plan in plans:
        wanted.setdefault(_result(plan), set()).update(plan.companions)
    return [
        replace(plan, companions=tuple(one for one in Companion if one in wanted[_result(plan)]))
        for plan in plans
    ]


def _result(plan: JobPlan) -> object:
    return plan.task, plan.grid, plan.model, plan.sources
