"""Jobs: list, retry, cancel; look at what waits for a person, release or reject it."""

from collections.abc import Callable
from pathlib import Path

import click

from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.app.decide import export_held, reject_held, release_held
from dicom_node.app.why_peers import waiting
from dicom_node.cli.context import JOB_ID, Context, Words, as_json, json_option, uri_of_job
from dicom_node.cli.remake import provenance, remake
from dicom_node.jobs import JobQueue
from dicom_node.values import Job, JobState

__all__ = ["jobs"]


@click.group()
def jobs() -> None:
    """List, retry and cancel jobs; release or reject results that are held; make one again.

    \b
    Example:
      dicom-node jobs list --state failed
    """


@jobs.command("list")
@click.option(
    "--state", type=click.Choice([str(s) for s in JobState]), multiple=True, help="Only these."
)
@json_option
@click.pass_obj
def list_jobs(context: Context, state: tuple[str, ...], wants_json: bool) -> None:
    """List jobs, newest first.

    \b
    Example:
      dicom-node jobs list
      dicom-node jobs list --state failed --state refused --json
    """
    with context.open().database.reading() as session:
        found = JobQueue(session).list([JobState(name) for name in state])
        marked = waiting(session)
    if wants_json:
        as_json(
            [
                {
                    "id": job.id,
                    "study_uid": job.study_uid,
                    "rule": job.rule,
                    "task": job.task,
                    "grid": job.grid,
                    "priority": job.priority.name.lower(),
                    "state": str(job.state),
                    "attempts": job.attempts,
                    "reasons": list(job.reasons),
                    "series_uids": list(job.series_uids),
                    "marked": marked.get(job.id),
                    "decided": job.decided,
                }
                for job in found
            ]
        )
        return
    for job in found:
        codes = ", ".join(reason["code"] for reason in job.reasons)
        click.echo(f"{job.id:>6}  {job.state:<10} {job.task:<20} {job.study_uid}  {codes}".rstrip())
        if job.id in marked:
            places = marked[job.id]["deliveries"].items()
            gone = ", ".join(f"{name}: {state}" for name, state in places)
            click.echo(f"        marked copy {marked[job.id]['series_uid']}  {gone}")
    if not found:
        click.echo("no jobs")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.pass_obj
def retry(context: Context, job_id: int) -> None:
    """Run a job again that failed, was refused or was cancelled; its result keeps its UIDs.

    \b
    Example:
      dicom-node jobs retry 17
    """
    node = context.open()
    with node.database.transaction() as session:
        job = JobQueue(session).retry(job_id, utc_now())
        context.restricted(node, uri_of_job(job_id), f"job {job_id} is to run again", job.study_uid)
    click.echo(f"job {job.id} is waiting")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.pass_obj
def cancel(context: Context, job_id: int) -> None:
    """Cancel a job that waits or runs.

    \b
    Example:
      dicom-node jobs cancel 17
    """
    node = context.open()
    with node.database.transaction() as session:
        job = JobQueue(session).cancel(job_id)
        context.restricted(node, uri_of_job(job_id), f"job {job_id} was cancelled", job.study_uid)
    click.echo(f"job {job.id} is cancelled")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def export(context: Context, job_id: int, folder: Path) -> None:
    """Copy what a held job made into a new FOLDER, to look at it before deciding.

    \b
    Example:
      dicom-node jobs export 17 /tmp/job17
    """
    node = context.open()
    said = f"what held job {job_id} made was copied out"
    count = export_held(node, job_id, folder, _told(context, node, said))
    click.echo(f"{count} files in {folder}; then 'jobs release {job_id}' or 'jobs reject {job_id}'")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.option("--by", type=Words(64), required=True, help="Your name; it is recorded.")
@click.option("--why", type=Words(500), default="", help="In your words.")
@click.pass_obj
def release(context: Context, job_id: int, by: str, why: str) -> None:
    """Let the result of a held job leave, in the name of a person who looked at it.

    \b
    Example:
      dicom-node jobs release 17 --by "A. Physicist"
    """
    node = context.open()
    tell = _told(context, node, f"the result of job {job_id} was released by {by}")
    job = release_held(node, job_id, (by, why), utc_now(), tell)
    click.echo(f"job {job.id} is done; its series is on its way")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.option("--by", type=Words(64), required=True, help="Your name; it is recorded.")
@click.option("--why", type=Words(500), required=True, help="What is wrong with it.")
@click.pass_obj
def reject(context: Context, job_id: int, by: str, why: str) -> None:
    """Refuse the result of a held job; it never leaves, and its files are deleted.

    \b
    Example:
      dicom-node jobs reject 17 --by "A. Physicist" --why "bone at the skull base is missing"
    """
    node = context.open()
    tell = _told(context, node, f"the result of job {job_id} was rejected by {by}: {why}")
    job = reject_held(node, job_id, (by, why), utc_now(), tell)
    click.echo(f"job {job.id} is refused")


def _told(context: Context, node: Node, what: str) -> Callable[[Job], None]:
    """Return what writes a person's act into the audit trail."""

    def tell(job: Job) -> None:
        context.restricted(node, uri_of_job(job.id), what, job.study_uid)

    return tell


jobs.add_command(provenance)
jobs.add_command(remake)
