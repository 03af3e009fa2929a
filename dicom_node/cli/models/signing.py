"""Models: sign one for a destination."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dicom_node import signature
from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.cli.context import Context, Words
from dicom_node.cli.models.known import (
    checked,
    limits_lack,
    model_of,
    not_recalled,
    sound,
    tell_changed,
)
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.models import Evidence, Signings
from engine.task import Bundle

__all__ = ["sign"]


@click.command()
@click.argument("name", metavar="NAME@VERSION")
@click.option("--by", type=Words(64), required=True, help="Your name; it is recorded.")
@click.option("--for", "places", multiple=True, metavar="DESTINATION",
              help="For whom; without it, all that are for clinical use.")  # fmt: skip
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Sign the bundle's files with this private key first.")  # fmt: skip
@click.pass_obj
def sign(context: Context, name: str, by: str, places: tuple[str, ...], key: Path | None) -> None:
    """Sign a model for destinations of clinical use, once its golden cases come out as kept.

    Its bundle has to have a signature that counts here: by one of [models] keys. With --key the
    bundle is signed first: signature.json (OpenSSF model signing) then covers every other file of
    it. One changed byte of contract or weights is another model, which nobody has signed.

    A model without limits of its own is not signed, nor one whose gates hold a golden case.

    \b
    Example:
      dicom-node models sign hlsnc-head-ct@0.2.0 --by "A. Physicist" --for planning
      dicom-node models sign hlsnc-head-ct@0.2.0 --by "A. Physicist" --key /media/usb/site.pem
    """
    node = context.open()
    bundle = node.catalogue.version(name)
    wanted = _clinical(node, places, needed=key is None)
    if key is not None:
        _will_do(node, bundle, key, wanted)
        signature.sign(bundle.path, key)
        tell_changed(context, node, bundle.name, f"the files of {name} were signed by {by}")
        click.echo(f"{bundle.path / signature.FILE}: written")
    if wanted:
        evidence = _evidence(context, node, bundle)
        _keep(context, node, bundle, (wanted, by), evidence)
        click.echo(f"{name} is signed for {', '.join(wanted)}")


def _will_do(node: Node, bundle: Bundle, key: Path, wanted: tuple[str, ...]) -> None:
    """Raise NotPossible where a bundle would be signed with a key, and then not for anybody.

    Nothing is written then.
    """
    sound(bundle)
    if wanted and not signature.counts(key, node.settings.model_keys):
        text = f"MODEL_UNSIGNED: what {key} signs does not count here"
        raise NotPossible(f"{text}; name its public key in [models] keys first")
    if wanted and (reason := limits_lack(bundle)) is not None:
        raise NotPossible(f"{reason}; only a model with limits is signed for clinical use")


def _clinical(node: Node, places: tuple[str, ...], *, needed: bool) -> tuple[str, ...]:
    """Return the destinations that a model is to be signed for.

    Raises
    ------
    NotKnown, NotPossible
        When one is not for clinical use, or there is none.
    """
    known = sorted(node.settings.clinical_names())
    for place in places:
        if place not in known:
            text = f"no destination '{place}' is for clinical use in peers.toml"
            raise NotKnown(f"{text}; there are: {', '.join(known) or 'none'}")
    if needed and not known:
        text = 'no destination has use = "clinical" in peers.toml; others take what any model makes'
        raise NotPossible(text)
    return tuple(dict.fromkeys(places)) or tuple(known)


def _evidence(context: Context, node: Node, bundle: Bundle) -> Evidence:
    """Return what speaks for a model.

    Raises
    ------
    NotPossible
        When the signature of its bundle does not count, it has no limits or no golden case, or one
        is not made again as it was kept, or would be held.
    """
    name, stands = f"{bundle.name}@{bundle.version}", checked(node, bundle)
    if stands.state != "signed":
        text = f"{stands.text}; name the key of who signed it in [models] keys, or sign it: --key"
        raise NotPossible(f"MODEL_UNSIGNED: {text}")
    if (reason := limits_lack(bundle)) is not None:
        raise NotPossible(f"{reason}; only a model with limits is signed for clinical use")
    from dicom_node.cli.models.golden import run_all  # it loads what computes

    ended = run_all(context, bundle)
    if not ended:
        text = f"{name} has no golden case; 'dicom-node models golden {name} FOLDER' keeps one"
        raise NotPossible(text)
    for case in ended:
        _good(name, case)
        click.echo(f"golden case {case['case']}: {case['text']}")
    return Evidence(stands.text, stands.key, {one["case"]: one["text"] for one in ended})


def _good(name: str, case: Mapping[str, Any]) -> None:
    """Raise NotPossible where a golden case speaks against a model."""
    which = f"golden case {case['case']} of {name}"
    if not case["passed"]:
        raise NotPossible(f"{which} failed: {case['text']}")
    if case["held"]:
        text = f"{which} would be held: {'; '.join(case['held'])}"
        todo = "set the limits on subjects like it, or delete the case and keep one that passes"
        raise NotPossible(f"{text}; {todo}")


def _keep(
    context: Context,
    node: Node,
    bundle: Bundle,
    said: tuple[tuple[str, ...], str],
    evidence: Evidence,
) -> None:
    places, by = said
    model = model_of(bundle)
    text = f"{by} signed {model.name}@{model.version}, {model.digest}, for {', '.join(places)}"
    with node.database.transaction() as session:
        not_recalled(session, model)
        for place in places:
            Signings(session).sign(model, place, by, evidence, utc_now())
        tell_changed(context, node, bundle.name, text)
