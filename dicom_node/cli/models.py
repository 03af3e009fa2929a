"""Models: what is installed."""

from typing import Any

import click

from dicom_node.catalogue import load_catalogue, weights_state
from dicom_node.cli.context import Context, as_json, json_option
from engine.task import Bundle

__all__ = ["models"]


@click.group()
def models() -> None:
    """Show the models that are installed.

    \b
    Example:
      dicom-node models list
    """


@models.command("list")
@json_option
@click.pass_obj
def list_models(context: Context, wants_json: bool) -> None:
    """List models with what they make, what they learned from, and whether the weights are right.

    Exit status 1 when the weights of one are missing or changed.

    \b
    Example:
      dicom-node models list --json
    """
    found = [_described(bundle) for bundle in load_catalogue(context.conf).models.values()]
    if wants_json:
        as_json(found)
    for one in found if not wants_json else ():
        click.echo(f"{one['name']} {one['version']}: {one['description']}")
        click.echo(f"    makes {one['makes']} from {', '.join(one['needs'])}")
        click.echo(f"    learned from {one['learned_from']}")
        click.echo(f"    {one['digest']}, weights {one['weights']}")
    if any(one["weights"] != "ok" for one in found):
        raise click.exceptions.Exit(1)


def _described(bundle: Bundle) -> dict[str, Any]:
    identity = bundle.identity
    return {
        "name": identity.name,
        "version": identity.version,
        "digest": identity.digest,
        "description": bundle.description,
        "makes": bundle.contract.makes,
        "needs": list(bundle.contract.labels),
        "learned_from": identity.learned_from,
        "weights": weights_state(bundle),
    }
