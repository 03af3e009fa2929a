"""Network interfaces, configuration, media, character sets (PS3.2 4.3 to 6)."""

import json

from conformance.tables import table
from dicom_node.results.charset import UTF8
from dicom_node.settings import NodeFile, PeersFile

__all__ = ["characters", "configuration", "media", "network"]

_SECTIONS = ("node", "listen", "tls", "limits", "web", "outbox", "commitment", "asking")
"""Tables of node.toml that decide what is said on the network; those that there are are shown."""


def network() -> str:
    """Physical network and protocols."""
    return """### 3.4 Network interfaces

TCP/IP over whatever the operating system has, IPv4 and IPv6. Host names are resolved by it each time that a
peer calls or is called. Nagle's algorithm is off."""


def configuration() -> str:
    """Parameters, with what holds unless they are set."""
    known = NodeFile.model_fields
    rows = [
        (f"`{section}.{name}`", f"`{json.dumps(field.default)}`")
        for section in _SECTIONS
        if section in known
        for name, field in known[section].annotation.model_fields.items()
    ]
    (peer,) = PeersFile.model_fields["peer"].annotation.__args__[:1]
    keys = [(f"`{name}`", "wanted" if one.is_required() else f"`{_shown(one.default)}`")
            for name, one in peer.model_fields.items()]  # fmt: skip
    return f"""### 3.5 Configuration

AE titles and addresses of peers are those of `peers.toml`; there is no other list. One peer, key by key:

{table(("key of a peer", "unless set"), keys)}

{table(("key of node.toml", "unless set"), rows)}

What each means stands in the [configuration](generated/configuration.md)."""


def _shown(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def media() -> str:
    """Media interchange."""
    return """## 4 Media interchange

None: no media storage application profile is claimed."""


def characters() -> str:
    """Character sets."""
    return f"""## 5 Support of character sets

Every character set of PS3.3 C.12.1.1.2, with and without code extensions, is read, kept as it came, searched
and returned. A result has the character set of its source where that can hold every value, else {UTF8}; text that
is not ASCII and whose object declares no set is not guessed at, and such a series is refused as a source."""
