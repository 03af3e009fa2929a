"""The web process."""

import signal
import threading
from ssl import SSLContext
from types import FrameType

import click

from dicom_node import log
from dicom_node.app import Clock, Node, Pulse, tell_stopped
from dicom_node.app.clock import utc_now
from dicom_node.audit import alerts, person_of
from dicom_node.cli.context import Context, follow_parent
from dicom_node.processes import Kind

__all__ = ["web"]


@click.command()
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input closes.")
@click.pass_obj
def web(context: Context, with_parent: bool) -> None:
    """Serve DICOMweb, health and metrics, until stopped: here or on another host.

    'serve' starts one (web.enabled). Another host needs the same configuration folder, the same
    database (PostgreSQL) and the same data folder. SIGTERM: what is being answered has three
    seconds to end.

    \b
    Example:
      dicom-node web
    """
    from dicom_node.app.web import (
        services_of,
        web_stages,
    )  # what HTTP takes is loaded by this process alone
    from dicom_node.web import WebServer, web_app

    node = context.begin()
    log.configure(node.settings.file.log.level)
    server = WebServer(web_app(services_of(node)), node.settings.file.web, _tls(node))
    bound = server.bind()
    clock = Clock(web_stages(node))
    clock.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # the server has handlers of its own, and calls these after
    if with_parent:
        threading.Thread(target=follow_parent, daemon=True).start()
    else:  # with one, the parent tells
        node.audit.record(alerts.application_started(utc_now(), person_of(context.environ)))
    with Pulse(node.database, Kind.WEB, node.tally, utc_now(), node.levels).beating():
        server.run([bound])
    clock.stop()
    node.audit.flush(None)
    if not with_parent:
        tell_stopped(node.audit, utc_now(), context.environ)
    node.database.close()


def _tls(node: Node) -> SSLContext | None:
    """Return what HTTPS is spoken with; it shows the certificates of each moment."""
    said, credentials = node.settings.file.web, node.credentials
    if not said.tls or credentials is None:
        return None
    return credentials.lasting_server(mutual=said.mutual)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End as one who was asked to, not as one who was killed."""
