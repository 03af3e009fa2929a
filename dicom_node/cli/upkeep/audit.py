"""The audit trail: whether it holds, and what it says."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from dicom_node.app.clock import utc_now
from dicom_node.audit import KnownEnd, alerts, audit_folder, audit_of, person_of
from dicom_node.audit.journal import Line, Link, Read, beginning, lines_after, read_head, verify
from dicom_node.audit.message import summary_of
from dicom_node.cli.context import Context, as_json, json_option
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway
from dicom_node.settings import Settings, load_settings

__all__ = ["audit"]

_LINK = re.compile(r"([0-9]{1,18}):([0-9a-f]{32,64})")


class _LinkType(click.ParamType[Link]):
    """The number of a line and its hash, as ``audit verify`` prints them."""

    name = "number:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Link:
        """Return the link, or end as wrong usage."""
        found = _LINK.fullmatch(str(value))
        if found is None:
            wanted = "NUMBER:HASH is wanted as verify prints it, or the first half of the hash"
            self.fail(f"{value!a} is no link; {wanted}", param, ctx)
        return Link(int(found[1]), found[2])


@click.group()
def audit() -> None:
    """Check the audit trail, and read it.

    \b
    Example:
      dicom-node audit verify
    """


@audit.command("verify")
@click.option("--head", type=_LinkType(), help="A link that was noted before: it has to be there.")
@json_option
@click.pass_obj
def verify_trail(context: Context, head: Link | None, wants_json: bool) -> None:
    """Say whether every line of the journal is as it was written; name the first that is not.

    The line that the database knows as the last has to be there too. Prints the last link,
    NUMBER:HASH. Keep it elsewhere: with --head it shows later that the
    journal was not written anew. Exit status: 0 it holds, 1 it does not.

    \b
    Example:
      dicom-node audit verify
      dicom-node audit verify --head 1042:9f86d081884c7d659a2feaa0c55ad015
    """
    settings = load_settings(context.conf, context.environ)
    folder, known = audit_folder(settings), _known(settings)
    verdict = verify(folder, head, known)
    if wants_json:
        as_json(
            {
                "holds": verdict.holds,
                "lines": verdict.lines,
                "first": str(verdict.first) if verdict.first else None,
                "last": str(verdict.last) if verdict.last else None,
                "known": str(known) if known else None,
                "why": verdict.why or None,
            }
        )
    elif verdict.holds:
        click.echo(f"{folder}: {verdict.lines} lines hold, the last is {verdict.last or 'none'}")
    else:
        click.echo(f"{folder}: {verdict.lines} lines hold, then: {verdict.why}")
    if not verdict.holds:
        raise click.exceptions.Exit(1)


def _known(settings: Settings) -> Link | None:
    """Return the last line that the database knows; nothing is made, and no schema is changed."""
    database = Database(settings.file.database.url, settings.data)
    try:
        end = KnownEnd(database).read() if database.is_current() else None
    except DatabaseAway as exc:
        click.echo(f"Warning: not compared with what the database knows: {exc}", err=True)
        return None
    finally:
        database.close()
    return end.link if end else None


@audit.command()
@click.option("--since", metavar="TIME", help="From this time on, ISO 8601; without a zone, UTC.")
@json_option
@click.pass_obj
def show(context: Context, since: str | None, wants_json: bool) -> None:
    """Print the messages of the journal. That it was read is itself an event in it.

    With --json one object a line, the message itself among it.

    \b
    Example:
      dicom-node audit show --since 2026-01-31
      dicom-node audit show --json
    """
    start = _time(since) if since else None
    settings = load_settings(context.conf, context.environ)
    person, folder = person_of(context.environ), audit_folder(settings)
    audit_of(settings, utc_now).record(alerts.audit_log_used(utc_now(), person, folder.as_uri()))
    for read in _lines(folder):
        if read.line is None:
            click.echo(f"Warning: not shown: {read.why}", err=True)
        elif start is None or datetime.fromisoformat(read.line.time) >= start:
            click.echo(_as_object(read.line) if wants_json else _as_text(read.line))


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        wanted = "2026-01-31 or 2026-01-31T08:00:00+01:00 is wanted"
        raise click.BadParameter(f"{text!a} is no time; {wanted}", param_hint="--since") from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _lines(folder: Path) -> Iterator[Read]:
    end = read_head(folder)
    return iter(()) if end is None else lines_after(folder, beginning(folder), end)


def _as_object(line: Line) -> str:
    return json.dumps(
        {
            "seq": line.link.seq,
            "time": line.time,
            "hash": line.link.hash,
            **_summary(line),
            "message": line.message,
        },
        ensure_ascii=False,
    )


def _summary(line: Line) -> dict[str, Any]:
    summary = summary_of(line.message)
    return asdict(summary) if summary else {}


def _as_text(line: Line) -> str:
    found = summary_of(line.message)
    if found is None:
        return f"{line.link.seq:>8}  {line.time}  (no audit message)"
    ended = "" if found.outcome == "0" else f", outcome {found.outcome}"
    kinds = f" ({', '.join(found.kinds)})" if found.kinds else ""
    about = f": {', '.join(found.things)}" if found.things else ""
    return (
        f"{line.link.seq:>8}  {found.at}  {found.event}{kinds}, {found.action}{ended}, "
        f"{' > '.join(found.who)}{about}"
    )
