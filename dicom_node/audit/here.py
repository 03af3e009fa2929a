"""Who tells, who acts, and where the trail lies: from the settings and the system."""

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from dicom_node.audit.journal import Journal
from dicom_node.audit.message import Person, Remote, Source
from dicom_node.audit.recorder import Audit, Recorder, Silence
from dicom_node.settings import Peer, Settings

__all__ = ["audit_folder", "audit_of", "journal_of", "person_of", "remote_of", "source_of"]

_MEGABYTE = 2**20
_ANYWHERE = "*"


def audit_folder(settings: Settings) -> Path:
    """Return the folder of the journal."""
    return settings.data / "audit"


def journal_of(settings: Settings) -> Journal:
    """Return the journal of a node."""
    return Journal(audit_folder(settings), settings.file.audit.file_mb * _MEGABYTE)


def audit_of(settings: Settings, now: Callable[[], datetime]) -> Audit:
    """Return where the events of this process go."""
    if not settings.file.audit.on:
        return Silence()
    return Recorder(journal_of(settings), source_of(settings), now)


def source_of(settings: Settings) -> Source:
    """Return who this process is in messages."""
    file = settings.file
    return Source(
        source_id=file.audit.source_id or file.node.ae_title,
        site_id=file.audit.site_id,
        ae_title=file.node.ae_title,
        host=socket.gethostname(),
        process_id=os.getpid(),
        patient_names=file.audit.patient_names,
    )


def person_of(environ: Mapping[str, str]) -> Person:
    """Return who started this process: with sudo, who called it (PS3.15 A.5.2.1)."""
    host = socket.gethostname()
    return Person(f"{environ.get('SUDO_USER') or _login()}@{host}", host)


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a number without a name
        return str(os.getuid())


def remote_of(peer: Peer, address: str = "") -> Remote:
    """Return a peer as a participant; where it calls from is better than what peers.toml says."""
    return Remote(peer.name, peer.ae_title, address or peer.host.replace(_ANYWHERE, ""))
