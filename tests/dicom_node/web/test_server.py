"""The server itself: what is slow, silent, large or many costs little, and nobody else notices."""

import contextlib
import json
import os
import socket
import time

import httpx2
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from tests.dicom_node.archive.objects import file_of, instance
from tests.dicom_node.web.asking import bodied
from tests.support.node import NodeConf
from tests.support.trail import told_in
from tests.support.until import until
from tests.support.web import RunningWeb

LIMITS = {"enabled": True, "idle_s": 1.0, "request_s": 6.0, "requests": 2, "request_mb": 1,
          "query_length": 512}  # fmt: skip


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A server with narrow limits."""
    conf = NodeConf(tmp_path_factory.mktemp("web"), extra={"web": dict(LIMITS)})
    running = RunningWeb(conf)
    running.bearer = {"Authorization": f"Bearer {running.token('admin')}"}
    yield running.start()
    assert running.stop() == 0


def connected(web) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=20)


def answer_to(web, sent: bytes) -> bytes:
    """Return everything that comes back until the server ends the connection."""
    with connected(web) as link:
        link.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := link.recv(65_536):
                received += chunk
        return received


def lives(web) -> bool:
    return httpx2.get(f"{web.url}/health/live", timeout=20).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"\0" * 4, b"\x16\x03\x01\x02\x00"],
    ids=["silence", "headers that never end", "zeros", "TLS on the plain port"],
)  # fmt: skip
def test_who_sends_no_whole_request_is_left_after_a_while(web, sent):
    began = time.monotonic()
    answer_to(web, sent)
    assert time.monotonic() - began < 15
    assert lives(web)


def test_a_request_that_stops_in_the_middle_is_told_so_and_its_place_is_free_again(web):
    head = (
        "POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
        f"Authorization: {web.bearer['Authorization']}\r\nContent-Type: application/dicom\r\n\r\n"
    )
    for _ in range(3):
        said = answer_to(web, head.encode() + b"DICM")
        assert said.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in said
    assert httpx2.get(f"{web.url}/dicom-web/studies", headers=web.bearer).status_code == 204


def test_more_requests_at_once_than_may_be_are_asked_to_come_again(web):
    head = (
        "POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
        f"Authorization: {web.bearer['Authorization']}\r\nContent-Type: application/dicom\r\n\r\n"
    )
    with connected(web) as first, connected(web) as second:
        for link in (first, second):
            link.sendall(head.encode())
        deadline, got = time.monotonic() + 20, None
        while time.monotonic() < deadline and (got is None or got.status_code != 503):
            with contextlib.suppress(OSError):
                first.sendall(b"x"), second.sendall(b"x")
            got = httpx2.get(f"{web.url}/dicom-web/studies", headers=web.bearer)
        assert (got.status_code, got.headers["retry-after"]) == (503, "1")
        assert lives(web)


def test_who_is_told_no_hears_it_though_it_has_much_to_say(web):
    body, kind = bodied(*[b"x" * 2**18] * 3)
    for token, status in (({}, 401), ({"Authorization": "Bearer x"}, 401)):
        got = httpx2.post(f"{web.url}/dicom-web/studies", content=body, timeout=20,
                          headers={**token, "Content-Type": kind})  # fmt: skip
        assert got.status_code == status


def test_a_request_that_is_too_large_is_refused_before_and_while_it_comes(web):
    ds = instance()
    ds.add_new("PixelData", "OW", os.urandom(2 * 2**20))
    body, kind = bodied(file_of(ds, ExplicitVRLittleEndian))
    headers = {**web.bearer, "Content-Type": kind}
    for content in (body, (body[at : at + 65_536] for at in range(0, len(body), 65_536))):
        url = f"{web.url}/dicom-web/studies"
        got = httpx2.post(url, headers=headers, content=content, timeout=20)
        assert got.status_code == 413
        assert got.json()["detail"].startswith("the request is larger than 1 MB")
    assert httpx2.get(f"{web.url}/dicom-web/instances", headers=web.bearer).status_code == 204


def test_an_address_that_is_too_long_is_refused(web):
    for path in ("/dicom-web/studies?PatientName=" + "x" * 600, "/" + "y" * 600):
        got = httpx2.get(web.url + path, headers=web.bearer)
        assert got.status_code == 414
        assert "xxx" not in got.text
    assert answer_to(web, b"GET /" + b"z" * 100_000 + b" HTTP/1.1\r\n\r\n").startswith(
        (b"HTTP/1.1 400 ", b"")
    )


def test_a_client_that_takes_nothing_is_cut_off(web):
    """A study of 12 MB, asked for by somebody who never reads."""
    for number in range(1, 25):
        ds = instance("large", number=number)
        ds.add_new("PixelData", "OW", bytes(2**19))
        body, kind = bodied(file_of(ds))
        httpx2.post(f"{web.url}/dicom-web/studies", content=body, timeout=30,
                    headers={**web.bearer, "Content-Type": kind}).raise_for_status()  # fmt: skip
    path = f"/dicom-web/studies/{instance('large').StudyInstanceUID}"
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {web.bearer['Authorization']}\r\n\r\n"
    with connected(web) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.sendall(head.encode())
        until(lambda: any("answer broken off" in line for line in web.words))
    assert lives(web)


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/dicom-web/../../../etc/passwd", "/dicom-web/studies/../../x",
     "/dicom-web/studies/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "//etc/passwd", "/%00",
     "/dicom-web/studies/..%5c..%5cx/metadata", "http://other.example/health/live", "*"],
)  # fmt: skip
def test_tricks_with_paths_lead_nowhere(web, path):
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    head += f"Authorization: {web.bearer['Authorization']}\r\n\r\n"
    said = answer_to(web, head.encode())
    assert said.split()[1] in (b"400", b"404"), said[:300]
    assert b"root:" not in said


def test_nothing_is_said_of_what_serves(web):
    got = httpx2.get(f"{web.url}/nothing/here")
    assert (got.status_code, "server" in got.headers) == (404, False)
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert {httpx2.get(web.url + path).status_code for path in ("/docs", "/openapi.json")} == {404}


def test_a_log_line_names_no_patient_and_no_secret(web):
    secret = web.bearer["Authorization"].rpartition("_")[2]
    httpx2.get(f"{web.url}/dicom-web/studies?PatientName=Geheim^Name", headers=web.bearer)
    httpx2.get(f"{web.url}/dicom-web/studies?StudyDate=Geheim", headers=web.bearer)
    assert not [line for line in web.words if "Geheim" in line or secret in line]
    assert all(json.loads(line) for line in web.words)


def test_a_web_process_of_its_own_says_in_the_trail_when_it_starts_and_stops(tmp_path):
    running = RunningWeb(NodeConf(tmp_path, extra={"web": {"enabled": True}})).start()
    assert lives(running)
    assert running.stop() == 0
    told = [(one.event, one.kind) for one in told_in(tmp_path / "var" / "audit")]
    assert told == [("Application Activity", f"Application {word}") for word in ("Start", "Stop")]
