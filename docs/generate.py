"""Reference pages from the code, so that they cannot say anything else."""

import re
import tomllib
from pathlib import Path

import click
from measured import fragments
from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts
from recipes import preprocessing, recipe

from dicom_node.association.contexts import is_storage
from dicom_node.cli import main as node
from dicom_node.dicom import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.results.iod import CT, MR, PET
from dicom_node.rules.rule import TESTS
from engine.reason import Code
from train.cli import main as train

CONF = Path(__file__).parents[1] / "conf"


def write_all(folder: Path) -> None:
    """Write every generated page; a page that has not changed is left alone."""
    (folder / "measured").mkdir(parents=True, exist_ok=True)
    pages = {
        **{f"measured/{name}": text for name, text in fragments().items()},
        "commands.md": commands(),
        "configuration.md": configuration(),
        "conformance.md": conformance(),
        "preprocessing.md": preprocessing(),
        "recipe.md": recipe(),
    }
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def commands() -> str:
    """Every command's own help."""
    parts = [
        "# Commands\n",
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 partly done.\n",
    ]
    for name, group in (("dicom-node", node), ("dicom-train", train)):
        parts += list(_command(group, name, None))
    return "\n".join(parts)


def _command(command: click.Command, name: str, parent: click.Context | None):  # noqa: ANN202
    context = click.Context(command, info_name=name, parent=parent)
    level = "##" if parent is None else "###"
    yield f"{level} {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            yield from _command(command.get_command(context, sub), sub, context)


def configuration() -> str:
    """Every key of the shipped folder, with its comment and default."""
    parts = ["# Configuration\n", _INTRODUCTION]
    found = [*sorted(CONF.glob("rules/*.toml")), *sorted(CONF.glob("tasks/*.toml"))]
    for path in ("node.toml", "peers.toml", *(str(one.relative_to(CONF)) for one in found)):
        text = (CONF / path).read_text(encoding="utf-8")
        tomllib.loads(text)  # what is shown is valid
        parts.append(f"## {path}\n\n```toml\n{text.strip()}\n```\n")
    parts.append("## Tests of a condition\n\n| test | holds when |\n|---|---|")
    parts += [f"| `{name}` | {meaning} |" for name, meaning in TESTS.items()]
    return "\n".join(parts) + "\n"


_INTRODUCTION = """\
A folder of TOML, named with `--conf`. Unknown keys, wrong types and dangling names are errors that
name file, key and remedy; all mistakes of a folder are reported at once. Every key of `node.toml`
can be overridden by the environment: `NODE_LISTEN__PORT=11113`. What stands here is the folder that
comes with the program; its values are the defaults.

A site that has no `tasks/` or no `models/` of its own uses those of the program.
"""


def conformance() -> str:
    """Write the conformance statement: what is negotiated, as the code negotiates it."""
    known = [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    rows = "\n".join(f"| {UID(uid).name} | {uid} |" for uid in sorted(known) if is_storage(uid))
    made = [UID(kind.sop_class_uid) for kind in (CT, MR, PET)]
    sent = "\n".join(f"| Storage | {uid.name}, {uid} | SCU |" for uid in made)
    names = ", ".join(uid.name for uid in made)
    codes = ", ".join(f"`{code}`" for code in Code)
    return f"""# DICOM conformance statement

## Implementation

| | |
|---|---|
| Implementation Class UID | {IMPLEMENTATION_CLASS_UID} |
| Implementation Version Name | {re.sub("_", chr(92) + "_", IMPLEMENTATION_VERSION_NAME)} |
| largest PDU taken | 131072 |

## As an acceptor

Callers are known by AE title and address (`peers.toml`); others are rejected: calling AE title not
recognised. A caller that wants another called AE title is rejected: called AE title not recognised.

| service | SOP class | role | for peers that may |
|---|---|---|---|
| Verification | 1.2.840.10008.1.1 | SCP | echo |
| Storage | every class below, the retired ones under 1.2.840.10008.5.1.4.1.1, and private ones | SCP | store |

Every transfer syntax that is proposed for a storage class is accepted: uncompressed ones first,
then lossless, then in the peer's order. What is received is kept as it came.

Status of C-STORE:

| status | meaning |
|---|---|
| 0000 | kept: the file is in its place and synced, its row is committed |
| A700 | out of resources: the disk is nearly full, or disk or database fail; send again later |
| A900 | the data set is not the one that the command announced |
| C000 | the data set cannot be parsed, or has no Study, Series, SOP Class or SOP Instance UID |

## As a requestor

| service | SOP class | role |
|---|---|---|
| Verification | 1.2.840.10008.1.1 | SCU |
{sent}
| Query | Study Root Query/Retrieve – FIND, 1.2.840.10008.5.1.4.1.2.2.1 | SCU, of peers that may be asked |

Results are proposed in Explicit VR Little Endian and, for peers that take nothing else, Implicit VR
Little Endian. Only 0000 counts as sent.

## Objects made

{names}: Explicit VR Little Endian, uncompressed; Synthetic Data (0008,001C) is YES.
MR images name no sequence (Scanning Sequence RM) and have no rescale; PET images are ratios of uptake
(Units NONE, a real world value mapping) and name no tracer.

## Reason codes

{codes}: see [acceptance](../acceptance.md).

## Storage SOP classes by name

| name | UID |
|---|---|
{rows}
"""
