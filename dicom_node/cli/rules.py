"""Rules: check the files, explain a study."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from dicom_node.app import explain_study
from dicom_node.app.build import load_all, open_credentials
from dicom_node.app.clock import utc_now
from dicom_node.catalogue import weights_state
from dicom_node.cli.context import Context, Uid, as_json, json_option
from dicom_node.errors import NodeError, NotPossible
from dicom_node.rejections import Recalls
from dicom_node.rules import Rule
from dicom_node.settings import Settings

__all__ = ["rules"]


@click.group()
def rules() -> None:
    """Check the configuration, and explain what the rules do with a study.

    \b
    Example:
      dicom-node rules check
    """


@rules.command()
@click.pass_obj
def check(context: Context) -> None:
    """Say whether the configuration folder is valid; name every mistake where it is not.

    \b
    Example:
      dicom-node --conf /etc/dicom-node rules check
    """
    settings, catalogue, found = load_all(context.conf, context.environ)
    credentials = open_credentials(settings)
    click.echo(
        f"{settings.folder}: valid; {len(settings.peers)} peers, {len(catalogue.tasks)} tasks, "
        f"{len(catalogue.models)} models, {len(found)} rules"
    )
    click.echo(f"  listens as {settings.file.node.ae_title} at {_place(settings)}")
    if credentials is not None:
        own = credentials.own
        click.echo(f"  shows the certificate of {own.name}, good until {own.ends_at:%Y-%m-%d}")
    click.echo(f"  keeps its data in {settings.data}")
    for line in (*_doubts(settings.folder, found), *_barred(context)):
        click.echo(f"Warning: {line}", err=True)
    for rule in found:
        where = ", ".join(rule.destinations) or "nowhere"
        model = rule.task.bundle
        beside = f", beside it {', '.join(rule.companions)}" if rule.companions else ""
        what = f"{rule.task.name} with {model.name} {model.version}"
        click.echo(f"  {rule.name}: {what} to {where}{beside}")


def _place(settings: Settings) -> str:
    listen = settings.file.listen
    return f"{listen.host}:{listen.port}" + (" over TLS" if listen.tls else "")


def _doubts(folder: Path, found: Sequence[Rule]) -> Iterator[str]:
    """Yield what is valid and hardly meant: what is not there counts as its default."""
    for name in ("node.toml", "peers.toml"):
        if not (folder / name).is_file():
            yield f"{folder} has no {name}; every key of it has its default"
    if not found:
        yield f"{folder / 'rules'} has no rule (*.toml); nothing will ever be made"
    for bundle in {rule.task.bundle.path: rule.task.bundle for rule in found}.values():
        if (state := weights_state(bundle)) != "ok":
            yield f"{state}: the weights of {bundle.name}, {bundle.weights_path}; jobs will fail"


def _barred(context: Context) -> Iterator[str]:
    """Yield which rules will make nothing, or nothing that leaves, for what people decided.

    A node that has never served knows of nothing.
    """
    try:
        node = context.open()
        with node.database.reading() as session:
            rules_now, offer = node.current().at_this_moment(session)
            recalled = Recalls(session).all()
    except NotPossible:
        return
    except NodeError as exc:
        yield f"what models are signed for, or recalled, cannot be asked: {exc}"
        return
    for rule in rules_now:
        named = rule.task.bundle.identity
        recall = recalled.get((named.name, named.version))
        if recall is not None:
            yield f"rule {rule.name}: {recall.reason}; activate another version"
            continue
        for place in rule.destinations:
            if (why := offer.barred(named, place)) is not None:
                yield f"rule {rule.name}: {why}"


@rules.command()
@click.argument("study_uid", type=Uid())
@json_option
@click.pass_obj
def explain(context: Context, study_uid: str, wants_json: bool) -> None:
    """Say which rules would fire on a study now, and why the others would not; nothing is done.

    \b
    Example:
      dicom-node rules explain 1.2.840.113619.2.1
    """
    node = context.open()
    explain_study(node.database, study_uid)  # says so where the study was never seen
    decisions = node.rules_stage().explain(study_uid, utc_now())
    if wants_json:
        as_json(
            [
                {
                    "rule": decision.rule.name,
                    "fired": decision.fired,
                    "unmet": list(decision.unmet),
                    "sources": [list(pair) for pair in decision.sources],
                    "companions": list(decision.rule.companions),
                }
                for decision in decisions
            ]
        )
        return
    for decision in decisions:
        click.echo(f"{decision.rule.name}: {'fires' if decision.fired else 'does not fire'}")
        for label, uid in decision.sources:
            click.echo(f"    {label} from series {uid}")
        if decision.fired and decision.rule.companions:
            click.echo(f"    beside the result: {', '.join(decision.rule.companions)}")
        for text in decision.unmet:
            click.echo(f"    {text}")
    if not decisions:
        click.echo("there are no rules")
