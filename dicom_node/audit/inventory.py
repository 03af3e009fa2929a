"""What the node is configured with, file by file, and what changed since it last started."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from dicom_node import __version__
from dicom_node.audit.message import Event
from dicom_node.audit.message.alerts import Changed, configuration_read
from dicom_node.settings import Settings

__all__ = ["Inventory"]

_KEPT = "configuration.json"
_PATTERNS = ("*.toml", "rules/*.toml", "tasks/*.toml")
_IN_FORCE, _AUDIT, _PROGRAM = "settings", "audit", "program"
_SECURITY = ("peers.toml", _AUDIT)
_URN = "urn:dicom-synthesis-node:"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Names and SHA-256 digests.

    Parameters
    ----------
    folder : Path
        The configuration folder.
    digests : mapping
        Of each file, of the settings that are in force with the environment over them, of those of
        the audit among them, and of each model; and the version of the program.
    """

    folder: Path
    digests: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, models: Mapping[str, str]) -> "Inventory":
        """Return what is in force now.

        Parameters
        ----------
        models : mapping
            Name and version to digest.
        """
        # the URL may hold a password, and a digest of that is something to guess at
        in_force = settings.file.model_dump_json(exclude={"database": {"url"}})
        audit = settings.file.audit.model_dump_json()
        found = {
            _PROGRAM: __version__,
            _IN_FORCE: _sha256(in_force.encode()),
            _AUDIT: _sha256(audit.encode()),
        }
        for pattern in _PATTERNS:
            for path in sorted(settings.folder.glob(pattern)):
                found[str(path.relative_to(settings.folder))] = _sha256(path.read_bytes())
        found |= {f"model {name}": digest for name, digest in models.items()}
        return cls(settings.folder, found)

    @property
    def digest(self) -> str:
        """One digest over all."""
        return _sha256(json.dumps(sorted(self.digests.items())).encode())

    def events(self, at: datetime, trail: Path) -> Iterator[Event]:
        """Yield the alerts that say what is in force, against what ``trail`` keeps of before."""
        before = _kept(trail)
        if before is None:
            note = "no earlier start is known"
        else:
            note = "as before" if before == self.digests else "not as before"
        whole = Changed(self.folder.as_uri(), f"configuration sha256:{self.digest}, {note}")
        changed = list(self._changes(before or self.digests))
        guarded = [one for name, one in changed if name in _SECURITY]
        if guarded:
            yield configuration_read(at, [whole, *guarded], security=True)
        others = [one for name, one in changed if name not in _SECURITY]
        if others or not guarded:
            yield configuration_read(at, [whole, *others], security=False)

    def keep(self, trail: Path) -> None:
        """Keep it for the next start; if that fails, the next start tells of the change again."""
        part = trail / f"{_KEPT}.part"
        part.write_text(json.dumps(dict(self.digests), indent=1) + "\n")
        part.replace(trail / _KEPT)

    def _changes(self, before: Mapping[str, str]) -> Iterator[tuple[str, Changed]]:
        for name in sorted({*before, *self.digests}):
            was, now = before.get(name), self.digests.get(name)
            if was != now:
                text = f"{name}: {was or 'absent'} before, {now or 'absent'} now"
                yield name, Changed(self._uri(name), text)

    def _uri(self, name: str) -> str:
        is_file = name.endswith(".toml")
        return (self.folder / name).as_uri() if is_file else _URN + quote(name)


def _kept(trail: Path) -> dict[str, str] | None:
    try:
        found = json.loads((trail / _KEPT).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
