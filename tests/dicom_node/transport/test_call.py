"""Calls to peers over TLS: DCMTK and openssl answer; who is not the one meant is sent nothing."""

import socket
import subprocess
import threading
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from pynetdicom import build_context
from pynetdicom.association import Association

from dicom_node.destination import DimseSender, echo
from dicom_node.dicom import VERIFICATION
from dicom_node.errors import PeerAway
from dicom_node.scu import Askable, Ourselves, associated
from dicom_node.sections import Outbox, Peer
from dicom_node.tls import Credentials
from dicom_node.transport import Checkpoint
from dicom_node.values import Instance
from tests.dicom_node.association.test_store import Scene
from tests.support.mr import MrSeries, encoded
from tests.support.need import free_port, program
from tests.support.openssl import Server
from tests.support.pki import Authority, Pair, self_signed, tls
from tests.support.until import until_open

EXPLICIT = "1.2.840.10008.1.2.1"
TIMES = Outbox(connect_s=5.0, answer_s=5.0)


@pytest.fixture(scope="module")
def ours(authority) -> Pair:
    return authority.issue("caller")


@pytest.fixture(scope="module")
def credentials(authority, ours, tmp_path_factory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("call"), tls(ours, authority.certificate))


class Storescp:
    """DCMTK's storescp, with TLS or without."""

    def __init__(self, folder: Path, *options: object) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        self._process = subprocess.Popen(
            [program("/usr/bin/storescp"), *map(str, options), "-od", folder, str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> "Storescp":
        until_open(self.port)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def archive(tmp_path, authority):
    """Give a storescp that shows ``pair``."""

    def at(pair: Pair, *options: object) -> Storescp:
        return Storescp(
            tmp_path / "pacs", "+tls", pair.key, pair.certificate, "+cf", authority.certificate,
            *options,
        )  # fmt: skip

    return at


def pacs(port: int, **keys) -> Peer:
    return Peer(**{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port,
                   "tls": True, **keys})  # fmt: skip


def why_not(port: int, credentials: Credentials | None, times=TIMES, **keys) -> str:
    began = time.monotonic()
    with pytest.raises(PeerAway) as caught:
        echo(Ourselves("SYNTHNODE", times, credentials), pacs(port, **keys))
    assert time.monotonic() - began < 20
    return str(caught.value)


def test_a_peer_is_called_over_tls(archive, authority, credentials):
    with archive(authority.issue("pacs")) as scp:
        echo(Ourselves("SYNTHNODE", TIMES, credentials), pacs(scp.port))


def test_instances_arrive_byte_for_byte(archive, authority, credentials, tmp_path):
    series = MrSeries(slices=3)
    paths = series.write(tmp_path / "files")
    instances = [
        Instance(
            ds.SOPInstanceUID,
            ds.SOPClassUID,
            "1",
            "2",
            EXPLICIT,
            sha256(encoded(ds)).hexdigest(),
            len(encoded(ds)),
            path,
        )
        for ds, path in zip(series.datasets(), paths, strict=True)
    ]
    with archive(authority.issue("pacs"), "+B") as scp:
        us = Ourselves("SYNTHNODE", TIMES, credentials)
        answers = DimseSender(us, pacs(scp.port)).send(instances)
        assert [status for _, status in answers] == [0, 0, 0]
        kept = [path.read_bytes() for path in scp.folder.iterdir()]
    for ds in series.datasets():
        assert any(content.endswith(encoded(ds)) for content in kept)


def test_our_own_node_answers_our_own_call(authority, credentials, tmp_path):
    scene = Scene(tmp_path, credentials=credentials)
    try:
        peer = pacs(scene.port, ae_title="SYNTHNODE", certificate="caller")
        echo(Ourselves("SCANNER", TIMES, credentials), peer)
    finally:
        scene.close()


def test_both_ends_of_our_own_calls_lose_no_answer(credentials, tmp_path):
    """The reactors of both wait at an event of ours; an association of a test has another."""
    scene = Scene(tmp_path, credentials=credentials)
    us = Ourselves("SCANNER", TIMES, credentials)
    peer = pacs(scene.port, ae_title="SYNTHNODE", certificate="caller")
    try:
        with associated(us, peer, [build_context(VERIFICATION)]) as calling:
            (answering,) = (one for one in threading.enumerate()
                            if isinstance(one, Association) and one is not calling)  # fmt: skip
            ends = [type(one._reactor_checkpoint) for one in (calling, answering)]
    finally:
        scene.close()
    assert ends == [Checkpoint, Checkpoint]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tls_1_3_and_1_2_are_both_called_with(authority, credentials, version):
    pair = authority.issue("pacs")
    with Server("-cert", pair.certificate, "-key", pair.key, version, "-quiet") as server:
        text = why_not(server.port, credentials, times=Outbox(connect_s=1.0, answer_s=1.0))
    assert "takes the connection and does not answer" in text  # it knows no DICOM


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("another CA", "certificate not trusted: unable to get local issuer"),
        ("self-signed", "certificate not trusted: self-signed certificate"),
        ("expired", "certificate expired: certificate has expired; it needs a new one"),
        ("early", "certificate not valid yet"),
        ("other host", "certificate of another: IP address mismatch"),
        ("no host", "certificate of another: IP address mismatch"),
        ("for clients", "certificate unfit: unsuitable certificate purpose"),
    ],
)
def test_a_peer_whose_certificate_is_not_good_is_sent_nothing(
    archive, authority, credentials, tmp_path, kind, words
):
    pair = {
        "another CA": lambda: Authority(tmp_path / "ca", "Another").issue("pacs"),
        "self-signed": lambda: self_signed(tmp_path, "pacs"),
        "expired": lambda: authority.issue("pacs", file="ended", days=(-9, -1)),
        "early": lambda: authority.issue("pacs", file="early", days=(1, 9)),
        "other host": lambda: authority.issue("pacs", file="h", names="DNS:other,IP:10.0.0.7"),
        "no host": lambda: authority.issue("pacs", file="nameless", names=""),
        "for clients": lambda: authority.issue("pacs", file="client", use="clientAuth"),
    }[kind]()
    with archive(pair) as scp:
        text = why_not(scp.port, credentials)
    assert f"no TLS with pacs at 127.0.0.1:{scp.port}: " in text
    assert words in text
    assert list(scp.folder.iterdir()) == []


def test_a_certificate_that_is_named_stands_for_the_host_name(archive, authority, credentials):
    """Certificates of devices often name no host; then the site says which one it means."""
    pair = authority.issue("PACS-7", names="")
    with archive(pair) as scp:
        us = Ourselves("SYNTHNODE", TIMES, credentials)
        echo(us, pacs(scp.port, certificate="pacs-7"))
        echo(us, pacs(scp.port, certificate=pair.fingerprint))
        text = why_not(scp.port, credentials, certificate="PACS-8")
    assert "peers.toml wants 'PACS-8', it showed that of 'PACS-7'" in text


def test_a_peer_that_does_not_believe_us_is_said_to_be_one(authority, credentials, tmp_path):
    pair = authority.issue("pacs")
    other = Authority(tmp_path / "ca", "Another")
    with Storescp(tmp_path / "pacs", "+tls", pair.key, pair.certificate, "+cf",
                  other.certificate) as scp:  # fmt: skip
        text = why_not(scp.port, credentials)
    assert "our certificate refused" in text
    shown = ("-cert", pair.certificate, "-key", pair.key, "-CAfile", other.certificate)
    for version in ("-tls1_2", "-tls1_3"):
        with Server(*shown, "-Verify", "1", "-verify_return_error", version, "-quiet") as server:
            assert "our certificate refused" in why_not(server.port, credentials)


def test_a_peer_with_old_tls_alone_is_not_called(authority, credentials):
    pair = authority.issue("pacs")
    with Server("-cert", pair.certificate, "-key", pair.key, "-tls1_1", "-cipher",
                "DEFAULT@SECLEVEL=0") as server:  # fmt: skip
        assert "no common TLS version" in why_not(server.port, credentials)


def test_a_peer_with_weak_suites_alone_is_not_called(authority, credentials):
    pair = authority.issue("pacs")
    with Server("-cert", pair.certificate, "-key", pair.key, "-tls1_2", "-cipher",
                "AES128-SHA") as server:  # fmt: skip
        assert "no common cipher suite" in why_not(server.port, credentials)


def test_a_peer_that_speaks_plain_dicom_is_sent_nothing(credentials, tmp_path):
    scene = Scene(tmp_path)
    try:
        text = why_not(scene.port, credentials, ae_title="SYNTHNODE")
    finally:
        scene.close()
    assert "no TLS with pacs" in text
    assert "it may speak plain DICOM there" in text or "it may speak no TLS there" in text


def test_a_peer_that_speaks_tls_where_we_do_not_is_said_to_be_one(authority, credentials, tmp_path):
    scene = Scene(tmp_path, credentials=credentials)
    try:
        assert "set tls = true" in why_not(scene.port, None, tls=False)
    finally:
        scene.close()


def test_an_alert_of_tls_is_known_where_plain_dicom_was_wanted():
    alert = Mute(b"\x15\x03\x03\x00\x02\x02\x46")
    try:
        assert "is tls = true missing?" in why_not(alert.port, None, tls=False)
    finally:
        alert.close()


def test_a_peer_with_tls_is_never_called_without_certificates(archive, authority):
    with archive(authority.issue("pacs")) as scp:
        assert "nobody gave certificates for it" in why_not(scp.port, None)
        assert Askable(Ourselves("US", TIMES), [pacs(scp.port, ask=("find",))]).names() == ("pacs",)
        with pytest.raises(PeerAway, match="nobody gave certificates"):
            Askable(Ourselves("US", TIMES), [pacs(scp.port, ask=("find",))]).series("pacs", "1.2.3")


def test_a_peer_is_known_by_its_host_name(archive, authority, credentials):
    with archive(authority.issue("pacs", file="by-name", names="DNS:localhost")) as scp:
        echo(Ourselves("SYNTHNODE", TIMES, credentials), pacs(scp.port, host="localhost"))
        assert "certificate of another" in why_not(scp.port, credentials)


class Mute:
    """A server that accepts and says ``first``, and then nothing; without it, it takes nothing."""

    def __init__(self, first: bytes = b"") -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._first, self._held, self.heard = first, [], bytearray()
        self.heard_all = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            self._held.append(raw)
            if self._first:
                raw.sendall(self._first)
                self._hear(raw)

    def _hear(self, raw: socket.socket) -> None:
        with suppress(OSError):
            while content := raw.recv(4096):
                self.heard += content
        self.heard_all.set()

    def close(self) -> None:
        for raw in (self._listening, *self._held):
            raw.close()


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("first", [b"", b"\x02\0\0\0", b"\x02\0\0\0\1\0" + bytes(100)])
def test_a_peer_that_stops_within_a_pdu_is_waited_for_no_longer_than_is_said(
    credentials, secure, first
):
    """pynetdicom would wait for the rest for ever, and the thread that called with it."""
    times = Outbox(connect_s=0.7, answer_s=0.7)
    mute = Mute(first)
    try:
        began = time.monotonic()
        with pytest.raises(PeerAway):
            echo(Ourselves("SYNTHNODE", times, credentials), pacs(mute.port, tls=secure))
        assert time.monotonic() - began < 20
    finally:
        mute.close()


@pytest.mark.parametrize(
    "first", [b"\x07\0\0\0\0\4" + bytes(4), b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
@pytest.mark.parametrize("given", [True, False], ids=["certificates", "none"])
def test_without_a_handshake_nothing_at_all_is_said(credentials, first, given):
    """Not the AE title, and not the request: they are not for whoever answers in plain."""
    mute = Mute(first)
    try:
        assert "TLS" in why_not(mute.port, credentials if given else None)
        assert mute.heard_all.wait(10) or not given  # without certificates nobody calls
    finally:
        mute.close()
    assert b"SYNTHNODE" not in mute.heard
    assert mute.heard[:2] == (b"\x16\x03" if given else b"")
