"""Backup and restore: one command each."""

from pathlib import Path

import click

from dicom_node.app.clock import utc_now
from dicom_node.audit import CopiedTrail, alerts, audit_of, person_of
from dicom_node.backup import check_place, open_backup, target_at
from dicom_node.backup import restore as restore_from
from dicom_node.backup import take as take_backup
from dicom_node.backup.read import check as check_backup
from dicom_node.cli.context import Context, as_json, json_option, progress_bar
from dicom_node.db import Database
from dicom_node.settings import Settings, load_settings

__all__ = ["backup", "restore"]

_PARTLY = 3


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def backup(context: Context, target: Path, wants_json: bool) -> None:
    """Copy database, archive, audit trail and configuration of a node that may run to TARGET.

    A TARGET that ends in .tar becomes one file. Any other is a folder of backups: each has a folder
    of its own, named by its time, and shares by hard links what an earlier one has. Secrets are
    left out.

    Exit status: 0 all copied; 3 copied, but files that the database names are missing or damaged; 1
    no backup was made.

    \b
    Example:
      dicom-node backup /mnt/backup/node
      dicom-node backup /mnt/tape/node-2026-11-22.tar
    """
    settings, database = _parts(context)
    now = utc_now()
    check_place(settings, target)  # before anything is made there
    with target_at(target, now) as place, progress_bar("Copying") as progress:
        trail = _trail(context, settings)
        taken = take_backup(settings, database, trail, place, now, progress)
    database.close()
    said = f"a backup of the archive was written, with {taken.files} files"
    uri, person = taken.place.absolute().as_uri(), person_of(context.environ)
    told = alerts.restricted_function(utc_now(), person, uri, said)
    audit_of(settings, utc_now).record(told)
    if wants_json:
        as_json(
            {
                "backup": str(taken.place),
                "files": taken.files,
                "bytes": taken.size,
                "linked": taken.linked,
                "lacking": list(taken.lacking),
                "left_out": list(taken.left_out),
                "renewed": list(taken.renewed),
            }
        )
    else:
        click.echo(
            f"{taken.place}: {taken.files} files, {_megabytes(taken.size)}; "
            f"{taken.linked} of them shared with an earlier backup"
        )
    _tell(taken.lacking, "is not as it should be; 'verify-archive' or 'audit verify' tells more")
    _tell(taken.left_out, "is left out: it may be a secret")
    _tell(taken.renewed, "is damaged in the earlier backup; this one has it from the archive anew")
    if taken.lacking:
        raise click.exceptions.Exit(_PARTLY)


@click.command()
@click.argument("backup_place", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Only read it and say if it is whole.")
@click.pass_obj
def restore(context: Context, backup_place: Path, only_check: bool) -> None:
    """Restore BACKUP into an empty data folder and an empty database.

    Which these are is said by the configuration in use; that of the backup lies in its folder conf.
    All of the backup is read and compared with its manifest before anything is written. An older
    schema is brought up to date.

    Exit status: 0 all there; 3 there, but files were missing or damaged when the backup was taken;
    1 nothing was restored.

    \b
    Example:
      dicom-node --conf /etc/dicom-node restore /mnt/backup/node/20261122T011500Z
      dicom-node restore --check /mnt/backup/node/20261122T011500Z
    """
    found = open_backup(backup_place)
    if only_check:
        with progress_bar("Reading") as progress:
            check_backup(found, lambda done: progress(done, found.seal.size))
        click.echo(f"whole: {found.seal.files} files, {_megabytes(found.seal.size)}")
        return
    settings, database = _parts(context)
    trail, size = _trail(context, settings), 2 * found.seal.size
    with progress_bar("Restoring") as progress:
        done = restore_from(settings, database, trail, found, lambda n: progress(n, size))
    click.echo(f"{done.files} files restored, {_megabytes(done.size)}; start the node")
    if done.brought_up:
        click.echo(f"the schema was {done.brought_up} and is up to date now")
    _tell(done.receiving, "was being received when the backup was taken; have it sent again")
    _tell(done.lacking, "was missing or damaged when the backup was taken")
    if done.lacking:
        raise click.exceptions.Exit(_PARTLY)


def _parts(context: Context) -> tuple[Settings, Database]:
    """Return settings and database; nothing is made, and no schema is changed."""
    settings = load_settings(context.conf, context.environ)
    return settings, Database(settings.file.database.url, settings.data)


def _trail(context: Context, settings: Settings) -> CopiedTrail:
    return CopiedTrail(settings, person_of(context.environ), utc_now)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _tell(names: tuple[str, ...], what: str) -> None:
    for name in names:
        click.echo(f"Warning: {name} {what}", err=True)
