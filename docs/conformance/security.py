"""Security profiles, and the services over HTTP."""

import ssl
from collections.abc import Iterable

from conformance.tables import table
from dicom_node.audit.message import codes
from dicom_node.settings import AuditReceiver
from dicom_node.tls import SUITES
from dicom_node.tls.profile import server_context
from dicom_node.tokens import SCOPES

__all__ = ["profiles", "versions", "web"]

_EVENTS = (
    codes.APPLICATION_ACTIVITY, codes.AUDIT_LOG_USED, codes.BEGIN_TRANSFERRING,
    codes.INSTANCES_ACCESSED, codes.INSTANCES_TRANSFERRED, codes.IMPORT, codes.QUERY,
    codes.SECURITY_ALERT,
)  # fmt: skip
_WEB = (
    (
        "QIDO-RS",
        "GET",
        "/studies, /series, /instances, and those within a study or a series",
        "read",
    ),
    (
        "WADO-RS",
        "GET",
        "studies, series, instances, frames, bulk data, metadata, rendered, thumbnail",
        "read",
    ),
    ("STOW-RS", "POST", "/studies, /studies/{study}", "write"),
)


def versions(profile: str) -> str:
    """Return what of TLS is spoken, by what the node answers with."""
    oldest = server_context(profile).minimum_version
    known = [one for one in ssl.TLSVersion if one > 0 and one >= oldest]
    names = [one.name.removeprefix("TLSv").replace("_", ".") for one in sorted(known, reverse=True)]
    return f"TLS {names[0]}, preferred; {', '.join(names[1:])} is taken; nothing older"


def web() -> str:
    """DICOMweb (PS3.18)."""
    return f"""### 3.3 DICOMweb

Origin server, where `web.enabled`, under `/dicom-web` of `web.host` and `web.port`; paths are those of
PS3.18. HTTP/1.1, over TLS with `web.tls`. Each request needs a bearer token (RFC 6750) whose scope is enough:
`dicom-node tokens create`.

{table(("service", "method", "resources", "scope"), _WEB)}

Representations: application/dicom+json and multipart application/dicom+xml of answers and metadata; application/dicom
of instances. Queries know the keys of 3.2.2 at the levels STUDY, SERIES and IMAGE, with `limit`, `offset` and
`includefield`; what is not done (fuzzy matching, `orderby`, `emptyvaluematching`, `multiplevaluematching`) or not known
is left aside, and said so in a Warning. UPS-RS and non-patient instances are not served.

STOW-RS: 200 all kept, 202 some, 409 none, 503 try again later; the reasons (0008,1197) are the statuses of
3.2.1, and 0110 for a part that was not looked at; B000 says that what was here stayed; such an
item has an empty Retrieve URL. A study of which nothing else came is not found.

As a user agent, the node sends results by STOW-RS to destinations of the kind `dicomweb`, one instance a part; only
what the answer names as stored counts as sent. Where `ask` allows it, it searches there by QIDO-RS, for series and
instances of one study: before a rule fires, and to count what was sent. Both with the destination's token, over TLS
unless `plain` says otherwise."""


def profiles() -> str:
    """Association and application level security (PS3.2: security)."""
    suites = table(
        ("profile", "cipher suites of TLS 1.2"), ((name, _list(SUITES[name])) for name in SUITES)
    )
    said = {versions(name) for name in SUITES}
    events = table(("EventID", "event"), [(one.value, one.meaning) for one in _EVENTS])
    port = AuditReceiver.model_fields["port"].default
    return f"""## 6 Security

### 6.1 Secure transport

Where `listen.tls`, and `tls` of a peer that is called: the BCP 195 RFC 8996, 9325 TLS Secure Transport
Connection Profile (PS3.15 B.12) or, by `tls.profile`, the modified one (B.13). {"; ".join(sorted(said))}. Both sides
show a certificate, always. The port is 2762 (dicom-tls) unless set. The cipher suites of TLS 1.3 are those of OpenSSL.

{suites}

HTTP speaks the same TLS with `web.tls`; clients show a certificate there where `web.mutual` wants one.
Without `listen.tls` the listener serves this machine alone, unless `listen.plain` says otherwise; without `web.tls`
so does the web, unless `web.plain` does.

### 6.2 Association level

Peers are known by AE title and address and, with TLS, by certificate (`certificate` of a peer). Each may do
what `may` says, and nothing else. User identity is not negotiated. Who calls over HTTP is known by a token, with
scopes {_list(SCOPES)}.

### 6.3 Application level

Audit trail messages after PS3.15 A.5, unless `audit.on = false`: kept in a journal whose lines are chained by
hashes, and sent by syslog (RFC 5424) to each `[[audit.receiver]]`, over TLS (A.6, RFC 5425, port {port} unless set),
or over TCP or UDP (A.7, RFC 5426); what a receiver that is away has not had is sent when it is back. Names of patients
are in them only with `audit.patient_names`, but for what a query searched by: the query stands in its message
(A.5.3.10). When each is told: [audit trail](audit.md).

{events}

A token that is no good is told as a caller that is refused; what is searched, retrieved and stored over HTTP is told
as what is asked over DICOM. Digital signatures, attribute confidentiality
and de-identification profiles are not supported; results keep the identity of their source.

What is stored, what leaves and what to harden: [security](../security.md). Reason codes: [acceptance](acceptance.md)."""


def _list(words: Iterable[object]) -> str:
    return ", ".join(map(str, words))
