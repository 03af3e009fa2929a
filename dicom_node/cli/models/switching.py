"""Models: activate a version, and go back to the one before."""

from dataclasses import replace

import click

from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.audit import person_of
from dicom_node.cli.context import Context
from dicom_node.cli.models.known import checked, limits_lack, model_of, not_recalled, tell_changed
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.models import Activations
from engine.errors import SpecError
from engine.task import Bundle

__all__ = ["activate", "rollback"]


@click.command()
@click.argument("name", metavar="NAME@VERSION")
@click.pass_obj
def activate(context: Context, name: str) -> None:
    """Use NAME@VERSION from now on, wherever a task or rule names the model without a version.

    A node that runs takes it up with the next study that it plans; jobs that are planned keep the
    version that they were planned with.

    \b
    Example:
      dicom-node models activate hlsnc-head-ct@0.3.0
    """
    node = context.open()
    bundle = node.catalogue.version(name)
    checked(node, bundle)
    _fits(node, bundle)
    found, model = model_of(node.catalogue.models[bundle.name]), model_of(bundle)
    with node.database.transaction() as session:
        not_recalled(session, model)
        Activations(session).activate(model, found, _who(context), utc_now())
        said = f"{model.name}@{model.version} is used from now on, {model.digest}"
        tell_changed(context, node, bundle.name, said)
    click.echo(f"{model.name}@{model.version} is used from now on")
    if (reason := limits_lack(bundle)) is not None:
        click.echo(f"every result of it is held: {reason}")


@click.command()
@click.argument("name")
@click.pass_obj
def rollback(context: Context, name: str) -> None:
    """Use the version of NAME that was used before the last one that was activated.

    \b
    Example:
      dicom-node models rollback hlsnc-head-ct
    """
    node = context.open()
    if name not in node.catalogue.models:
        known = ", ".join(sorted(node.catalogue.models)) or "none"
        raise NotKnown(f"there is no model '{name}'; there are: {known}")
    with node.database.transaction() as session:
        model = Activations(session).rollback(name, _who(context), utc_now()).model
        not_recalled(session, model)
        if model.digest not in node.catalogue.named:
            text = f"{name}@{model.version} ({model.digest[:19]}…) is not in models/ any more"
            raise NotPossible(f"{text}; put it back, or activate another")
        checked(node, node.catalogue.named[model.digest])
        said = f"{name}@{model.version} is used again from now on, {model.digest}"
        tell_changed(context, node, name, said)
    click.echo(f"{name}@{model.version} is used from now on")


def _who(context: Context) -> str:
    return person_of(context.environ).login[:64]


def _fits(node: Node, bundle: Bundle) -> None:
    """Raise NotPossible where a task that would use a model cannot."""
    rules = (rule.task for rule in node.rules)
    for task in (*node.catalogue.tasks.values(), *rules):
        if task.bundle.name == bundle.name and not task.pinned:
            try:
                replace(task, bundle=bundle)
            except SpecError as exc:
                text = f"{bundle.name}@{bundle.version} cannot be used: {exc}"
                raise NotPossible(text) from exc
