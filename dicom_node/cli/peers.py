"""Peers: list, echo, resend."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from dicom_node.app import web_server
from dicom_node.app.build import open_credentials
from dicom_node.app.clock import utc_now
from dicom_node.archive import Studies
from dicom_node.cli.context import Context, Uid, as_json, json_option
from dicom_node.destination import echo as send_echo
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.models import Signings
from dicom_node.outbox import Outbox
from dicom_node.scu import Ourselves
from dicom_node.settings import Destination, Peer, load_settings

__all__ = ["peers"]


@click.group()
def peers() -> None:
    """List peers, see whether one is there, send results to one again.

    \b
    Example:
      dicom-node peers echo pacs
    """


@peers.command("list")
@json_option
@click.pass_obj
def list_peers(context: Context, wants_json: bool) -> None:
    """List who may call, what they may do, and where results go.

    \b
    Example:
      dicom-node peers list
    """
    settings = load_settings(context.conf, context.environ)
    if wants_json:
        known = [{"kind": "dimse", **peer.model_dump()} for peer in settings.peers]
        as_json([*known, *(other.model_dump() for other in settings.destinations)])
        return
    for peer in settings.peers:
        where = f"{peer.host}:{peer.port}" if peer.port else f"{peer.host} (calls only)"
        where += " over TLS" if peer.tls else ""
        may = ", ".join(peer.may) or "nothing"
        ask = f"; asked for {', '.join(peer.ask)}" if peer.ask else ""
        click.echo(f"{peer.name}: {peer.ae_title} at {where}; may {may}{ask}; {_use(peer)}")
    for other in settings.destinations:
        click.echo(f"{other.name}: {other.kind} {other.path or other.url}; {_use(other)}")


def _use(one: Peer | Destination) -> str:
    copies = ", takes marked copies of what is held" if one.when_held == "send_marked" else ""
    return f"use {one.use}{copies}"


@peers.command()
@click.argument("name")
@click.pass_obj
def echo(context: Context, name: str) -> None:
    """Send a C-ECHO to the peer NAME, or a query to a DICOMweb destination of that name.

    \b
    Example:
      dicom-node peers echo pacs
    """
    settings = load_settings(context.conf, context.environ)
    other = next((other for other in settings.destinations if other.name == name), None)
    if other is not None and other.kind == "folder":
        raise NotPossible(f"{name} is a folder; only peers with a port answer C-ECHO")
    if other is not None:
        web_server(settings, other).ask()
        click.echo(f"{name} answered")
        return
    peer = next((peer for peer in settings.peers if peer.name == name and peer.port), None)
    if peer is None:
        known = ", ".join(peer.name for peer in settings.peers if peer.port) or "none"
        raise NotKnown(f"no peer '{name}' with a port; peers with one: {known}")
    file, credentials = settings.file, open_credentials(settings) if peer.tls else None
    with _quiet():
        send_echo(Ourselves(file.node.ae_title, file.outbox, credentials), peer)
    click.echo(f"{name} answered" + (" over TLS" if peer.tls else ""))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pynetdicom from saying on standard error what our own error says."""
    log = logging.getLogger("pynetdicom")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@peers.command()
@click.argument("study_uid", type=Uid())
@click.argument("name")
@click.pass_obj
def resend(context: Context, study_uid: str, name: str) -> None:
    """Send every synthetic series of a study to NAME again, whole.

    \b
    Example:
      dicom-node peers resend 1.2.840.113619.2.1 pacs
    """
    node = context.open()
    known = node.settings.destination_names()
    if name not in known:
        raise NotKnown(f"no destination '{name}'; there are: {', '.join(known) or 'none'}")
    with node.database.transaction() as session:
        Studies(session, node.archive.folder).hold(study_uid)  # nothing of it is deleted meanwhile
        outbox = Outbox(session, node.archive.folder)
        made, now = outbox.series_made(study_uid), utc_now()
        if name in node.settings.clinical_names():
            _refuse_unsigned(Signings(session), study_uid, made, name)
        count = outbox.resend(study_uid, name, now)
        if not made and not count:
            text = f"nothing was made of study {study_uid}, or all of it is rejected"
            raise NotKnown(f"{text}; 'dicom-node why' tells why")
        count += sum(outbox.add(study_uid, uid, [name], now) for uid in made)
        if count:
            text = f"{count} series of a study are to be sent to {name} again"
            uri = f"urn:dicom-synthesis-node:destination:{name}"
            context.restricted(node, uri, text, study_uid)
    if not count:
        raise NotPossible(f"what was made is being sent to {name} at this moment; 'why' tells more")
    click.echo(f"{count} series queued for {name}")


def _refuse_unsigned(signings: Signings, study_uid: str, made: list[str], name: str) -> None:
    """Raise NotPossible where one of the series that were made may not go to a destination."""
    for series_uid in made:
        if against := signings.against(study_uid, series_uid, name):
            raise NotPossible(str(against))
