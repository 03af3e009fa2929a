"""HTTPS: with the certificate of each moment, nothing else on that port, and mutual where told."""

import contextlib
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
import warnings

import pytest

from tests.support.node import NodeConf
from tests.support.pki import Authority
from tests.support.trail import told_in
from tests.support.web import RunningWeb


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture
def web(tmp_path, authority):
    """Return what starts a web process that speaks TLS."""
    running: list[RunningWeb] = []

    def start(client: ssl.SSLContext, limits=None, **values) -> RunningWeb:
        place(authority.issue("node"), tmp_path)
        tls = {"certificate": "../node.pem", "key": "../node.key",
               "trust": str(authority.certificate)}  # fmt: skip
        extra = {"web": {"enabled": True, "tls": True, **values}, "tls": tls}
        extra |= {"limits": limits} if limits else {}
        running.append(RunningWeb(NodeConf(tmp_path, extra=extra), client))
        return running[0].start()

    yield start
    for one in running:
        assert one.stop() == 0


def place(pair, folder) -> None:
    """Put a pair where the configuration looks for one, key first."""
    shutil.copy(pair.key, folder / "node.key")
    shutil.copy(pair.certificate, folder / "node.pem")


def client_of(authority, pair=None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


def lives(web, context) -> bool:
    with urllib.request.urlopen(f"{web.url}/health/live", timeout=20, context=context) as found:
        return found.status == 200


def shown(web, context) -> str:
    """Return the serial number of the certificate that the server shows."""
    with (
        socket.create_connection(("127.0.0.1", web.port), timeout=20) as link,
        context.wrap_socket(link, server_hostname="127.0.0.1") as secure,
    ):
        return secure.getpeercert()["serialNumber"]


def test_https_is_spoken_and_nothing_else_on_that_port(web, authority):
    context = client_of(authority)
    running = web(context)
    assert lives(running, context)
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" not in plain.recv(100)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(running, ssl.create_default_context())  # who does not know our CA
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python says that it is old
        old = client_of(authority)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        shown(running, old)
    assert lives(running, context)


def test_a_renewed_certificate_is_shown_without_a_restart(web, authority, tmp_path):
    context = client_of(authority)
    running = web(context)
    before = shown(running, context)
    place(authority.issue("node", file="renewed"), tmp_path)
    deadline = time.monotonic() + 60
    while shown(running, context) == before:
        assert time.monotonic() < deadline, running.words
        time.sleep(0.2)
    assert lives(running, context)


def test_where_it_is_mutual_a_client_shows_a_certificate_that_is_believed(web, authority, tmp_path):
    known = client_of(authority, authority.issue("viewer"))
    running = web(known, mutual=True)
    assert lives(running, known)
    stranger = Authority(tmp_path / "other", "Other CA").issue("viewer")
    for context in (client_of(authority), client_of(authority, stranger)):
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            lives(running, context)
    assert lives(running, known)


def test_a_certificate_opens_nothing_that_wants_a_token(web, authority):
    known = client_of(authority, authority.issue("viewer", file="tokenless"))
    running = web(known, mutual=True)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{running.url}/dicom-web/studies", timeout=20, context=known)


def refusals(folder, count: int) -> list:
    """Return what the audit trail has of connections that were not let in, once there are some."""
    deadline = time.monotonic() + 30
    while True:
        found = told_in(folder / "var" / "audit")
        told = [one for one in found if one.kind == "Node Authentication"]
        if len(told) >= count:
            return told
        assert time.monotonic() < deadline, [one.xml for one in told]
        time.sleep(0.1)


def test_who_is_not_let_in_is_told_the_audit_trail_and_why(web, authority, tmp_path):
    known = client_of(authority, authority.issue("viewer", file="audited"))
    running = web(known, mutual=True)
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        plain.recv(100)
    stranger = Authority(tmp_path / "other", "Other CA").issue("viewer")
    for context in (client_of(authority), client_of(authority, stranger)):
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            lives(running, context)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(running, ssl.create_default_context())
    told = refusals(tmp_path, 4)
    whys = [one.details["Alert Description"].partition(":")[0] for one in told]
    assert whys == [
        "plain text on the TLS port",
        "no certificate shown",
        "certificate not trusted",
        "our certificate refused",
    ]
    assert {one.outcome for one in told} == {"4"}
    assert all("127.0.0.1" in one.addresses for one in told)
    assert lives(running, known)


def test_who_connects_and_goes_away_is_not_told_of(web, authority, tmp_path):
    """A load balancer looks so whether somebody is there."""
    running = web(client_of(authority))
    for _ in range(3):
        socket.create_connection(("127.0.0.1", running.port), timeout=20).close()
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
    assert len(refusals(tmp_path, 1)) == 1


def test_a_handshake_that_does_not_end_is_ended_and_told(web, authority, tmp_path):
    running = web(client_of(authority), limits={"handshake_s": 1.0})
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as silent:
        assert silent.recv(100) == b""
    assert time.monotonic() - began < 15
    (told,) = refusals(tmp_path, 1)
    assert told.details["Alert Description"].startswith("handshake not ended in time")


def test_of_many_who_say_nothing_the_oldest_is_pushed_out(web, authority, tmp_path):
    context = client_of(authority)
    running = web(context, limits={"waiting": 3, "handshake_s": 60.0})
    where = ("127.0.0.1", running.port)
    silent = [socket.create_connection(where, timeout=20) for _ in range(3)]
    with socket.create_connection(where, timeout=20):
        with contextlib.suppress(ConnectionResetError):
            assert silent[0].recv(100) == b""
        told = refusals(tmp_path, 1)
    assert told[0].details["Alert Description"].startswith("too many connections")
    for one in silent:
        one.close()
    assert lives(running, context)
