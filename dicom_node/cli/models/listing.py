"""Models: list, verify."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from dicom_node.app import Node
from dicom_node.catalogue import load_catalogue, weights_state
from dicom_node.cli.context import Context, as_json, json_option
from dicom_node.errors import NotPossible
from dicom_node.models import Activations, Signings
from dicom_node.signature import FILE, standing
from engine.task import Bundle

__all__ = ["list_models", "verify"]


@click.command("list")
@json_option
@click.pass_obj
def list_models(context: Context, wants_json: bool) -> None:
    """List every version of every model: what it makes, whether it is used, whom it serves.

    Exit status 1 when the weights of one are missing or changed. A signature is looked for, and
    not checked: 'models verify' does that.

    \b
    Example:
      dicom-node models list --json
    """
    catalogue = load_catalogue(context.conf)
    used = {name: one.identity.digest for name, one in catalogue.models.items()}
    signed = _standing_of(context, used)
    found = [
        {
            **_described(bundle),
            "active": used[bundle.name] == bundle.identity.digest,
            "signature": "present" if (bundle.path / FILE).is_file() else "absent",
            "signed_for": signed.get(bundle.identity.digest, []),
        }
        for bundle in catalogue.versions
    ]
    if wants_json:
        as_json(found)
    for one in found if not wants_json else ():
        for line in _lines(one):
            click.echo(line)
    if any(one["weights"] != "ok" for one in found):
        raise click.exceptions.Exit(1)


def _standing_of(context: Context, used: dict[str, str]) -> Mapping[str, list[str]]:
    """Return digests to whom they are signed for; ``used`` is put right by what was activated."""
    try:
        node = context.open()
    except NotPossible:  # no node has begun here: nothing was activated, nothing signed
        return {}
    with node.database.reading() as session:
        used.update(Activations(session).digests())
        pairs = sorted(Signings(session).everything())
    return {digest: [place for one, place in pairs if one == digest] for digest, _ in pairs}


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{one['name']}@{one['version']}{' *' if one['active'] else ''}: {one['description']}"
    yield f"    makes {one['makes']} from {', '.join(one['needs'])}"
    yield f"    learned from {one['learned_from']}"
    yield f"    {one['digest']}, weights {one['weights']}, signature {one['signature']}"
    if one["signed_for"]:
        yield f"    signed for {', '.join(one['signed_for'])}"


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


@click.command()
@click.argument("names", metavar="[NAME@VERSION]...", nargs=-1)
@click.option("--files-only", is_flag=True, help="Run no golden case.")
@json_option
@click.pass_obj
def verify(context: Context, names: tuple[str, ...], files_only: bool, wants_json: bool) -> None:
    """Check models: the files against signature and contract, and every golden case made again.

    Without a name, all of them. Exit status 1 when one is not as it was signed, or a golden case
    does not come out as it was kept.

    \b
    Example:
      dicom-node models verify
      dicom-node models verify hlsnc-head-ct@0.2.0 --files-only
    """
    node = context.open()
    chosen = [node.catalogue.version(name) for name in names] or node.catalogue.versions
    found = [_verified(context, node, bundle, files_only) for bundle in chosen]
    if wants_json:
        as_json(found)
    for one in found if not wants_json else ():
        click.echo(f"{one['name']}: {one['state']}: {one['text']}")
        for case in one["golden"]:
            click.echo(f"    golden case {case['case']}: {_word(case['passed'])}: {case['text']}")
    bad = any(
        one["state"] in ("MODEL_MISSING", "tampered")
        or not all(case["passed"] for case in one["golden"])
        for one in found
    )
    if bad:
        raise click.exceptions.Exit(1)


def _verified(context: Context, node: Node, bundle: Bundle, files_only: bool) -> dict[str, Any]:
    name = f"{bundle.name}@{bundle.version}"
    weights = weights_state(bundle)
    stands = standing(bundle.path, node.settings.model_keys)
    state, text = str(stands.state), stands.text
    if weights != "ok" and state != "tampered":
        state = "MODEL_MISSING" if weights == "MODEL_MISSING" else "tampered"
        text = f"{weights}: {bundle.weights_file} is not what its contract names"
    golden: list[dict[str, Any]] = []
    if state in ("signed", "unsigned") and not files_only:
        from dicom_node.cli.models.golden import run_all  # it loads what computes

        golden = run_all(context, bundle)
    return {"name": name, "digest": bundle.identity.digest, "state": state, "text": text,
            "golden": golden}  # fmt: skip


def _word(passed: bool) -> str:
    return "passed" if passed else "FAILED"
