"""TLS at the door, with openssl and DCMTK as peers: what must pass passes, the rest is refused."""

import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from shutil import copy

import pytest
from structlog.testing import capture_logs

from dicom_node.association import Reason
from dicom_node.sections import Peer
from dicom_node.tls import Credentials, Fault
from dicom_node.tls.certificate import fingerprint
from tests.dicom_node.association.test_store import Scene
from tests.support.dcmtk import echoscu
from tests.support.mr import MrSeries, encoded
from tests.support.need import program
from tests.support.openssl import ask
from tests.support.pki import Authority, Pair, self_signed, tls
from tests.support.until import until
from tests.support.wire import ASSOCIATE_AC, RELEASE_RP, RawPeer, associate_rq

SERVED = [ASSOCIATE_AC, RELEASE_RP]
OLD = ("-cipher", "DEFAULT@SECLEVEL=0")  # or openssl itself would not offer it


@pytest.fixture(scope="module")
def ours(authority) -> Pair:
    return authority.issue("node")


@pytest.fixture(scope="module")
def theirs(authority) -> Pair:
    return authority.issue("scanner")


@pytest.fixture(scope="module", params=[True, False], ids=["own plane", "stock"])
def scene(request, tmp_path_factory, authority, ours):
    folder = tmp_path_factory.mktemp("secure")
    credentials = Credentials(folder, tls(ours, authority.certificate))
    opened = Scene(folder, credentials=credentials, data_plane=request.param)
    yield opened
    opened.close()


def shown(pair: Pair) -> tuple[str, ...]:
    return "-cert", str(pair.certificate), "-key", str(pair.key)


def refused_last(scene: Scene) -> object:
    """Return why the last one was refused; the peer may know of it before the scene does."""
    until(lambda: scene.refused)
    return scene.refused[-1].reason


def refusal(scene: Scene, act) -> tuple[object, dict]:
    """Return why ``act`` led to a refusal, and its log line: one of each, and no more."""
    scene.refused.clear()
    with capture_logs() as logged:
        act()
        until(lambda: scene.refused)
    (refused,) = scene.refused
    (line,) = [one for one in logged if one["event"] == "refused"]
    assert line["log_level"] == "warning"
    assert (line["reason"], line["why"]) == (str(refused.reason), refused.why)
    assert line["address"] == refused.address == "127.0.0.1"
    return refused.reason, line


PASSES = {
    "TLS 1.3": ["-tls1_3"],
    "TLS 1.3, AES-128": ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
    "TLS 1.3, ChaCha20": ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
    "TLS 1.3, P-256": ["-tls1_3", "-curves", "P-256"],
    "TLS 1.2": ["-tls1_2"],
    "TLS 1.2, AES-256": ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"],
    "TLS 1.2, AES-128": ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
}


@pytest.mark.parametrize("what", PASSES)
def test_what_the_profile_takes_passes(scene, authority, theirs, what):
    kinds, said = ask(scene.port, *PASSES[what], *shown(theirs),
                      "-CAfile", authority.certificate, "-verify_return_error",
                      "-verify_ip", "127.0.0.1")  # fmt: skip
    assert kinds == SERVED, said


def test_tls_1_3_is_preferred(scene, theirs):
    _, said = ask(scene.port, *shown(theirs), "-brief")
    assert "Protocol version: TLSv1.3" in said


REFUSED = {
    "TLS 1.1": (["-tls1_1", *OLD], Fault.OLD_VERSION),
    "TLS 1.0": (["-tls1", *OLD], Fault.OLD_VERSION),
    "RSA key transport": (["-tls1_2", "-cipher", "AES128-GCM-SHA256"], Fault.NO_SUITE),
    "CBC": (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"], Fault.NO_SUITE),
    "SHA-1": (["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA"], Fault.NO_SUITE),
    "DHE": (["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], Fault.NO_SUITE),
    "no encryption": (["-tls1_2", "-cipher", "NULL-SHA256@SECLEVEL=0"], Fault.NO_SUITE),
    "anonymous": (["-tls1_2", "-cipher", "ADH-AES128-GCM-SHA256@SECLEVEL=0"], Fault.NO_SUITE),
    "B.13 alone": (["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], Fault.NO_SUITE),
}


@pytest.mark.parametrize("what", REFUSED)
def test_versions_and_suites_beyond_the_profile_are_refused(scene, theirs, what):
    arguments, fault = REFUSED[what]
    reason, line = refusal(scene, lambda: no_answer(scene, *arguments, *shown(theirs)))
    assert reason is fault
    assert "TLS 1.2 is wanted" in line["why"] or "PS3.15" in line["why"]


def no_answer(scene: Scene, *arguments: object) -> None:
    kinds, _ = ask(scene.port, *arguments)
    assert kinds == []


@pytest.fixture(scope="module")
def strangers(authority, tmp_path_factory) -> dict[str, Pair]:
    """Certificates that nobody may come in with."""
    folder = tmp_path_factory.mktemp("strangers")
    return {
        "wrong CA": Authority(folder / "ca", "Another CA").issue("scanner"),
        "same name of another CA": Authority(folder / "again", "Hospital CA").issue("scanner"),
        "self-signed": self_signed(folder, "scanner"),
        "expired": authority.issue("scanner", file="expired", days=(-9, -1)),
        "not valid yet": authority.issue("scanner", file="early", days=(1, 9)),
        "for servers only": authority.issue("scanner", file="server", use="serverAuth"),
        "short key": authority.issue("scanner", file="weak", crypto=("weak", "sha256")),
        "signed with SHA-1": authority.issue("scanner", file="sha1", crypto=("rsa", "sha1")),
    }


BAD = {
    "wrong CA": (Fault.UNTRUSTED, "unable to get local issuer"),
    "same name of another CA": (Fault.UNTRUSTED, "unable to get local issuer"),
    "self-signed": (Fault.UNTRUSTED, "self-signed certificate"),
    "expired": (Fault.EXPIRED, "certificate has expired"),
    "not valid yet": (Fault.NOT_YET_VALID, "not yet valid"),
    "for servers only": (Fault.BAD_CERTIFICATE, "unsuitable certificate purpose"),
    "short key": (Fault.BAD_CERTIFICATE, "key too weak"),
    "signed with SHA-1": (Fault.BAD_CERTIFICATE, "CA signature digest algorithm too weak"),
}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("what", BAD)
def test_a_certificate_that_is_not_good_is_refused_with_the_reason(scene, strangers, what, version):
    fault, words = BAD[what]
    arguments = (version, *shown(strangers[what]), "-cipher", "DEFAULT@SECLEVEL=0")
    reason, line = refusal(scene, lambda: no_answer(scene, *arguments))
    assert reason is fault
    assert words in line["why"]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_certificate_is_refused(scene, version):
    reason, line = refusal(scene, lambda: no_answer(scene, version))
    assert reason is Fault.NO_CERTIFICATE
    assert "has to show one" in line["why"]


def test_who_does_not_believe_us_is_told_of(scene, theirs, strangers, tmp_path):
    other = strangers["wrong CA"].certificate.parent / "ca.pem"
    arguments = (*shown(theirs), "-CAfile", other, "-verify_return_error", "-tls1_2")
    reason, line = refusal(scene, lambda: no_answer(scene, *arguments))
    assert reason is Fault.OURS_REFUSED
    assert "it does not believe our certificate" in line["why"]


@pytest.mark.parametrize(
    "said", [associate_rq(), b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01\x00\x02", b"\0" * 100]
)
def test_plain_text_on_the_tls_port_is_refused_and_answered_nothing(scene, said):
    def act():
        with RawPeer(scene.port) as peer:
            assert peer.send(said).exactly(1) == b""

    reason, line = refusal(scene, act)
    assert reason is Fault.PLAIN_TEXT
    assert "it speaks no TLS" in line["why"]


@pytest.mark.parametrize("rest", [b"\x03\x01\x02\x00" + b"\xff" * 600, b"\x16" * 600, b"\0" * 600])
def test_what_only_begins_like_tls_is_refused(scene, rest):
    def act():
        with RawPeer(scene.port) as peer:
            peer.send(b"\x16" + rest)
            while peer.raw.recv(4096):
                pass

    reason, _ = refusal(scene, act)
    assert isinstance(reason, Fault)


def test_tls_on_the_plain_port_is_refused(tmp_path, theirs):
    scene = Scene(tmp_path)
    try:
        reason, line = refusal(scene, lambda: no_answer(scene, *shown(theirs)))
        assert reason is Reason.TLS_ON_PLAIN
        assert "listen.tls" in line["why"]
    finally:
        scene.close()


def test_a_connection_that_is_closed_before_it_says_anything_is_no_refusal(scene):
    """A load balancer looks whether the port is there, every few seconds."""
    scene.refused.clear()
    with capture_logs() as logged:
        for _ in range(20):
            RawPeer(scene.port).close()
        ask(scene.port, "-tls1_2")  # and this one is over when it returns
    assert [refused.reason for refused in scene.refused] == [Fault.NO_CERTIFICATE]
    assert len([one for one in logged if one["event"] == "refused"]) == 1


def dcmtk(name: str, scene: Scene, pair: Pair, trust, *options: str, files=()):
    return subprocess.run(
        [program(f"/usr/bin/{name}"), "-v", "+tls", pair.key, pair.certificate, "+cf", trust,
         "-aet", "SCANNER", "-aec", "SYNTHNODE", *options, "127.0.0.1", str(scene.port), *files],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"], ids=["ND", "BCP 195", "extended"])
def test_dcmtk_is_answered_an_echo_in_each_profile_that_is_not_retired(
    scene, theirs, authority, profile
):
    said = dcmtk("echoscu", scene, theirs, authority.certificate, profile)
    assert said.returncode == 0, said.stderr


def test_dcmtk_in_a_retired_profile_is_refused(scene, theirs, authority):
    def act():
        assert dcmtk("echoscu", scene, theirs, authority.certificate, "+pa").returncode != 0

    assert refusal(scene, act)[0] in (Fault.NO_SUITE, Fault.OLD_VERSION)


def test_dcmtk_with_the_certificate_of_another_ca_is_refused(scene, strangers, authority):
    stranger = strangers["wrong CA"]

    def act():
        assert dcmtk("echoscu", scene, stranger, authority.certificate).returncode != 0

    assert refusal(scene, act)[0] is Fault.UNTRUSTED


def test_dcmtk_without_tls_is_refused(scene):
    def act():
        assert echoscu(scene.port).returncode != 0

    assert refusal(scene, act)[0] is Fault.PLAIN_TEXT


def test_what_dcmtk_sends_over_tls_lies_in_the_archive_byte_for_byte(
    scene, theirs, authority, tmp_path
):
    series = MrSeries(seed=tmp_path.name, slices=4)
    paths = series.write(tmp_path / "files")
    said = dcmtk("storescu", scene, theirs, authority.certificate, files=paths)
    assert said.returncode == 0, said.stderr
    sent = {ds.SOPInstanceUID: encoded(ds) for ds in series.datasets()}
    kept = {one.sop_instance_uid: one.path.read_bytes() for one in scene.kept(series.study_uid)}
    assert set(kept) == set(sent)
    assert all(kept[uid].endswith(content) for uid, content in sent.items())


@pytest.fixture
def bound(tmp_path, authority, ours):
    """A scene whose scanner has to show one certificate."""
    opened = []

    def at(certificate: str) -> Scene:
        peer = Peer(name="mr", ae_title="SCANNER", host="127.0.0.1", may=("echo",),
                    certificate=certificate)  # fmt: skip
        credentials = Credentials(tmp_path, tls(ours, authority.certificate))
        opened.append(Scene(tmp_path, credentials=credentials, peers=[peer]))
        return opened[-1]

    yield at
    for scene in opened:
        scene.close()


def test_a_peer_may_be_bound_to_one_certificate_by_its_fingerprint(bound, theirs, authority):
    scene = bound(theirs.fingerprint)
    assert ask(scene.port, *shown(theirs))[0] == SERVED
    days = scene.listener._doorway.credentials.days_left(datetime.now(UTC))
    assert ("peer", "mr") in days
    other = authority.issue("scanner", file="twin")  # the same name, and good
    scene.refused.clear()
    assert ask(scene.port, *shown(other))[0] == [0x03]
    (refused,) = scene.refused
    assert refused.reason is Reason.OTHER_CERTIFICATE
    assert refused.peer == "mr"
    assert "it showed that of 'scanner'" in refused.why


def test_a_peer_may_be_bound_to_one_certificate_by_its_name(bound, theirs, authority):
    scene = bound("Scanner")
    assert ask(scene.port, *shown(theirs))[0] == SERVED
    other = authority.issue("workstation")
    assert ask(scene.port, *shown(other))[0] == [0x03]
    assert refused_last(scene) is Reason.OTHER_CERTIFICATE


def test_the_profile_b_13_takes_what_b_12_does_not(tmp_path, authority, ours, theirs):
    credentials = Credentials(tmp_path, tls(ours, authority.certificate, profile="B.13"))
    scene = Scene(tmp_path, credentials=credentials)
    try:
        for suite in ("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-GCM-SHA384"):
            assert ask(scene.port, "-tls1_2", "-cipher", suite, *shown(theirs))[0] == SERVED
        assert ask(scene.port, "-tls1_2", "-cipher", "AES128-GCM-SHA256", *shown(theirs))[0] == []
        assert ask(scene.port, "-tls1_1", *OLD, *shown(theirs))[0] == []
    finally:
        scene.close()


def test_a_self_signed_certificate_in_the_trust_list_is_believed(tmp_path, ours):
    """As devices are trusted one by one, where there is no CA."""
    scanner = self_signed(tmp_path, "alone")
    scene = Scene(tmp_path, credentials=Credentials(tmp_path, tls(ours, scanner.certificate)))
    try:
        assert ask(scene.port, *shown(scanner))[0] == SERVED
    finally:
        scene.close()


def test_one_certificate_of_a_ca_may_be_trusted_without_the_ca(tmp_path, authority, ours, theirs):
    scene = Scene(tmp_path, credentials=Credentials(tmp_path, tls(ours, theirs.certificate)))
    try:
        assert ask(scene.port, *shown(theirs))[0] == SERVED
        assert ask(scene.port, *shown(authority.issue("sibling")))[0] == []
        assert refused_last(scene) is Fault.UNTRUSTED
    finally:
        scene.close()


class Resuming:
    """A client that keeps its session and comes back with it, as TLS 1.2 lets it.

    It stays connected: OpenSSL forgets the session of a connection that was cut off.
    """

    def __init__(self, port: int, trust, pair: Pair) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=trust)
        self._context.load_cert_chain(pair.certificate, pair.key)
        self._context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._open: list[ssl.SSLSocket] = []

    def come(self) -> tuple[bool, bytes]:
        """Return whether the session was resumed, and the kind of PDU that was answered."""
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        session = self._open[0].session if self._open else None
        secure = self._context.wrap_socket(raw, server_hostname="127.0.0.1", session=session)
        self._open.append(secure)
        secure.sendall(associate_rq())
        return secure.session_reused, secure.recv(1)

    def close(self) -> None:
        for secure in self._open:
            secure.close()


@pytest.fixture
def resuming():
    opened = []

    def at(*arguments) -> Resuming:
        opened.append(Resuming(*arguments))
        return opened[-1]

    yield at
    for client in opened:
        client.close()


def test_a_session_does_not_outlive_the_certificate(scene, authority, theirs, resuming):
    client = resuming(scene.port, authority.certificate, theirs)
    assert client.come() == (False, bytes([ASSOCIATE_AC]))
    assert client.come() == (True, bytes([ASSOCIATE_AC]))
    scene.ahead = timedelta(days=366)
    try:
        reason, line = refusal(scene, client.come)
    finally:
        scene.ahead = timedelta()
    assert reason is Fault.EXPIRED
    assert "that of 'scanner' ended at" in line["why"]


def test_a_session_does_not_outlive_the_trust_list(tmp_path, authority, ours, theirs, resuming):
    trust = tmp_path / "trust.pem"
    trust.write_text(authority.certificate.read_text())
    credentials = Credentials(tmp_path, tls(ours, trust))
    scene = Scene(tmp_path, credentials=credentials)
    client = resuming(scene.port, authority.certificate, theirs)
    try:
        assert [client.come()[0] for _ in range(2)] == [False, True]
        trust.write_text(Authority(tmp_path / "new", "New CA").certificate.read_text())
        assert credentials.tick(datetime.now(UTC)) == 1
        with pytest.raises(ssl.SSLError):
            client.come()
        assert refused_last(scene) is Fault.UNTRUSTED
    finally:
        scene.close()


def test_tls_1_3_resumes_nothing(scene, authority, theirs):
    _, said = ask(scene.port, "-tls1_3", *shown(theirs), "-msg")
    assert "NewSessionTicket" not in said


@pytest.mark.parametrize("data_plane", [True, False], ids=["own plane", "stock"])
def test_certificates_are_renewed_while_an_association_is_open(
    tmp_path, authority, theirs, data_plane
):
    """It goes on as it began; whoever calls next sees the new certificate."""
    first, second = (authority.issue("node", file=f"node-{n}") for n in (1, 2))
    placed = Pair(tmp_path / "node.pem", tmp_path / "node.key")
    put(first, placed)
    credentials = Credentials(tmp_path, tls(placed, authority.certificate))
    scene = Scene(tmp_path, credentials=credentials, data_plane=data_plane)
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(theirs.certificate, theirs.key)

    def called() -> tuple[RawPeer, str]:
        peer = RawPeer(scene.port)
        peer.raw = context.wrap_socket(peer.raw, server_hostname="127.0.0.1")
        peer.associate()
        return peer, fingerprint(peer.raw.getpeercert(binary_form=True))

    try:
        before, shown_before = called()
        assert before.echo() == 0
        put(second, placed)
        assert credentials.tick(datetime.now(UTC)) == 1
        after, shown_after = called()
        assert before.echo() == after.echo() == 0
        before.release()
        after.release()
    finally:
        scene.close()
    assert shown_before == first.fingerprint.replace(":", "").lower()
    assert shown_after == second.fingerprint.replace(":", "").lower()


def put(source: Pair, target: Pair) -> None:
    copy(source.certificate, target.certificate)
    copy(source.key, target.key)
    target.key.chmod(0o600)
