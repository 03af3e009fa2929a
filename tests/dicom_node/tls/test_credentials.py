"""Certificates in service: read, renewed, warned of."""

import os
import ssl
import subprocess
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from shutil import copy

import pytest
from structlog.testing import capture_logs

from dicom_node.errors import SettingsError
from dicom_node.tls import Certificate, Credentials
from tests.support.need import program
from tests.support.pki import Authority, Pair, self_signed, tls


@pytest.fixture(scope="module")
def ours(authority) -> Pair:
    return authority.issue("node")


@pytest.fixture
def placed(tmp_path, authority, ours) -> Pair:
    """A pair that a test may replace, and the trust list beside it."""
    pair = Pair(tmp_path / "node.pem", tmp_path / "node.key")
    copy(authority.certificate, tmp_path / "ca.pem")
    put(ours, pair)
    return pair


def put(source: Pair, target: Pair) -> None:
    copy(source.certificate, target.certificate)
    copy(source.key, target.key)
    for path in (target.certificate, target.key):
        path.chmod(0o600)
        later = path.stat().st_mtime_ns + 1
        os.utime(path, ns=(later, later))


def opened(placed: Pair, **keys) -> Credentials:
    return Credentials(placed.certificate.parent, tls(placed, placed.key.parent / "ca.pem", **keys))


def now() -> datetime:
    return datetime.now(UTC)


def test_paths_are_relative_to_the_configuration_folder(placed, ours):
    from dicom_node.sections import Tls

    named = Tls(certificate="node.pem", key="node.key", trust="ca.pem")
    assert Credentials(placed.key.parent, named).own.name == "node"


def test_mistakes_name_the_file_and_the_remedy(placed, tmp_path, authority):
    other = authority.issue("other")
    (tmp_path / "note.pem").write_text("no certificate at all")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.pem").write_text(placed.certificate.read_text()[:500])
    for keys, words in {
        ("certificate", "gone.pem"): "gone.pem: not readable",
        ("key", "gone.key"): "gone.key: not readable",
        ("trust", "gone.pem"): "gone.pem: not readable",
        ("trust", "empty"): "holds no certificate; put the CA's there",
        ("trust", "note.pem"): "note.pem: no certificate, PEM or DER",
        ("certificate", "note.pem"): "note.pem: no certificate, PEM or DER",
        ("certificate", "torn.pem"): "torn.pem: its certificate has no end",
        ("key", str(other.key)): "is not the key of",
    }.items():
        named = tls(placed, tmp_path / "ca.pem").model_copy(update=dict([keys]))
        with pytest.raises(SettingsError, match=words):
            Credentials(tmp_path, named)


def test_every_file_of_the_trust_folder_that_holds_none_is_named(placed, tmp_path, authority):
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "a.pem").write_text("?")
    (trust / "b.crt").write_text("?")
    (trust / "readme.txt").write_text("?")
    with pytest.raises(SettingsError) as caught:
        Credentials(tmp_path, tls(placed, trust))
    assert [mistake.split(":")[0].rpartition("/")[2] for mistake in caught.value.mistakes] == [
        "a.pem", "b.crt",
    ]  # fmt: skip


def test_a_key_with_a_pass_phrase_is_a_mistake_and_asks_nobody(placed, tmp_path):
    openssl, locked = program("/usr/bin/openssl", "openssl"), tmp_path / "locked.key"
    phrase = ["-aes256", "-passout", "pass:x"]
    subprocess.run([openssl, "pkey", "-in", placed.key, *phrase, "-out", locked], check=True)
    with pytest.raises(SettingsError, match=r"locked\.key: the key is encrypted"):
        opened(Pair(placed.certificate, tmp_path / "locked.key"))


def test_a_weak_key_and_a_weak_signature_are_mistakes(placed, tmp_path, authority):
    for crypto in (("weak", "sha256"), ("rsa", "sha1")):
        weak = authority.issue("weak", file="-".join(crypto), crypto=crypto)
        with pytest.raises(SettingsError, match="is too weak"):
            Credentials(tmp_path, tls(weak, tmp_path / "ca.pem"))


@pytest.mark.parametrize(("use", "unfit"), [("serverAuth", "client"), ("clientAuth", "server")])
def test_a_certificate_for_one_role_is_warned_of_for_the_other(authority, tmp_path, use, unfit):
    pair = authority.issue("one-sided", file=use, use=use)
    with capture_logs() as logged:
        Credentials(tmp_path, tls(pair, authority.certificate))
    assert [(one["event"], one["role"]) for one in logged] == [("certificate unfit", unfit)]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o660, 1)])
def test_a_key_that_others_can_read_is_warned_of(placed, mode, warned):
    placed.key.chmod(mode)
    with capture_logs() as logged:
        opened(placed)
    found = [one for one in logged if one["event"] == "private key open"]
    assert len(found) == warned
    assert all("chmod 600" in one["why"] for one in found)


def test_without_change_a_tick_changes_nothing(placed):
    credentials = opened(placed)
    before = credentials.server()
    assert credentials.tick(now()) == 0
    assert credentials.server() is before


def test_changed_files_are_taken_up_by_the_next_tick(placed, authority):
    credentials = opened(placed)
    before = [credentials.server(), credentials.server(mutual=False), credentials.client()]
    put(authority.issue("node", file="renewed"), placed)
    first = credentials.own.fingerprint
    with capture_logs() as logged:
        assert credentials.tick(now()) == 1
    assert credentials.own.fingerprint != first
    after = [credentials.server(), credentials.server(mutual=False), credentials.client()]
    assert all(one is not other for one, other in zip(before, after, strict=True))
    assert [one["event"] for one in logged] == ["certificates taken up"]
    assert credentials.tick(now()) == 0


def test_a_broken_pair_leaves_the_old_one_in_service_and_says_so_once(placed, authority):
    credentials = opened(placed)
    before, own = credentials.server(), credentials.own
    copy(authority.issue("node", file="half").certificate, placed.certificate)
    with capture_logs() as logged:
        assert [credentials.tick(now()) for _ in range(3)] == [0, 0, 0]
    (said,) = logged
    assert said["event"] == "certificates not taken up"
    assert "is not the key of" in said["why"]
    assert "stays" in said["so"]
    assert credentials.server() is before
    assert credentials.own == own
    copy(authority.issue("node", file="half").key, placed.key)  # again, whole
    copy(authority.folder / "half.pem", placed.certificate)
    assert credentials.tick(now()) == 1


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
def test_a_new_pair_that_is_not_good_today_leaves_the_old_one_in_service(placed, authority, days):
    credentials = opened(placed)
    own = credentials.own
    put(authority.issue("node", file=f"day{days[0]}", days=days), placed)
    with capture_logs() as logged:
        assert credentials.tick(now()) == 0
    assert credentials.own == own
    assert "not now; put one there that is" in logged[0]["why"]


def test_files_that_vanish_leave_the_old_ones_in_service(placed):
    credentials = opened(placed)
    own = credentials.own
    placed.key.unlink()
    with capture_logs() as logged:
        assert credentials.tick(now()) == 0
    assert credentials.own == own
    assert logged[0]["event"] == "certificates not taken up"


def test_a_ca_that_comes_into_the_trust_folder_is_believed_and_one_that_goes_is_not(
    placed, tmp_path, authority
):
    trust = tmp_path / "trust"
    trust.mkdir()
    copy(authority.certificate, trust / "one.pem")
    credentials = Credentials(tmp_path, tls(placed, trust))
    copy(Authority(tmp_path / "second", "Second CA").certificate, trust / "two.crt")
    assert credentials.tick(now()) == 1
    assert {name for kind, name in credentials.days_left(now()) if kind == "authority"} == {
        "Hospital CA", "Second CA",
    }  # fmt: skip
    (trust / "one.pem").unlink()
    assert credentials.tick(now()) == 1
    assert len(credentials.server().get_ca_certs()) == 1


def test_certificates_in_der_are_read_too(placed, tmp_path, authority):
    encoded = ssl.PEM_cert_to_DER_cert(authority.certificate.read_text())
    (tmp_path / "trust.der").write_bytes(encoded)
    credentials = Credentials(tmp_path, tls(placed, tmp_path / "trust.der"))
    assert credentials.server().get_ca_certs(binary_form=True) == [encoded]


def test_what_ends_soon_is_warned_of_once_a_day(tmp_path, authority):
    pair = authority.issue("soon", days=(-1, 20))
    credentials = Credentials(tmp_path, tls(pair, authority.certificate, warn_days=30))
    noon = datetime.now(UTC).replace(hour=12)
    with capture_logs() as logged:
        for hours in (0, 1, 11, 24, 30, 48):
            credentials.tick(noon + timedelta(hours=hours))
    assert [one["event"] for one in logged] == ["certificate expires"] * 3
    assert {(one["kind"], one["name"]) for one in logged} == {("own", "soon")}
    assert [one["log_level"] for one in logged] == ["warning"] * 3
    assert 17 < logged[-1]["days"] < logged[0]["days"] <= 20.6


def test_what_ends_later_is_not_warned_of(tmp_path, authority):
    pair = authority.issue("later", days=(-1, 40))
    with capture_logs() as logged:
        Credentials(tmp_path, tls(pair, authority.certificate)).tick(now())
    assert logged == []


def test_our_own_expired_certificate_is_an_error_every_day_and_no_reason_not_to_start(
    tmp_path, authority
):
    pair = authority.issue("ended", days=(-9, -1))
    with capture_logs() as logged:
        credentials = Credentials(tmp_path, tls(pair, authority.certificate))
        credentials.tick(now())
        credentials.tick(now() + timedelta(days=1))
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("certificate expired", "error")
    ] * 2


def test_the_certificates_of_callers_and_of_cas_are_counted_and_warned_of_too(placed, authority):
    credentials = opened(placed)
    caller = Certificate(("MR-1",), now() - timedelta(days=1), now() + timedelta(days=5))
    credentials.saw("scanner", caller)
    days = credentials.days_left(now())
    assert days["peer", "scanner"] == pytest.approx(5, abs=0.01)
    assert days["own", "node"] == pytest.approx(365, abs=1)
    assert days["authority", "Hospital CA"] == pytest.approx(3650, abs=1)
    with capture_logs() as logged:
        credentials.tick(now())
    assert [(one["kind"], one["name"]) for one in logged] == [("peer", "scanner")]


def test_of_two_cas_of_one_name_the_one_that_ends_first_is_told_of(placed, tmp_path, authority):
    both = tmp_path / "both.pem"
    short = self_signed(tmp_path, "x")  # no CA: not counted
    again = Authority(tmp_path / "again", "Hospital CA")
    both.write_text(
        again.certificate.read_text() + short.certificate.read_text()
        + authority.certificate.read_text()
    )  # fmt: skip
    credentials = Credentials(tmp_path, tls(placed, both))
    ends = [
        ssl.cert_time_to_seconds(one["notAfter"]) for one in credentials.server().get_ca_certs()
    ]
    left = credentials.days_left(now())["authority", "Hospital CA"]
    assert left == pytest.approx((min(ends) - now().timestamp()) / 86_400, abs=0.001)


def shown_to(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None) -> dict:
    """Return the certificate that a client sees, after a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(5):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert()


@pytest.mark.parametrize("host", [None, "localhost"])
def test_a_server_that_keeps_its_context_shows_renewed_certificates(placed, authority, host):
    """As HTTP servers do: they are given one at the start."""
    credentials = opened(placed)
    open_to_all, mutual = credentials.lasting_server(mutual=False), credentials.lasting_server()
    stranger = ssl.create_default_context(cafile=authority.certificate)
    stranger.check_hostname = host is not None
    before = shown_to(open_to_all, stranger, host)["serialNumber"]
    put(authority.issue("node", file=f"kept-{host}"), placed)
    assert credentials.tick(now()) == 1
    assert shown_to(open_to_all, stranger, host)["serialNumber"] != before
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shown_to(mutual, stranger, host)


def test_a_server_that_keeps_its_context_believes_whom_the_trust_list_names_now(
    placed, tmp_path, authority
):
    credentials = opened(placed)
    mutual = credentials.lasting_server()
    newcomer = Authority(tmp_path / "new", "New CA")
    pair = newcomer.issue("newcomer")
    client = ssl.create_default_context(cafile=authority.certificate)
    client.load_cert_chain(pair.certificate, pair.key)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown_to(mutual, client, "localhost")
    (tmp_path / "ca.pem").write_text(newcomer.certificate.read_text())
    assert credentials.tick(now()) == 1
    assert shown_to(mutual, client, "localhost")


def test_a_server_that_keeps_its_context_refuses_old_versions(placed):
    mutual = opened(placed).lasting_server()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python says that it is old
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        shown_to(mutual, old, "localhost")
