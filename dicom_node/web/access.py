"""Who calls, and what they may: bearer tokens (RFC 6750)."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from fastapi import Request

from dicom_node import log
from dicom_node.audit import Remote, alerts
from dicom_node.errors import TokenRefused
from dicom_node.settings import is_loopback
from dicom_node.tokens import Scope, Tokens
from dicom_node.web.problem import Refused, template_of
from dicom_node.web.services import Served, Services

__all__ = ["LOOPBACK", "Caller", "needs"]

_log = log.get("web")
_REALM = 'Bearer realm="dicom-node"'
LOOPBACK = "loopback"
"""Who needs no token is called so."""
_BY_WAY_OF_ANOTHER = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the name of a token, or a program of this machine that needs none."""

    name: str


def needs(scope: Scope) -> Callable[[Request, Services], Caller]:
    """Return what lets a request pass whose caller may do what ``scope`` says.

    It raises :class:`Refused` with 401 where there is no good token, 403 where it is one for
    something else, and 400 where there are two.
    """

    def check(request: Request, services: Served) -> Caller:
        caller = _caller(request, services, scope)
        request.scope["caller"] = caller.name
        return caller

    return check


def _caller(request: Request, services: Services, scope: Scope) -> Caller:
    sent = request.headers.getlist("authorization")
    if not sent:
        if services.settings.loopback_without_token and _is_of_this_machine(request):
            return Caller(LOOPBACK)
        raise Refused(401, "a bearer token is wanted: Authorization: Bearer dnt_…", _challenge())
    if len(sent) > 1:
        _refusal(request, services, "more than one")
        text = "Authorization is there more than once; one bearer token is wanted"
        raise Refused(400, text, _challenge("invalid_request", text))
    kind, _, text = sent[0].partition(" ")
    if kind.lower() != "bearer" or len(text) > _LONGEST:
        _refusal(request, services, "no bearer token")
        raise Refused(401, "a bearer token is wanted, and nothing else", _challenge())
    return _holder(request, services, scope, text.strip())


def _holder(request: Request, services: Services, scope: Scope, text: str) -> Caller:
    try:
        with services.database.reading() as session:
            token = Tokens(session).holder(text, services.now())
    except TokenRefused as exc:
        _refusal(request, services, str(exc))
        said = "the token is unknown, expired or revoked; ask for another"
        raise Refused(401, said, _challenge("invalid_token", said)) from exc
    if not token.may(scope):
        _refusal(request, services, f"token {token.id} ({token.name}) lacks scope {scope}")
        said = f"this needs a token with the scope {scope}"
        headers = _challenge("insufficient_scope", said, scope)
        raise Refused(403, said, headers)
    return Caller(token.name)


def _refusal(request: Request, services: Services, why: str) -> None:
    address = request.client.host if request.client else ""
    services.tally.add("web_tokens_refused_total", {})
    caller = Remote(address or "unknown", address=address)
    services.audit.record(alerts.node_refused(services.now(), caller, f"token refused: {why}"))
    _log.warning("token refused", address=address, path=template_of(request.scope), why=why)


def _challenge(error: str = "", said: str = "", scope: str = "") -> dict[str, str]:
    parts = [_REALM]
    parts += [f'error="{error}"', f'error_description="{said}"'] if error else []
    parts += [f'scope="{scope}"'] if scope else []
    return {"WWW-Authenticate": ", ".join(parts)}


def _is_of_this_machine(request: Request) -> bool:
    """Whether a program of this machine calls for itself.

    Not one that calls for others, as a proxy does; and not a browser that was led here by the page
    of a stranger, whose name for us is then in Host.
    """
    if any(name in request.headers for name in _BY_WAY_OF_ANOTHER):
        return False
    host = request.headers.get("host", "").rpartition("@")[2]
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    try:
        client = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return client.is_loopback and is_loopback(name.strip("[]"))
