"""Jobs: list, retry, cancel."""

import click

from dicom_node.app.clock import utc_now
from dicom_node.cli.context import JOB_ID, Context, as_json, json_option
from dicom_node.jobs import JobQueue
from dicom_node.values import JobState

__all__ = ["jobs"]


@click.group()
def jobs() -> None:
    """List, retry and cancel jobs.

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
                }
                for job in found
            ]
        )
        return
    for job in found:
        codes = ", ".join(reason["code"] for reason in job.reasons)
        click.echo(f"{job.id:>6}  {job.state:<10} {job.task:<20} {job.study_uid}  {codes}".rstrip())
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
        context.restricted(node, _uri(job_id), f"job {job_id} is to run again", job.study_uid)
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
        context.restricted(node, _uri(job_id), f"job {job_id} was cancelled", job.study_uid)
    click.echo(f"job {job.id} is cancelled")


def _uri(job_id: int) -> str:
    return f"urn:dicom-synthesis-node:job:{job_id}"
