"""Models: add one, keep a golden case of one."""

import re
import shutil
from pathlib import Path
from tempfile import mkdtemp

import click

from dicom_node.app import Node
from dicom_node.catalogue import models_folder, weights_state
from dicom_node.cli.context import Context, Words
from dicom_node.cli.models.known import checked, tell_changed
from dicom_node.errors import NotPossible
from engine.errors import EngineError
from engine.task import Bundle, read_bundle

__all__ = ["add", "golden"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def add(context: Context, bundle: Path) -> None:
    """Copy a BUNDLE into models/, beside the versions that are there; it is not used yet.

    Its folder is named as the model is. One that is damaged, or not as it was signed, is refused.
    A model of a new name is used by whatever names it; a new version once it is activated.

    \b
    Example:
      dicom-node models add /media/usb/hlsnc-head-ct
    """
    node = context.open()
    found = _sound(node, bundle)
    name = f"{found.name}@{found.version}"
    if name in node.catalogue.named:
        raise NotPossible(f"there is a {name} already; one version has one content for ever")
    place = _copied(node, found)
    tell_changed(context, node, name, f"{name} was added, {found.identity.digest}")
    click.echo(f"{name} is in {place}")
    if found.name in node.catalogue.models:
        click.echo(f"'dicom-node models activate {name}' uses it")


def _sound(node: Node, folder: Path) -> Bundle:
    """Return a bundle that may come in."""
    links = [path.name for path in folder.rglob("*") if path.is_symlink()]
    if links:
        raise NotPossible(f"{folder}: {links[0]} is a link; a bundle has files only")
    try:
        found = read_bundle(folder.resolve())
    except EngineError as exc:
        raise NotPossible(str(exc)) from exc
    checked(node, found)
    return found


def _copied(node: Node, bundle: Bundle) -> Path:
    """Copy a bundle into the site's models, whole or not at all; return where it lies."""
    folder = node.settings.folder
    own, is_new = folder / "models", bundle.name not in node.catalogue.models
    place = own / (bundle.name if is_new else f"{bundle.name}@{bundle.version}")
    part = Path(mkdtemp(prefix=".models-", dir=folder))
    try:
        if not own.is_dir():  # what came with the program would be used no more
            shutil.copytree(models_folder(folder), part / "models")
            (part / "models").rename(own)
        shutil.copytree(bundle.path, part / place.name)
        copy = read_bundle(part / place.name)
        if copy.digest != bundle.digest or weights_state(copy) != "ok":
            raise NotPossible(f"{bundle.path} changed while it was copied; add it again")
        copy.path.rename(place)
    except OSError as exc:
        raise NotPossible(f"{place}: cannot be written: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place


@click.command()
@click.argument("name", metavar="NAME@VERSION")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--task", required=True, help="What is done with the study.")
@click.option("--tolerance", type=click.FloatRange(0), default=0.0, show_default=True,
              help="How far a voxel may be from it, in the unit of the result.")  # fmt: skip
@click.option("--by", type=Words(64), required=True, help="Your name; it is recorded.")
@click.pass_obj
def golden(context: Context, name: str, folder: Path, task: str, tolerance: float, by: str) -> None:
    """Keep what a model makes of the DICOM files in FOLDER, once a person found it right.

    Look at what the node makes of the study first. Every golden case of a model is made again
    whenever it is signed or verified, and has to come out the same. On another kind of device, or
    with other software, last digits differ: that is what the tolerance is for. Files and result
    are kept in the data folder, in golden/, under the name of FOLDER. A result that the gates would
    hold is kept, and named HELD.

    \b
    Example:
      dicom-node models golden sct@1.0 /data/head-1 --task ct_from_mr --by "A. Physicist"
    """
    node = context.open()
    bundle, case = node.catalogue.version(name), folder.resolve().name
    if not _NAME.fullmatch(case):
        text = f"'{case}' cannot name a golden case: letters, digits and . _ - are wanted"
        raise NotPossible(f"{text}; rename the folder")
    checked(node, bundle)
    from dicom_node.cli.models.golden import keep  # it loads what computes

    place, held = keep(context, bundle, folder, (case, task, tolerance), by)
    said = f"golden case {case} of {bundle.name}@{bundle.version} was recorded by {by}"
    tell_changed(context, node, bundle.name, said)
    click.echo(f"{place}: kept")
    for text in held:
        click.echo(f"HELD: {text}")
    if held:
        click.echo(f"{name} is not signed for clinical use as long as it has this case")
