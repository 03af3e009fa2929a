"""What may stand in node.toml and peers.toml: one class per table, each key with its default."""

from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "URL",
    "WEB_SENDER",
    "AeTitle",
    "Archive",
    "Ask",
    "Asking",
    "AuditReceiver",
    "AuditSection",
    "Commitment",
    "Completion",
    "Count",
    "DatabaseSection",
    "Days",
    "Destination",
    "Engine",
    "Host",
    "Limits",
    "Listen",
    "Log",
    "May",
    "Megabytes",
    "Models",
    "Name",
    "NodeSection",
    "Outbox",
    "Peer",
    "Port",
    "Retention",
    "Seconds",
    "Section",
    "Sender",
    "Site",
    "Tls",
    "Web",
    "Worker",
    "is_loopback",
]

AeTitle = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=16, pattern=r"^[\x20-\x5b\x5d-\x7e]+$"
    ),
]  # PS3.5 6.2, AE: no backslash, no control character; spaces around it do not count
_DICOM_TLS = 2762
_HOST = r"^(\*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[a-zA-Z0-9_-]{1,63}(\.[a-zA-Z0-9_-]{1,63})*)$"
URL = (
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
    r"(/[A-Za-z0-9._~-]+)*/?"
)
"""Of a service: no user, no query. It goes into headers and answers as it stands."""
Host = Annotated[str, StringConstraints(pattern=_HOST)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]
WEB_SENDER = "web:"
"""Before the name of a token, where somebody stored with it over HTTP."""
Sender = Annotated[
    str, StringConstraints(pattern=rf"^({WEB_SENDER})?[A-Za-z0-9][A-Za-z0-9._-]{{0,47}}$")
]
Port = Annotated[int, Field(ge=0, le=65535)]
Days = Annotated[float, Field(ge=0, allow_inf_nan=False, le=100_000)]
Count = Annotated[int, Field(ge=1, le=1000)]
Megabytes = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, le=1e9)]
May = Literal["echo", "store", "find", "move", "get", "commit"]
Ask = Literal["find", "move", "commit"]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Section(BaseModel):
    """A table of a file: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NodeSection(Section):
    """``[node]``: who we are and where our data lies."""

    ae_title: AeTitle = "SYNTHNODE"
    data: str = "var"
    device_uid: str = ""


class Listen(Section):
    """``[listen]``: where peers call."""

    host: Host = "127.0.0.1"
    port: Port = 11112
    tls: bool = False
    plain: bool = False
    max_associations: Count = 64
    idle_s: Seconds = 60.0
    data_plane: bool = True

    @model_validator(mode="before")
    @classmethod
    def _port_of_tls(cls, keys: Any) -> Any:
        """Take the port of dicom-tls where TLS is wanted and no port is named (PS3.15 B.12)."""
        wanted = isinstance(keys, dict) and keys.get("tls") is True and "port" not in keys
        return {**keys, "port": _DICOM_TLS} if wanted else keys


class Tls(Section):
    """``[tls]``: who we are, and whom we believe; files, relative to the configuration folder."""

    certificate: str = ""
    key: str = ""
    trust: str = ""
    profile: Literal["B.12", "B.13"] = "B.12"
    warn_days: Annotated[int, Field(ge=0, le=1000)] = 30


class Limits(Section):
    """``[limits]``: what one peer, or all of them together, may cost."""

    per_peer: Count = 32
    waiting: Count = 64
    handshake_s: Seconds = 10.0
    artim_s: Seconds = 30.0
    message_s: Seconds = 1800.0
    contexts: Annotated[int, Field(ge=1, le=128)] = 128
    pdu_kb: Annotated[int, Field(ge=16, le=4096)] = 128
    data_set_mb: Megabytes = 2048
    message_mb: Megabytes = 64
    memory_mb: Megabytes = 4096
    depth: Annotated[int, Field(ge=4, le=64)] = 32
    items: Annotated[int, Field(ge=100, le=100_000_000)] = 200_000
    inflate_ratio: Annotated[int, Field(ge=2, le=2000)] = 100


class Web(Section):
    """``[web]``: where DICOMweb clients call, and what one of them may cost."""

    enabled: bool = True
    host: Host = "127.0.0.1"
    port: Port = 8080
    tls: bool = False
    mutual: bool = False
    plain: bool = False
    url: Annotated[str, StringConstraints(pattern=f"^({URL})?$")] = ""
    loopback_without_token: bool = False
    requests: Annotated[int, Field(ge=1, le=1000)] = 24
    request_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    parts: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    query_length: Annotated[int, Field(ge=256, le=65_536)] = 16_384
    answers: Annotated[int, Field(ge=1, le=100_000)] = 1000
    frame_mb: Annotated[int, Field(ge=1, le=16_384)] = 256
    idle_s: Seconds = 30.0
    request_s: Seconds = 3600.0


class DatabaseSection(Section):
    """``[database]``."""

    url: str = "sqlite:///node.db"


class Archive(Section):
    """``[archive]``."""

    keep_free_mb: Annotated[int, Field(ge=0)] = 1024


class Completion(Section):
    """``[completion]``: when a study is whole."""

    quiet_s: Seconds = 5.0
    interrupted_s: Seconds = 30.0
    sender_limit_s: Seconds = 600.0


class Worker(Section):
    """``[worker]``: how jobs are run."""

    count: Annotated[int, Field(ge=0, le=8)] = 1
    lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False, le=1e9)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    job_limit_s: Seconds = 1800.0


class Engine(Section):
    """``[engine]``: where networks run."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=0)] = 0


class Outbox(Section):
    """``[outbox]``: how long a delivery is tried."""

    give_up_days: Annotated[float, Field(gt=0, allow_inf_nan=False, le=10_000)] = 7.0
    refused_attempts: Annotated[int, Field(ge=1)] = 5
    connect_s: Seconds = 10.0
    answer_s: Seconds = 60.0

    def within(self, limit_s: float) -> "Outbox":
        """Return the same for whoever has no more time than ``limit_s``."""
        times = {"connect_s": min(self.connect_s, limit_s), "answer_s": min(self.answer_s, limit_s)}
        return self.model_copy(update=times)


class Commitment(Section):
    """``[commitment]``: storage commitment, and the counts that stand in for it."""

    report_s: Seconds = 14_400.0
    asks: Annotated[int, Field(ge=1, le=100)] = 3
    count_s: Seconds = 60.0
    give_up_days: Annotated[float, Field(gt=0, allow_inf_nan=False, le=10_000)] = 7.0


class Asking(Section):
    """``[asking]``: what other archives have of a study, before a rule fires."""

    wait_s: Seconds = 30.0
    cache_s: Seconds = 300.0
    every_s: Seconds = 0.5
    looks: Annotated[int, Field(ge=0, le=1000)] = 8
    fetch_s: Seconds = 900.0


class Retention(Section):
    """``[retention]``: what is deleted, and when; 0 says never."""

    received_days: Days = 0.0
    made_days: Days = 0.0
    max_gb: Annotated[float, Field(ge=0, allow_inf_nan=False, le=1e9)] = 0.0
    keep_days: Days = 7.0
    keep_from: tuple[Sender, ...] = ()
    keep_studies: tuple[str, ...] = ()
    delivered: Literal["receipted", "best"] = "receipted"


class Site(Section):
    """``[site]``: what results say of this place."""

    institution: Annotated[str, StringConstraints(max_length=64)] = ""
    content_qualification: Literal["RESEARCH", "SERVICE"] = "RESEARCH"


class Models(Section):
    """``[models]``: whose signatures count; files, relative to the configuration folder."""

    keys: tuple[str, ...] = ()
    require_signature: bool = False


class Log(Section):
    """``[log]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class AuditReceiver(Section):
    """``[[audit.receiver]]``: who is sent the audit trail, by syslog.

    Parameters
    ----------
    ca_file, cert_file, key_file : str
        PEM, relative to the configuration folder: who may have signed the receiver's certificate
        (empty: whom the system trusts), and the certificate that we show, if any.
    """

    name: Name
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 6514
    transport: Literal["tls", "tcp", "udp"] = "tls"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class AuditSection(Section):
    """``[audit]``: what is written down of who did what, and who is sent it."""

    on: bool = True
    source_id: Annotated[str, StringConstraints(max_length=64)] = ""
    site_id: Annotated[str, StringConstraints(max_length=64)] = ""
    patient_names: bool = False
    file_mb: Annotated[int, Field(ge=1, le=1024)] = 32
    keep_days: Annotated[int, Field(ge=0, le=100_000)] = 3650
    receiver: tuple[AuditReceiver, ...] = ()


class Peer(Section):
    """``[[peer]]`` of peers.toml: who may call, what it may do, and where results go."""

    name: Name
    ae_title: AeTitle
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    may: tuple[May, ...] = ()
    ask: tuple[Ask, ...] = ()
    tls: bool = False
    plain: bool = False
    certificate: str = ""
    use: Literal["research", "clinical"] = "research"
    when_held: Literal["hold", "send_marked"] = "hold"

    @property
    def vouches(self) -> bool:
        """Whether it can be asked for what it was sent."""
        return self.port is not None and bool({"commit", "find"} & set(self.ask))


class Destination(Section):
    """``[[destination]]`` of peers.toml: a place for results that is no DIMSE peer."""

    name: Name
    kind: Literal["folder", "dicomweb"]
    path: str = ""
    keeps: bool = True
    url: str = ""
    ask: tuple[Literal["find"], ...] = ()
    token_file: str = ""
    token_env: str = ""
    trust: str = ""
    plain: bool = False
    use: Literal["research", "clinical"] = "research"
    when_held: Literal["hold", "send_marked"] = "hold"

    @property
    def vouches(self) -> bool:
        """Whether it can be asked for what it was sent."""
        return self.keeps if self.kind == "folder" else "find" in self.ask
