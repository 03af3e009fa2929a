"""What a configuration says against itself; each mistake names file, key and remedy."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from dicom_node.dicom import is_uid
from dicom_node.sections import (
    URL,
    WEB_SENDER,
    AuditSection,
    Destination,
    Limits,
    Models,
    Peer,
    Retention,
    Web,
    is_loopback,
)

__all__ = [
    "Place",
    "audit_mistakes",
    "destination_mistakes",
    "limits_mistakes",
    "model_mistakes",
    "retention_mistakes",
    "use_mistakes",
    "web_mistakes",
]

Place = Callable[..., str]
"""Says where a person finds the value of a key: section and key to words."""


def web_mistakes(web: Web, place: Place) -> Iterator[str]:
    """Tokens and patients go over a network in the clear only where somebody said so."""
    if web.tls and web.plain:
        where = place("web", "plain")
        yield f"{where} = true says without TLS, and web.tls = true with it; take one of them out"
    if web.mutual and not web.tls:
        text = "wants certificates of clients, and without TLS nobody shows one; set web.tls = true"
        yield f"{place('web', 'mutual')} = true {text}"
    if web.loopback_without_token and web.url:
        text = "has a proxy in front, whose requests come from this machine, whoever asked"
        yield f"{place('web', 'url')} {text}: take web.loopback_without_token = true back"
    if not web.enabled or is_loopback(web.host):
        return
    where = f"{place('web', 'host')} = '{web.host}'"
    if not (web.tls or web.plain):
        text = "others could read tokens and patients; set tls = true, or say plain = true in [web]"
        yield f"{where} is no loopback address: {text}, behind a proxy that encrypts; or 127.0.0.1"
    if web.loopback_without_token:
        text = "goes with a loopback address only; take one of the two back"
        yield f"{where}: web.loopback_without_token = true {text}"


_OF_WEB = ("url", "ask", "token_file", "token_env", "trust", "plain")
_OF_FOLDER = ("path", "keeps")


def destination_mistakes(other: Destination) -> Iterator[str]:
    """Yield what a destination lacks, or has too much of."""
    if other.kind == "folder":
        if not other.path:
            yield "path is missing; add it"
        yield from _foreign(other, _OF_WEB, "dicomweb")
        return
    url = re.fullmatch(URL, other.url)
    if not other.url:
        yield "url is missing; add it"
    elif url is None:  # not shown: it may hold a password
        yield "url is none that serves; https://host/path is wanted, without user or password"
    elif url["scheme"] == "http" and not (other.plain or is_loopback(url["host"].strip("[]"))):
        yield "url is plain http: others could read token and patients; https, or plain = true"
    yield from _foreign(other, _OF_FOLDER, "folder")
    if other.token_file and other.token_env:
        yield "token_file and token_env are two places for one token; take one out"


def use_mistakes(places: Iterable[Peer | Destination]) -> Iterator[str]:
    """Nothing that waits for a person is sent where patients are treated by it."""
    for one in places:
        if one.when_held == "send_marked" and one.use != "research":
            text = 'what waits goes to research alone; use = "research", or when_held = "hold"'
            yield f'peers.toml: {one.name}: when_held = "send_marked" and use = "{one.use}": {text}'


def _foreign(other: Destination, keys: Sequence[str], kind: str) -> Iterator[str]:
    """Yield which keys are said of a destination that are for another kind."""
    usual = type(other).model_fields
    for key in keys:
        if getattr(other, key) != usual[key].default:
            yield f'{key} belongs to kind = "{kind}"; take it out'


def limits_mistakes(limits: Limits, place: Place) -> Iterator[str]:
    """Yield which limits exclude each other."""
    if limits.memory_mb < limits.data_set_mb:
        yield (
            f"{place('limits', 'memory_mb')} = {limits.memory_mb} is less than "
            f"limits.data_set_mb = {limits.data_set_mb}, so none of that size could be received; "
            "raise the one or lower the other"
        )


def retention_mistakes(said: Retention, place: Place, peers: set[str]) -> Iterator[str]:
    """Who misspells what is never to be deleted would find out too late."""
    for name in said.keep_from:
        if name not in {*peers, "INGEST"} and not name.startswith(WEB_SENDER):
            known = ", ".join(sorted(peers)) or "none"
            yield (
                f"{place('retention', 'keep_from')}: no peer '{name}'; peers.toml has "
                f"{known}; INGEST is what came from disk, {WEB_SENDER}NAME by the token NAME"
            )
    for uid in said.keep_studies:
        if not is_uid(uid):
            where = place("retention", "keep_studies")
            yield f"{where}: '{uid}' is no UID; Study Instance UIDs are wanted"


def audit_mistakes(audit: AuditSection) -> Iterator[str]:
    """Yield what is wrong with receivers of the audit trail."""
    names = [receiver.name for receiver in audit.receiver]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"node.toml: the audit receiver '{name}' is given twice; rename one"
    for one in audit.receiver:
        if one.transport != "tls" and (one.ca_file or one.cert_file or one.key_file):
            text = f"the audit receiver '{one.name}' has certificates, and transport is not tls"
            yield f'node.toml: {text}; say transport = "tls", or take them out'
        if bool(one.cert_file) != bool(one.key_file):
            text = f"the audit receiver '{one.name}' has only one of cert_file and key_file"
            yield f"node.toml: {text}; give both, or neither"


def model_mistakes(models: Models, folder: Path, place: Place) -> Iterator[str]:
    """Yield what is wrong with the keys whose signatures of models count."""
    for name in models.keys:
        if not (folder / name).is_file():
            text = "is not in the configuration folder; put the public key there, in PEM"
            yield f"{place('models', 'keys')}: '{name}' {text}"
    if models.require_signature and not models.keys:
        where = f"{place('models', 'require_signature')} = true"
        yield f"{where}, and no signature counts; name public keys in models.keys"
