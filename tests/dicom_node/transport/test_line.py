"""A connection on which nothing waits for ever, plain or TLS."""

import socket
import ssl
import threading
import time
from time import monotonic

import pytest

from dicom_node.tls import Credentials
from dicom_node.transport import Line
from tests.support.pki import tls


@pytest.fixture(scope="module")
def credentials(authority, tmp_path_factory):
    pair = authority.issue("both")
    return Credentials(tmp_path_factory.mktemp("line"), tls(pair, authority.certificate))


@pytest.fixture(params=["plain", "TLS"])
def ends(request, credentials):
    """Our line, and the other end of it as a plain socket object that blocks."""
    ours, theirs = socket.socketpair()
    line = Line(ours, 0.5)
    if request.param == "TLS":
        shaken = threading.Thread(
            target=lambda: line.secure(credentials.server(), None, monotonic() + 10)
        )
        shaken.start()
        theirs.settimeout(10)
        theirs = credentials.client(by_host=False).wrap_socket(theirs)
        shaken.join()
    theirs.settimeout(10)
    yield line, theirs
    line.close()
    theirs.close()


def soon(seconds: float = 0.3) -> float:
    return monotonic() + seconds


def test_what_is_sent_is_read(ends):
    line, theirs = ends
    theirs.sendall(b"twelve bytes")
    assert line.read(6, soon(5)) + line.read(6, soon(5)) == b"twelve bytes"
    line.send(b"answer")
    assert theirs.recv(100) == b"answer"


def test_the_end_gives_what_came_before_it(ends):
    line, theirs = ends
    theirs.sendall(b"half")
    if isinstance(theirs, ssl.SSLSocket):
        theirs.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            theirs.unwrap()
    theirs.close()
    assert line.read(10, soon(5)) == b"half"
    assert line.read(10, soon(5)) == b""


def test_one_that_is_silent_is_waited_for_as_long_as_is_said(ends):
    line, _ = ends
    began = monotonic()
    with pytest.raises(TimeoutError):
        line.read(1, soon(0.3))
    assert 0.25 < monotonic() - began < 10


def test_one_that_drips_is_waited_for_no_longer(ends):
    line, theirs = ends
    over = threading.Event()

    def drip():
        while not over.wait(0.05):
            theirs.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    began = monotonic()
    with pytest.raises(TimeoutError):
        line.read(1000, soon(0.5))
    assert 0.4 < monotonic() - began < 10
    over.set()
    thread.join()


def test_one_that_takes_nothing_is_not_sent_to_without_end(ends):
    line, _ = ends
    began = monotonic()
    with pytest.raises(TimeoutError):
        line.send(bytes(50_000_000))
    assert 0.4 < monotonic() - began < 10


def test_large_things_go_through_both_ways_at_once(ends):
    """One thread reads while another sends: OpenSSL is entered by one at a time."""
    line, theirs = ends
    content = bytes(range(256)) * 20_000
    failed = []

    def echo():
        got = bytearray()
        sender = threading.Thread(target=theirs.sendall, args=(content,))
        if isinstance(theirs, ssl.SSLSocket):
            theirs.sendall(content)  # its own end is not made for two threads
        else:
            sender.start()
        while len(got) < len(content):
            got += theirs.recv(65536)
        if bytes(got) != content:
            failed.append("other end")
        if sender.ident:
            sender.join()

    other = threading.Thread(target=echo)
    sending = threading.Thread(target=lambda: line.send(content, soon(20)))
    other.start()
    sending.start()
    assert line.read(len(content), soon(20)) == content
    sending.join()
    other.join()
    assert not failed


def test_what_is_pushed_back_is_read_first(ends):
    line, theirs = ends
    theirs.sendall(b"later")
    line.push(b"second ")
    line.push(b"first ")
    assert line.read(18, soon(5)) == b"first second later"


def test_it_is_readable_when_something_is_there_and_not_before(ends):
    line, theirs = ends
    assert not line.readable
    theirs.sendall(b"x")
    wait(lambda: line.readable)
    assert line.readable  # looking takes nothing away
    assert line.read(1, soon()) == b"x"
    assert not line.readable
    theirs.close()
    wait(lambda: line.readable)
    assert line.read(1, soon()) == b""


def wait(check):
    deadline = monotonic() + 5
    while not check():
        assert monotonic() < deadline
        time.sleep(0.001)


def test_who_waits_is_woken_by_a_hang_up(ends):
    line, _ = ends
    woken = []
    waiting = threading.Thread(target=lambda: woken.append(line.read(1, soon(20))))
    waiting.start()
    line.hang_up()
    waiting.join(5)
    assert woken == [b""]


def test_a_closed_line_says_so_instead_of_waiting(ends):
    line, _ = ends
    line.close()
    line.close()
    with pytest.raises((OSError, ValueError)):
        line.read(1, soon(20))
    with pytest.raises((OSError, ValueError)):
        line.send(b"x")


def test_tls_is_closed_as_tls_wants_it(credentials):
    """Else the other end cannot tell an end from a cut (RFC 8446 6.1)."""
    ours, theirs = socket.socketpair()
    line = Line(ours, 1.0)
    shaking = threading.Thread(target=lambda: line.secure(credentials.server(), None, soon(10)))
    shaking.start()
    context = credentials.client(by_host=False)
    secure = context.wrap_socket(theirs, suppress_ragged_eofs=False)
    shaking.join()
    line.send(b"bye")
    line.close()
    assert secure.recv(10) == b"bye"
    assert secure.recv(10) == b""  # and no ssl.SSLEOFError
    secure.close()


def test_a_handshake_has_an_end(credentials):
    ours, theirs = socket.socketpair()
    began = monotonic()
    line = Line(ours, 1.0)
    with pytest.raises(TimeoutError):
        line.secure(credentials.server(), None, soon(0.3))
    assert monotonic() - began < 10
    line.close()
    theirs.close()


def test_it_works_with_more_files_open_than_select_knows(ends):
    """``select`` takes no file number above 1023."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip("this machine lets nobody open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    held = [socket.socket() for _ in range(1050)]
    try:
        ours, theirs = socket.socketpair()
        assert ours.fileno() > 1023
        line = Line(ours, 1.0)
        assert not line.readable
        theirs.sendall(b"x")
        assert line.readable
        assert line.read(1, soon()) == b"x"
        line.close()
        theirs.close()
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux has it")
def test_after_each_answer_what_comes_next_is_acknowledged_at_once():
    """Else a peer that writes a message in pieces waits 40 ms between two of them."""

    def waits(raw: socket.socket) -> bool:
        return not raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)

    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        line = Line(server.accept()[0], 5.0)
    for _ in range(5):
        for piece in (b"com", b"mand"):
            peer.sendall(piece)
        assert line.read(7, monotonic() + 5) == b"command"
        line.raw.send(b"an")
        assert waits(line.raw)  # as the kernel has it
        line.send(b"swer")
        assert not waits(line.raw)
        while len(peer.recv(6, socket.MSG_PEEK)) < 6:
            pass
        peer.recv(6)
    peer.close()
    line.close()
