"""Commands. Each is one verb; an error of ours is one line and exit status 1.

Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 partly done.
"""

from pathlib import Path
from typing import Any

import click

from dicom_node import __version__, log
from dicom_node.cli.cohort import cohort
from dicom_node.cli.context import Context
from dicom_node.cli.ingest import ingest
from dicom_node.cli.jobs import jobs
from dicom_node.cli.models import models
from dicom_node.cli.peers import peers
from dicom_node.cli.request import request
from dicom_node.cli.rules import rules
from dicom_node.cli.serve import serve
from dicom_node.cli.upkeep import (
    audit,
    backup,
    restore,
    retention,
    tokens,
    verify_archive,
)
from dicom_node.cli.web import web
from dicom_node.cli.why import why
from dicom_node.cli.worker import worker
from dicom_node.errors import NodeError

__all__ = ["main"]


class _NodeGroup(click.Group):
    """Show our own errors as lines and exit 1; let bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except NodeError as exc:
            for line in str(exc).splitlines():
                click.echo(f"Error: {line}", err=True)
            raise click.exceptions.Exit(1) from exc


@click.group(cls=_NodeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dicom-node")
@click.option(
    "--conf",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("conf"),
    show_default=True,
    help="The configuration folder: node.toml, peers.toml, rules/, tasks/, models/.",
)
@click.pass_context
def main(ctx: click.Context, conf: Path) -> None:
    """Make the image that a study lacks, and say that it is synthetic.

    \b
    Examples:
      dicom-node serve
      dicom-node --conf /etc/dicom-node why 1.2.840.113619.2.1

    Exit status: 0 done, 1 failed, 2 wrong usage, 3 partly done.
    """
    log.configure("warning")
    ctx.obj = Context.of_process(conf)


for _command in (
    *(serve, worker, web, ingest, why, request, jobs, rules, models, cohort, peers, tokens),
    *(retention, backup, restore, verify_archive, audit),
):
    main.add_command(_command)
