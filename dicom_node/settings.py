"""The configuration folder and ``NODE_*`` of the environment, read once into frozen values.

Every mistake of the folder is found before any is reported; each names file, key and remedy.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import Field

from dicom_node.dicom import is_uid
from dicom_node.errors import SettingsError
from dicom_node.mistakes import (
    audit_mistakes,
    destination_mistakes,
    limits_mistakes,
    model_mistakes,
    retention_mistakes,
    use_mistakes,
    web_mistakes,
)
from dicom_node.sections import (
    Archive,
    Asking,
    AuditReceiver,
    AuditSection,
    Commitment,
    Completion,
    DatabaseSection,
    Destination,
    Engine,
    Limits,
    Listen,
    Log,
    May,
    Models,
    NodeSection,
    Outbox,
    Peer,
    Retention,
    Section,
    Site,
    Tls,
    Web,
    Worker,
    is_loopback,
)
from dicom_node.tls import tls_mistakes
from dicom_node.toml import Source, read, validated

__all__ = [
    "Archive",
    "Asking",
    "AuditReceiver",
    "AuditSection",
    "Commitment",
    "Completion",
    "DatabaseSection",
    "Destination",
    "Engine",
    "Limits",
    "Listen",
    "Log",
    "May",
    "Models",
    "NodeFile",
    "NodeSection",
    "Outbox",
    "Peer",
    "PeersFile",
    "Retention",
    "Section",
    "Settings",
    "Site",
    "Tls",
    "Web",
    "Worker",
    "is_loopback",
    "load_settings",
    "shipped",
]

_PASSWORD = re.compile(r"[^:/]*:[^@]+@|[^?]*\?(.*&)?password=")  # in a URL, behind its ://


class NodeFile(Section):
    """node.toml."""

    node: NodeSection = NodeSection()
    listen: Listen = Listen()
    tls: Tls = Tls()
    limits: Limits = Limits()
    web: Web = Web()
    database: DatabaseSection = DatabaseSection()
    archive: Archive = Archive()
    completion: Completion = Completion()
    worker: Worker = Worker()
    engine: Engine = Engine()
    outbox: Outbox = Outbox()
    commitment: Commitment = Commitment()
    asking: Asking = Asking()
    retention: Retention = Retention()
    site: Site = Site()
    models: Models = Models()
    audit: AuditSection = AuditSection()
    log: Log = Log()


class PeersFile(Section):
    """peers.toml."""

    peer: tuple[Peer, ...] = ()
    destination: tuple[Destination, ...] = ()


class Settings(Section):
    """Everything that the folder and the environment say.

    Parameters
    ----------
    folder : Path
        The configuration folder.
    tokens : mapping
        Names of destinations to their tokens, of those whose token is in the environment.
    """

    folder: Path
    file: NodeFile
    peers: tuple[Peer, ...]
    destinations: tuple[Destination, ...]
    tokens: Mapping[str, str] = Field(default_factory=dict, repr=False)

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return (self.folder / self.file.node.data).resolve()

    @property
    def model_keys(self) -> tuple[Path, ...]:
        """The public keys of those whose signatures of bundles count, absolute."""
        return tuple((self.folder / name).resolve() for name in self.file.models.keys)

    def destination_names(self) -> tuple[str, ...]:
        """Names that a rule may send to: peers with a port, and other destinations."""
        peers = (peer.name for peer in self.peers if peer.port is not None)
        return (*peers, *(destination.name for destination in self.destinations))

    def speaks_for(self, name: str) -> frozenset[str]:
        """Peers whose AE title is that of ``name``: one archive may call from several hosts."""
        titles = {peer.ae_title for peer in self.peers if peer.name == name}
        return frozenset(peer.name for peer in self.peers if peer.ae_title in titles)

    def clinical_names(self) -> frozenset[str]:
        """Destinations that only signed models may reach."""
        return frozenset(one.name for one in self._everyone() if one.use == "clinical")

    def marked_names(self) -> frozenset[str]:
        """Destinations that are sent marked copies of results that wait for a person."""
        return frozenset(
            one.name
            for one in self._everyone()
            if one.use == "research" and one.when_held == "send_marked"
        )

    def receipting_names(self) -> frozenset[str]:
        """Destinations that can be asked whether they have what was sent.

        By commitment, or by a query; of a folder the files are there to be seen. Of any other,
        success in answer to each instance is all that there will ever be.
        """
        return frozenset(one.name for one in self._everyone() if one.vouches)

    def unable_names(self) -> frozenset[str]:
        """Destinations that cannot be asked whether they have what was sent."""
        return frozenset(one.name for one in self._everyone() if not one.vouches)

    def _everyone(self) -> tuple[Peer | Destination, ...]:
        return (*self.peers, *self.destinations)


def shipped(name: str) -> Path:
    """Return a folder of the configuration that comes with the program: ``tasks`` or ``models``.

    It serves where the site's own folder has none of that name.
    """
    inside = Path(__file__).parent / "conf" / name  # in an installed package
    return inside if inside.is_dir() else Path(__file__).parent.parent / "conf" / name


def load_settings(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Read ``node.toml`` and ``peers.toml`` of ``folder``; the environment overrides.

    Raises
    ------
    SettingsError
        With every mistake, each naming file, key and remedy.
    """
    mistakes: list[str] = []
    if not folder.is_dir():
        raise SettingsError([f"{folder}: no such configuration folder; name one with --conf DIR"])
    node = read(folder / "node.toml", mistakes)
    overridden = {}
    for name, value in environ.items():
        if (key := _override(node, name, value, mistakes)) is not None:
            overridden[key] = name
    source = Source("node.toml", overridden)
    node_file = validated(NodeFile, node, source, mistakes)
    peers_file = validated(
        PeersFile, read(folder / "peers.toml", mistakes), Source("peers.toml"), mistakes
    )
    if node_file is not None:
        _check_node(node_file, source, mistakes)
        mistakes += web_mistakes(node_file.web, source.place)
        mistakes += limits_mistakes(node_file.limits, source.place)
        mistakes += audit_mistakes(node_file.audit)
        mistakes += model_mistakes(node_file.models, folder, source.place)
    if peers_file is not None:
        _check_names(peers_file, mistakes)
    if node_file is not None and peers_file is not None:
        names = {peer.name for peer in peers_file.peer}
        mistakes += retention_mistakes(node_file.retention, source.place, names)
        doors = (node_file.listen, node_file.web)
        mistakes += tls_mistakes(doors, node_file.tls, peers_file.peer, source.place)
    if mistakes or node_file is None or peers_file is None:
        raise SettingsError(mistakes)
    return Settings(
        folder=folder.resolve(),
        file=node_file,
        peers=peers_file.peer,
        destinations=peers_file.destination,
        tokens={
            one.name: environ[one.token_env]
            for one in peers_file.destination
            if one.token_env in environ
        },
    )


def _override(
    raw: dict[str, Any], name: str, value: str, mistakes: list[str]
) -> tuple[str, str] | None:
    """Put ``NODE_SECTION__KEY=value`` into ``raw``; return the key that it overrides.

    A misspelt one is a mistake like any other.
    """
    if not name.startswith("NODE_") or "__" not in name:
        return None  # NODE_OPTIONS and its like belong to others
    section, _, key = name.removeprefix("NODE_").lower().partition("__")
    known = NodeFile.model_fields.get(section)
    wanted = known.annotation.model_fields.get(key) if known and known.annotation else None
    if wanted is None:
        mistakes.append(
            f"environment: {name} names no key of node.toml; NODE_SECTION__KEY is wanted"
        )
        return None
    table = raw.setdefault(section, {})
    if isinstance(table, dict):
        table[key] = value if _is_text(wanted.annotation) else _number(value)
    return section, key


def _is_text(annotation: Any) -> bool:
    kinds = get_args(annotation)
    return annotation is str or (bool(kinds) and all(isinstance(kind, str) for kind in kinds))


def _number(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value  # the type check will say what is wrong with it


def _check_node(file: NodeFile, source: Source, mistakes: list[str]) -> None:
    uid, (kind, _, rest) = file.node.device_uid, file.database.url.partition("://")
    if uid and not is_uid(uid):
        where = source.place("node", "device_uid")
        mistakes.append(f"{where} = '{uid}' is no UID; leave it empty to get one")
    if kind not in ("sqlite", "postgresql") or not rest.strip("/"):
        where = source.place("database", "url")
        wanted = "sqlite:///file.db or postgresql://user@host/name is wanted"
        seen = f"'{kind}://…'" if rest else "no URL"  # the rest may hold a password
        mistakes.append(f"{where} = {seen}; {wanted}")
    elif _PASSWORD.match(rest) and ("database", "url") not in source.overridden:
        elsewhere = "take it out and give it in PGPASSWORD, or in a .pgpass file of the node's user"
        mistakes.append(f"{source.file}: database.url holds a password; {elsewhere}")


def _check_names(file: PeersFile, mistakes: list[str]) -> None:
    names = [peer.name for peer in file.peer] + [other.name for other in file.destination]
    mistakes.extend(
        f"peers.toml: the name '{name}' is given twice; rename one"
        for name in sorted(set(names))
        if names.count(name) > 1
    )
    mistakes.extend(
        f"peers.toml: {peer.name} may be asked but has no port; add its port"
        for peer in file.peer
        if peer.ask and peer.port is None
    )
    mistakes.extend(use_mistakes((*file.peer, *file.destination)))
    for number, other in enumerate(file.destination):
        mistakes.extend(
            f"peers.toml: destination.{number}.{text}" for text in destination_mistakes(other)
        )
