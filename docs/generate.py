"""Reference pages from the code, so that they cannot say anything else."""

import tomllib
from pathlib import Path

import click
import conformance
import gates
from measured import fragments
from recipes import gate_file, preprocessing, recipe

from dicom_node.cli import main as node
from dicom_node.rules.rule import TESTS
from train.cli import main as train

CONF = Path(__file__).parents[1] / "conf"


def write_all(folder: Path) -> None:
    """Write every generated page; one that has not changed is left alone, an old one goes."""
    (folder / "measured").mkdir(parents=True, exist_ok=True)
    pages = {
        **{f"measured/{name}": text for name, text in {**fragments(), **gates.fragments()}.items()},
        "commands.md": commands(),
        "configuration.md": configuration(),
        "../conformance.md": conformance.page(),
        "preprocessing.md": preprocessing(),
        "recipe.md": recipe(),
        "gatefile.md": gate_file(),
    }
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
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
    settings = command.context_settings
    context = click.Context(command, info_name=name, parent=parent, **settings)
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
