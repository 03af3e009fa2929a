"""Retention: what would go, and what stays and why."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from dicom_node.app.clock import utc_now
from dicom_node.cli.context import Context, as_json, json_option
from dicom_node.retention import Keep, Planned
from dicom_node.retention import plan as plan_retention

__all__ = ["retention"]


@click.group()
def retention() -> None:
    """Show what [retention] in node.toml deletes.

    \b
    Example:
      dicom-node retention plan
    """


@retention.command()
@json_option
@click.pass_obj
def plan(context: Context, wants_json: bool) -> None:
    """Say what would be deleted now and why, and what stays and why; nothing is deleted.

    \b
    Example:
      dicom-node retention plan
      NODE_RETENTION__RECEIVED_DAYS=30 dicom-node retention plan --json
    """
    node = context.open()
    keep = Keep.of(node.settings)
    with node.database.reading() as session:
        found = list(plan_retention(session, utc_now(), keep))
    if wants_json:
        as_json([_as_dict(one) for one in found])
        return
    if not (keep.youngest_days or keep.max_bytes):
        click.echo("retention is off: no key of [retention] says that anything goes")
    _tell(found)


def _tell(found: Sequence[Planned]) -> None:
    for one in found:
        for going in one.verdict.going:
            amount = one.holding.amount(going.part)
            click.echo(
                f"goes: {one.holding.uid}: {amount.instances} {going.part} instances, "
                f"{amount.size / 1e6:.1f} MB, by {going.rule}"
            )
    reasons = Counter(reason for one in found for reason in one.verdict.stays)
    for reason, count in reasons.most_common():
        click.echo(f"stays: {reason}: {count} of {len(found)} studies")
    losing = [one for one in found if one.verdict.going]
    size = sum(_size(one) for one in losing)
    click.echo(f"{len(losing)} of {len(found)} studies lose {size / 1e6:.1f} MB")


def _size(one: Planned) -> int:
    return sum(one.holding.amount(going.part).size for going in one.verdict.going)


def _as_dict(one: Planned) -> dict[str, Any]:
    amounts = {going: one.holding.amount(going.part) for going in one.verdict.going}
    return {
        "study_uid": one.holding.uid,
        "last_at": one.holding.last_at.isoformat(),
        "bytes": one.holding.size,
        "goes": [
            {
                "what": str(going.part),
                "instances": amount.instances,
                "bytes": amount.size,
                "rule": going.rule,
            }
            for going, amount in amounts.items()
        ],
        "stays": list(one.verdict.stays),
    }
