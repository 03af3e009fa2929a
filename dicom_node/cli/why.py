"""The answer to "why is there no synthetic image?"."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from dicom_node.app import explain_study
from dicom_node.cli.context import Context, Uid, as_json, json_option

__all__ = ["why"]


@click.command()
@click.argument("study_uid", type=Uid())
@json_option
@click.pass_obj
def why(context: Context, study_uid: str, wants_json: bool) -> None:
    """Tell everything that was decided about a study, for every study ever seen.

    \b
    Example:
      dicom-node why 1.2.840.113619.2.1
      dicom-node why 1.2.840.113619.2.1 --json
    """
    answer = explain_study(context.open().database, study_uid)
    if wants_json:
        as_json(answer)
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    evidence = f" ({answer['evidence']})" if answer["evidence"] else ""
    yield f"Study {answer['study_uid']}: {answer['state']}{evidence}"
    for series in answer["series"]:
        yield from _series(series)
    for rule in answer["rules"]:
        yield f"Rule {rule['rule']}: {'fired' if rule['fired'] else 'did not fire'}"
        yield from (f"    {text}" for text in rule["unmet"])
    for job in answer["jobs"]:
        model = f"{job['model']['name']} {job['model']['version']}"
        yield f"Job {job['id']}: {job['task']} with {model}: {job['state']}"
        yield from _reasons(job["reasons"], "    ")
        yield from (f"    from {one['label']} {one['series_uid']}" for one in job["sources"])
        yield from (f"    made {uid}" for uid in job["series_uids"])
    for delivery in answer["deliveries"]:
        yield (
            f"Delivery to {delivery['destination']}: {delivery['state']}, "
            f"{delivery['sent']} of {delivery['total']} answered with success"
        )
        if delivery["error"]:
            yield f"    {delivery['error']}"
    for conflict in answer["conflicts"]:
        yield f"Kept apart: {conflict['sop_instance_uid']} from {conflict['sender']}"


def _series(series: dict[str, Any]) -> Iterator[str]:
    made = ", synthetic" if series["synthetic"] else ""
    label = series["label"] or "not looked at yet"
    verdict = f", {series['verdict']}" if series["verdict"] and not made else ""
    yield f"Series {series['series_uid']}: {label}{made}, {series['instances']} instances{verdict}"
    yield from _reasons(series["reasons"], "    ")
    for name, task in series["tasks"].items():
        known = {reason["code"] for reason in series["reasons"]}
        yield f"    {name}: {task['verdict']}"
        yield from _reasons([r for r in task["reasons"] if r["code"] not in known], "        ")


def _reasons(reasons: Sequence[dict[str, str]], indent: str) -> Iterator[str]:
    yield from (f"{indent}{reason['code']}: {reason['text']}" for reason in reasons)
