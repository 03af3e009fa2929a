"""Ask for a series that no rule has made."""

import os
import pwd

import click

from dicom_node.app import told_of
from dicom_node.app.asked import ask
from dicom_node.app.clock import utc_now
from dicom_node.audit import person_of
from dicom_node.cli.context import Context, Uid, as_json, json_option
from dicom_node.errors import NotPossible
from dicom_node.jobs import Request
from dicom_node.rules import Granted
from dicom_node.values import JobState

__all__ = ["request"]


@click.command()
@click.argument("study_uid", type=Uid())
@click.argument("task")
@click.option("--to", "destinations", multiple=True, metavar="NAME", help=(
    "Where the series goes; may be given several times. Otherwise where rules send what TASK makes."
))  # fmt: skip
@json_option
@click.pass_obj
def request(
    context: Context, study_uid: str, task: str, destinations: tuple[str, ...], wants_json: bool
) -> None:
    """Ask for what TASK makes of a study in the archive, although no rule has made it.

    It goes through the same gates as by a rule: what the study lacks, what peers have, what the
    model may be given. Asked twice, it is one job. The job is done by the node that serves, or by
    a worker. Exit status: 0 it is made or will be, 1 it is refused; the codes say why.

    \b
    Example:
      dicom-node request 1.2.840.113619.2.1 ct_from_mr
      dicom-node request 1.2.840.113619.2.1 ct_from_mr --to pacs --json
    """
    asked = Request(study_uid, task, _user(), "command", destinations)
    granted = ask(context.open(), asked, person_of(context.environ), utc_now())
    if wants_json:
        as_json(told_of(granted))
        if not granted.made:
            raise click.exceptions.Exit(1)
        return
    if not granted.made:
        why = "; ".join(str(reason) for reason in granted.reasons)
        raise NotPossible(f"{task} is not made of study {study_uid}: {why}")
    click.echo(_sentence(granted))


def _user() -> str:
    """Return the name of whoever runs this, as the system has it: no variable can change it."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run as a user without a name
        return f"uid {number}"


def _sentence(granted: Granted) -> str:
    job, where = granted.job, ", ".join(granted.request.destinations) or "nowhere"
    if job is None:  # cannot be: what is made has a job
        return "nothing to do"
    if job.state is JobState.DONE:
        return f"made already by job {job.id}: series {', '.join(job.series_uids)}; to {where}"
    there = "" if granted.new else " already"
    return f"job {job.id} is {job.state}{there}: {job.task}, to {where}"
