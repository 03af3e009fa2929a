"""DICOMweb servers that we call: to store (STOW-RS), and to see what they have (QIDO-RS)."""

import json
import re
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import httpx2

from dicom_node.dicom import STORED, STORED_WITH_WARNING
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.settings import Destination, Outbox
from dicom_node.values import Instance

__all__ = ["DicomWeb", "Place", "values_at"]

_PIECE = 2**18
_ANSWER_MOST, _FILE_MOST = 2**25, 2**31
_PAGES_MOST = 1000
_WHOLE_ANSWER = 4
"""Times ``answer_s``: so long may an answer take that comes in drops."""
_INSTANCE, _FAILURE, _WARNING = "00081155", "00081197", "00081196"
_FAILED, _KEPT = "00081198", "00081199"
_NOT_PROCESSED = 0x0110
_JSON, _RELATED = "application/dicom+json", "multipart/related"
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
_HEAD = "--{}\r\nContent-Type: application/dicom\r\n\r\n"
"""Of each part. The file says its transfer syntax; where the head does too, Orthanc's plugin (1.7)
takes it for another type and leaves the part out without a word."""
_END = b"\r\n"
_NOT_TOLD, _NOT_FOUND_OUT = "what became of the instances", "what it has"
_NO_SEARCH = (400, 404, 405, 406, 413, 501)
"""It is there, and answers no such search: asking again soon would change nothing."""

_NOT_NOW = (401, 403, 407, 429, 503)
"""To whoever asks, whatever for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and what it takes to be let in.

    Parameters
    ----------
    destination : Destination
        With ``kind = "dicomweb"``.
    folder : Path
        The configuration's: paths are relative to it.
    token : str or None
        Out of the environment; None where none is there.
    """

    destination: Destination
    folder: Path
    token: str | None = None

    @property
    def name(self) -> str:
        """Ours for it."""
        return self.destination.name

    def headers(self) -> dict[str, str]:
        """Return what lets us in. A file is read each time: another token takes no restart.

        Raises
        ------
        PeerAway
            When there should be a token, and is none.
        """
        told = self.destination
        if not told.token_file and not told.token_env:
            return {}
        token = self.token
        where = f"the variable {told.token_env}"
        if told.token_file:
            where = f"the file {told.token_file}"
            try:
                token = (self.folder / told.token_file).read_text(encoding="ascii").strip()
            except (OSError, UnicodeError):
                token = None
        if not token or not token.isprintable():
            raise PeerAway(f"{self.name}: there is no token in {where}; put it there")
        return {"Authorization": f"Bearer {token}"}

    def tls(self) -> ssl.SSLContext:
        """Return what a server has to show: a certificate of an authority that we believe.

        Raises
        ------
        PeerAway
            When the file of authorities cannot be read.
        """
        trust = self.destination.trust
        try:
            context = ssl.create_default_context(cafile=self.folder / trust if trust else None)
        except (OSError, ssl.SSLError) as exc:
            raise PeerAway(f"{self.name}: trust = '{trust}' holds no authorities: {exc}") from exc
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class DicomWeb:
    """One server.

    Parameters
    ----------
    place : Place
    times : Outbox
        How long to wait for the connection, and for each answer.
    """

    def __init__(self, place: Place, times: Outbox) -> None:
        self._place = place
        self._times = times

    @property
    def name(self) -> str:
        """Ours for it."""
        return self._place.name

    def within(self, limit_s: float) -> "DicomWeb":
        """Return the same, which waits no longer for a connection, and for an answer."""
        return DicomWeb(self._place, self._times.within(limit_s))

    def store(self, instances: Sequence[Instance]) -> dict[str, int]:
        """Send instances in one request, as they are archived (PS3.18 10.5).

        Returns
        -------
        dict
            SOP Instance UID to DIMSE status, of those that the answer names: only these are known
            to be there, or not to be.

        Raises
        ------
        PeerAway
            When there is no answer, or none that says what became of the instances.
        """
        boundary = secrets.token_hex(16)
        head = _HEAD.format(boundary).encode("ascii")
        paths = [one.path for one in instances]
        end = f"--{boundary}--\r\n".encode()
        size = sum(len(head) + path.stat().st_size + len(_END) for path in paths) + len(end)
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Content-Length": str(size),
            "Accept": _JSON,
        }
        content = _pieces(head, paths, end)
        with self._asked("POST", "/studies", headers, content=content) as (status, answer):
            found = dict(_statuses(answer)) if isinstance(answer, dict) else {}
            if not found:
                raise PeerAway(f"{self.name} {_refusal(status, _NOT_TOLD)}")
        return found

    def matches(
        self,
        path: Sequence[str],
        key: str,
        fields: Sequence[str] = (),
        most: int | None = None,
        where: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Mapping[str, Any]]:
        """Return what a search finds, by the UID that stands at ``key`` (PS3.18 10.6).

        Parameters
        ----------
        path : sequence of str
            The steps of the address, behind the server's own.
        key : str
            Tag, as eight hexadecimal digits.
        fields : sequence of str
            Keywords of what is wanted beside what a server tells anyhow.
        most : int or None
            How many are enough; all of them where it is None.
        where : mapping
            Keyword to the value, or range, that is searched for.

        Raises
        ------
        PeerAway
            When it does not say.
        PeerRefused
            When it answers no such search.
        """
        asked = {**where, **({"includefield": ",".join(fields)} if fields else {})}
        asked |= {"limit": str(most)} if most is not None else {}
        found: dict[str, Mapping[str, Any]] = {}
        for _ in range(_PAGES_MOST):
            page = self._searched(path, {**asked, "offset": str(len(found))})
            told = {uid: one for one in page if isinstance(uid := _first(one, key, None), str)}
            if told.keys() <= found.keys():  # nothing more, or one that does not turn pages
                break
            found |= told
            if most is not None and len(found) >= most:
                break
        return found

    def instance(self, path: Sequence[str]) -> bytes:
        """Return an instance as a DICOM file, in whichever encoding it has there (PS3.18 10.4).

        Raises
        ------
        PeerAway
            When there is no answer, or it lets nobody in now.
        PeerRefused
            When it answers, and not with one instance.
        """
        headers = {"Accept": f'{_RELATED}; type="application/dicom"; transfer-syntax=*'}
        with self._asked("GET", _address(path), headers, read=_part) as (status, content):
            if status in _NOT_NOW:
                raise PeerAway(f"{self.name} {_refusal(status, 'the instance')}")
            if status != httpx2.codes.OK or not content:
                raise PeerRefused(f"{self.name} answered {status} to a retrieval (WADO-RS)")
            return bytes(content)

    def ask(self) -> None:
        """See whether the server is there and lets us in.

        Raises
        ------
        PeerAway, PeerRefused
            When it does not.
        """
        self._searched(("studies",), {"limit": "1"})

    def _searched(self, path: Sequence[str], query: Mapping[str, str]) -> list[Any]:
        headers = {"Accept": _JSON}
        with self._asked("GET", _address(path), headers, query=query) as (status, answer):
            if status == httpx2.codes.NO_CONTENT:
                return []
            if status in _NO_SEARCH:
                raise PeerRefused(f"{self.name} answered {status} to a search (QIDO-RS)")
            if status != httpx2.codes.OK or not isinstance(answer, list):
                raise PeerAway(f"{self.name} {_refusal(status, _NOT_FOUND_OUT)}")
            return answer

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        content: Iterator[bytes] | None = None,
        read: Callable[[httpx2.Response], Any] | None = None,
    ) -> Iterator[tuple[int, Any]]:
        """Give status and JSON of an answer, or what ``read`` reads; None where it holds none."""
        times = httpx2.Timeout(self._times.answer_s, connect=self._times.connect_s)
        url = self._place.destination.url.rstrip("/") + path
        sent = {**headers, **self._place.headers()}
        try:
            # no proxy and no password of the environment; a token goes to no other address
            with ExitStack() as stack:
                client = stack.enter_context(
                    httpx2.Client(verify=self._place.tls(), timeout=times, trust_env=False)
                )
                late = stack.enter_context(_Late(client, _WHOLE_ANSWER * self._times.answer_s))
                sending = late.after(content)
                got = stack.enter_context(
                    client.stream(method, url, headers=sent, params=query, content=sending)
                )
                answer = (read or _parsed)(got)
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            why = str(exc) or type(exc).__name__
            raise PeerAway(f"{self.name} does not answer: {why}") from exc
        yield got.status_code, answer


class _Late:
    """Ends a conversation whose answer is not whole in time.

    Every wait within it has an end of its own; a peer that says a little before each is met here.

    Parameters
    ----------
    client : httpx2.Client
        Closed then, so that whoever waits on it sees an error at the next drop.
    seconds : float
        From the end of what is sent.
    """

    def __init__(self, client: httpx2.Client, seconds: float) -> None:
        self._timer = Timer(seconds, client.close)
        self._timer.daemon = True

    def __enter__(self) -> "_Late":
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def after(self, content: Iterator[bytes] | None) -> Iterator[bytes] | None:
        """Return what is to be sent; the time begins at its end, or now where nothing is."""
        if content is None:
            self._timer.start()
            return None
        return self._then(content)

    def _then(self, content: Iterator[bytes]) -> Iterator[bytes]:
        yield from content
        self._timer.start()


def _pieces(head: bytes, paths: Sequence[Path], end: bytes) -> Iterator[bytes]:
    for path in paths:
        yield head
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        yield _END
    yield end


def _address(path: Sequence[str]) -> str:
    return "".join(f"/{quote(step, safe='')}" for step in path)


def _limited(got: httpx2.Response, most: int) -> bytes:
    found = bytearray()
    for piece in got.iter_bytes():
        found += piece
        if len(found) > most:
            return b""
    return bytes(found)


def _part(got: httpx2.Response) -> bytes:
    """Return the only part of an answer of parts (RFC 2046 5.1); empty where there is not one."""
    boundary = _BOUNDARY.search(got.headers.get("Content-Type", ""))
    if boundary is None:
        return b""
    mark = b"--" + boundary[1].encode("ascii", "replace")
    whole = _limited(got, _FILE_MOST)
    first = whole.find(b"\r\n\r\n", whole.find(mark))
    last = whole.find(b"\r\n" + mark, first)
    closed = whole[last + len(mark) + 2 :].startswith(b"--")
    return whole[first + 4 : last] if 0 < first < last and closed else b""


def _parsed(got: httpx2.Response) -> Any:
    try:
        return json.loads(_limited(got, _ANSWER_MOST))
    except (ValueError, RecursionError):
        return None


def _statuses(answer: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield what the response data set says of each instance (PS3.18 10.5.3, I.2)."""
    for item in _items(answer, _FAILED):
        reason = _number(_first(item, _FAILURE, _NOT_PROCESSED))
        yield _uid(item), _NOT_PROCESSED if reason == STORED else reason
    for item in _items(answer, _KEPT):
        warned = _number(_first(item, _WARNING, STORED))
        is_known = warned == STORED or warned in STORED_WITH_WARNING
        yield _uid(item), warned if is_known else STORED_WITH_WARNING[0]


def _items(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [one for one in values_at(answer, key) if isinstance(one, dict)]


def values_at(item: Any, key: str) -> list[Any]:
    """Return the values of an attribute in a data set as JSON; none where it is no data set."""
    element = item.get(key) if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _first(item: Any, key: str, default: Any) -> Any:
    values = values_at(item, key)
    return values[0] if values else default


def _uid(item: Any) -> str:
    """Return the SOP Instance UID; what is no text names none of what was sent."""
    uid = _first(item, _INSTANCE, "")
    return uid if isinstance(uid, str) else ""


def _number(value: Any) -> int:
    is_status = isinstance(value, int) and 0 <= value <= 0xFFFF
    return value if is_status else _NOT_PROCESSED


def _refusal(status: int, nothing: str) -> str:
    if status in (401, 403):
        return f"answered {status}: the token is not good there, or not for this"
    if 200 <= status < 300 or status == httpx2.codes.CONFLICT:
        return f"answered {status} and did not say {nothing}"
    return f"answered {status}; its log may say why"
