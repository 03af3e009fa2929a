"""Rows against files."""

import sys
from dataclasses import asdict

import click

from dicom_node.app.clock import utc_now
from dicom_node.archive.upkeep import count_files, verify
from dicom_node.cli.context import Context, as_json, json_option

__all__ = ["verify_archive"]

_PARTLY = 3


@click.command("verify-archive")
@json_option
@click.pass_obj
def verify_archive(context: Context, wants_json: bool) -> None:
    """Read every file of the archive: each row has its file with its hash, each file its row.

    The node may run meanwhile. Exit status: 0 all is in order; 3 what is printed is not; 1 it could
    not be looked at.

    \b
    Example:
      dicom-node verify-archive
    """
    node = context.open()
    count, hidden = count_files(node.database), not sys.stderr.isatty()
    with click.progressbar(length=count, label="Reading", file=sys.stderr, hidden=hidden) as bar:
        report = verify(node.database, node.archive.folder, utc_now(), bar.update)
    if wants_json:
        as_json(asdict(report))
    else:
        for fault in report.faults:
            uid = f" ({fault.sop_instance_uid})" if fault.sop_instance_uid else ""
            click.echo(f"{fault.what}: {fault.path}{uid}")
        click.echo(
            f"{report.files} files of {report.studies} studies, {report.size / 1e6:.1f} MB; "
            f"{len(report.faults)} wrong, {report.orphans} orphans"
        )
    if report.faults:
        raise click.exceptions.Exit(_PARTLY)
