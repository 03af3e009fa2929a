"""Models: list, verify."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from dicom_node.app import Node
from dicom_node.catalogue import load_catalogue, weights_state
from dicom_node.cli.context import Context, as_json, json_option
from dicom_node.cli.models.known import limits_lack
from dicom_node.errors import NotPossible
from dicom_node.models import Activations, Signings
from dicom_node.rejections import Recall, Recalls
from dicom_node.signature import FILE, standing
from engine.reason import Code
from engine.task import Bundle

__all__ = ["list_models", "verify"]

_STATES = {Code.MODEL_MISSING: "MODEL_MISSING", Code.MODEL_TAMPERED: "tampered"}
"""Of a model whose limits are not there, or not those that its contract names."""
_Signed = Mapping[str, list[str]]
"""Digests to whom they are signed for."""
_Recalled = Mapping[tuple[str, str], dict[str, str]]
"""Names and versions to who recalled them, when and why."""


@click.command("list")
@json_option
@click.pass_obj
def list_models(context: Context, wants_json: bool) -> None:
    """List every version of every model: what it makes, whether it is used, whom it serves.

    And who recalled it, when and why: one that is recalled is used by nothing.

    Exit status 1 when the weights of one are missing or changed. A signature is looked for, and
    not checked: 'models verify' does that.

    \b
    Example:
      dicom-node models list --json
    """
    catalogue = load_catalogue(context.conf)
    used = {name: one.identity.digest for name, one in catalogue.models.items()}
    signed, recalled = _standing_of(context, used)
    found = [
        {
            **_described(bundle),
            "active": used[bundle.name] == bundle.identity.digest,
            "signature": "present" if (bundle.path / FILE).is_file() else "absent",
            "signed_for": signed.get(bundle.identity.digest, []),
            "recalled": recalled.get((bundle.name, bundle.version)),
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


def _standing_of(context: Context, used: dict[str, str]) -> tuple[_Signed, _Recalled]:
    """Return what is signed, and what recalled; ``used`` is put right by what was activated."""
    try:
        node = context.open()
    except NotPossible:  # no node has begun here: nothing was activated, nothing signed
        return {}, {}
    with node.database.reading() as session:
        used.update(Activations(session).digests())
        pairs = sorted(Signings(session).everything())
        recalls = Recalls(session).all()
    signed = {digest: [place for one, place in pairs if one == digest] for digest, _ in pairs}
    return signed, {model: _told(recall) for model, recall in recalls.items()}


def _told(recall: Recall) -> dict[str, str]:
    return {"by": recall.by, "why": recall.why, "at": recall.at.isoformat()}


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{one['name']}@{one['version']}{' *' if one['active'] else ''}: {one['description']}"
    yield f"    makes {one['makes']} from {', '.join(one['needs'])}"
    yield f"    learned from {one['learned_from']}"
    yield (
        f"    {one['digest']}, weights {one['weights']}, limits {one['limits']}, "
        f"signature {one['signature']}"
    )
    if one["signed_for"]:
        yield f"    signed for {', '.join(one['signed_for'])}"
    if recall := one["recalled"]:
        yield f"    RECALLED by {recall['by']}, {recall['at']}: {recall['why']}"


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
        "limits": "ok" if (lack := limits_lack(bundle)) is None else str(lack.code),
    }


@click.command()
@click.argument("names", metavar="[NAME@VERSION]...", nargs=-1)
@click.option("--files-only", is_flag=True, help="Run no golden case.")
@json_option
@click.pass_obj
def verify(context: Context, names: tuple[str, ...], files_only: bool, wants_json: bool) -> None:
    """Check models: the files against signature and contract, and every golden case made again.

    Without a name, all of them. It says which have no limits of their own, and which golden cases
    the gates would hold. Exit status 1 when one is not as it was signed, or a golden case does not
    come out as it was kept; and when one is signed for clinical use and has no limits, or a golden
    case of it would be held.

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
        for line in _found(one):
            click.echo(f"    {line}")
    if any(_is_bad(one) for one in found):
        raise click.exceptions.Exit(1)


def _verified(context: Context, node: Node, bundle: Bundle, files_only: bool) -> dict[str, Any]:
    name = f"{bundle.name}@{bundle.version}"
    weights, lack = weights_state(bundle), limits_lack(bundle)
    stands = standing(bundle.path, node.settings.model_keys)
    state, text = str(stands.state), stands.text
    if weights != "ok" and state != "tampered":
        state = "MODEL_MISSING" if weights == "MODEL_MISSING" else "tampered"
        text = f"{weights}: {bundle.weights_file} is not what its contract names"
    elif lack is not None and lack.code in _STATES and state != "tampered":
        state, text = _STATES[lack.code], str(lack)
    golden: list[dict[str, Any]] = []
    if state in ("signed", "unsigned") and not files_only:
        from dicom_node.cli.models.golden import run_all  # it loads what computes

        golden = run_all(context, bundle)
    with node.database.reading() as session:
        places = sorted({one.destination for one in Signings(session).of(bundle.identity.digest)})
    limits = {"state": "ok", "text": ""}
    if lack is not None:
        limits = {"state": str(lack.code), "text": lack.text}
    return {"name": name, "digest": bundle.identity.digest, "state": state, "text": text,
            "limits": limits, "golden": golden, "signed_for": places}  # fmt: skip


def _found(one: Mapping[str, Any]) -> Iterator[str]:
    if one["limits"]["text"]:
        yield f"limits: {one['limits']['state']}: {one['limits']['text']}"
    for case in one["golden"]:
        word = "FAILED" if not case["passed"] else "HELD" if case["held"] else "passed"
        yield f"golden case {case['case']}: {word}: {case['text']}"
        yield from (f"    it would be held: {text}" for text in case["held"])
    if _is_unjudged(one) and one["signed_for"]:
        places = ", ".join(one["signed_for"])
        text = f"signed for {places}, which it would not be today"
        yield f"{text}; sign one that its limits let pass, and take this one back: 'models recall'"


def _is_bad(one: Mapping[str, Any]) -> bool:
    """Whether a model is not as it was signed or kept, or should not have been signed."""
    if one["state"] in ("MODEL_MISSING", "tampered"):
        return True
    if not all(case["passed"] for case in one["golden"]):
        return True
    return bool(one["signed_for"]) and _is_unjudged(one)


def _is_unjudged(one: Mapping[str, Any]) -> bool:
    return one["limits"]["state"] != "ok" or any(case["held"] for case in one["golden"])
