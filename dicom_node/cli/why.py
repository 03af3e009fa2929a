"""The answer to "why is there no synthetic image?"."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from dicom_node.app import explain_study
from dicom_node.cli.context import Context, Uid, as_json, json_option
from dicom_node.values import JobState

__all__ = ["why"]


_COPIES = {"result": "", "marked": " (marked copy: HELD - NOT RELEASED)", "note": " (note)"}
"""What is said of a series that is delivered."""


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
        yield from _rule(rule)
    for peer in answer["asked"]:
        yield from _asked(peer)
    for request in answer["requests"]:
        yield from _request(request)
    for job in answer["jobs"]:
        yield from _job(job)
    for delivery in answer["deliveries"]:
        yield from _delivery(delivery)
    for conflict in answer["conflicts"]:
        yield f"Kept apart: {conflict['sop_instance_uid']} from {conflict['sender']}"
    yield from map(_deletion, answer["deleted"])


def _deletion(one: dict[str, Any]) -> str:
    what = f"{one['instances']} {one['what']} instances"
    return f"Deleted {one['deleted_at']}: {what}, by {one['rule']}"


def _rule(rule: dict[str, Any]) -> Iterator[str]:
    yield f"Rule {rule['rule']}: {'fired' if rule['fired'] else 'did not fire'}"
    yield from (f"    {text}" for text in rule["unmet"])


def _job(job: dict[str, Any]) -> Iterator[str]:
    model = f"{job['model']['name']} {job['model']['version']}"
    yield f"Job {job['id']}: {job['task']} with {model}: {job['state']}"
    yield from _reasons(job["reasons"], "    ")
    if decided := job["decided"]:
        why = f": {decided['why']}" if decided["why"] else ""
        yield f"    {decided['what']} by {decided['by']}, {decided['at']}{why}"
    elif job["state"] == JobState.HELD:
        yield f"    a person is to decide: 'dicom-node jobs export {job['id']} FOLDER' shows it"
    yield from (f"    from {one['label']} {one['series_uid']}" for one in job["sources"])
    yield from (f"    made {uid}" for uid in job["series_uids"])
    if job["marked"]:
        waits = job["state"] == JobState.HELD
        stands = "for research while it waits" if waits else "taken back: it waits no more"
        yield f"    marked copy {job['marked']}, {stands}"


def _delivery(delivery: dict[str, Any]) -> Iterator[str]:
    yield (
        f"Delivery to {delivery['destination']}: {delivery['state']}, "
        f"{delivery['sent']} of {delivery['total']} answered with success"
    )
    yield f"    series {delivery['series_uid']}{_COPIES[delivery['copy']]}"
    told = dict.fromkeys((delivery["error"], delivery["receipt"]))
    yield from (f"    {text}" for text in told if text)
    for one in delivery["missing"]:
        yield f"    not there: {one['sop_instance_uid']} ({one['reason']})"


def _request(request: dict[str, Any]) -> Iterator[str]:
    """Say what was asked for; reasons against what was granted came up when more came."""
    what = f"{request['task']}, asked for by {request['by']} ({request['via']})"
    where = ", ".join(request["destinations"]) or "nowhere"
    granted = "granted" if request["granted"] else "refused"
    now = ", not made any more" if request["granted"] and request["reasons"] else ""
    yield f"Request: {what} at {request['asked_at']}, to {where}: {granted}{now}"
    yield from _reasons(request["reasons"], "    ")


def _asked(peer: dict[str, Any]) -> Iterator[str]:
    if peer["answered_at"]:
        yield f"Asked {peer['peer']}: it has {len(peer['series'])} series that were not here"
    else:
        yield f"Asked {peer['peer']}: no answer; waited for until {peer['until']}"
    if peer["error"]:
        yield f"    {peer['error']}"
    for one in peer["series"]:
        what = f"{one['label']}{', synthetic' if one['synthetic'] else ''}" if one["label"] else "?"
        how = f"; {one['how']}" if one["how"] else ""
        yield f"    {one['series_uid']}: {one['modality']}, {what}, {one['instances']} images{how}"
    for one in peer["fetched"]:
        error = f": {one['error']}" if one["error"] else ""
        yield f"    fetch of {one['label']} {one['series_uid']}: {one['state']}{error}"


def _series(series: dict[str, Any]) -> Iterator[str]:
    made = ", synthetic" if series["synthetic"] else ""
    label = series["label"] or "not looked at yet"
    verdict = f", {series['verdict']}" if series["verdict"] and not made else ""
    yield f"Series {series['series_uid']}: {label}{made}, {series['instances']} instances{verdict}"
    yield from _reasons(series["reasons"], "    ")
    for one in series["rejected"]:
        note = one["error"] or f"note {one['note_uid'] or 'to nobody, or not made yet'}"
        yield f"    {one['because']} by {one['by']}, {one['at']}: {one['why']} ({note})"
    for name, task in series["tasks"].items():
        known = {reason["code"] for reason in series["reasons"]}
        yield f"    {name}: {task['verdict']}"
        yield from _reasons([r for r in task["reasons"] if r["code"] not in known], "        ")


def _reasons(reasons: Sequence[dict[str, str]], indent: str) -> Iterator[str]:
    yield from (f"{indent}{reason['code']}: {reason['text']}" for reason in reasons)
