"""The journal goes to a receiver: whole, in order, at least once, whatever becomes of either."""

import shutil
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.audit.journal import Journal, Line, Link, NewLine, Retention, verify
from dicom_node.audit.journal.head import files_in
from dicom_node.audit.message import to_xml
from dicom_node.audit.syslog import Position, SyslogStage, deliver, framed, lowest, transport
from dicom_node.backoff import next_try
from dicom_node.errors import JournalBroken, PeerAway
from dicom_node.settings import AuditReceiver
from tests.support.audit_samples import HERE, NAMING, samples
from tests.support.audit_schema import schema_errors
from tests.support.need import free_port
from tests.support.pki import Authority
from tests.support.syslog import SyslogReceiver

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def identity(authority):
    return authority.issue("receiver")


class Scene:
    """A journal, a receiver, and the stage between them."""

    def __init__(self, folder, authority, identity, **values) -> None:
        self.conf = folder / "conf"
        self.conf.mkdir()
        shutil.copy(authority.certificate, self.conf / "ca.pem")
        self.journal = Journal(folder / "audit", 20_000)
        kind = values.get("kind", "tls")
        self.port = free_port()
        self.receiver = SyslogReceiver(self.port, identity=identity, **values)
        self.settings = AuditReceiver(
            name="arr", host="localhost" if kind == "tls" else "127.0.0.1", port=self.port,
            transport=kind, ca_file="ca.pem" if kind == "tls" else "",
        )  # fmt: skip
        self.count = 0
        self.may_fail = False

    def stage(self, **changes) -> SyslogStage:
        """Return a stage as a process has it that was just started."""
        settings = self.settings.model_copy(update=changes)
        return SyslogStage(settings, self.conf, self.journal.folder, ("node.example", 4711))

    def append(self, count: int) -> None:
        for _ in range(count):
            text = f"<AuditMessage><EventIdentification Number='{self.count}'/></AuditMessage>"
            self.journal.append([NewLine(text, T0)])
            self.count += 1

    def numbers(self) -> list[int]:
        return [one.number for one in self.receiver.received]


@pytest.fixture
def scene(tmp_path, authority, identity):
    opened = Scene(tmp_path, authority, identity)
    opened.receiver.start()
    yield opened
    opened.receiver.stop()
    assert opened.may_fail or opened.receiver.failures == []


def test_every_line_comes_once_and_in_order(scene):
    scene.append(250)  # more than go at once
    assert len(files_in(scene.journal.folder)) > 1
    assert scene.stage().tick(T0) == 250
    scene.receiver.wait_for(250)
    assert scene.numbers() == list(range(1, 251))


def test_a_message_is_as_the_standards_want_it(scene):
    told = samples()
    for event in told.values():
        scene.journal.append([NewLine(to_xml(event, NAMING), T0)])
    scene.stage().tick(T0)
    received = scene.receiver.wait_for(len(told))
    for event, one in zip(told.values(), received, strict=True):
        assert one.message == to_xml(event, NAMING)
        assert schema_errors(one.message) == []
        assert one.pri == 10 * 8 + (5 if event.outcome == 0 else 4)
        assert (one.msgid, one.host) == ("IHE+RFC-3881", "node.example")
        assert datetime.fromisoformat(one.time) == T0


def test_nothing_is_sent_twice_by_a_process_that_goes_on_or_one_that_starts(scene):
    stage = scene.stage()
    scene.append(3)
    assert stage.tick(T0) == 3
    assert stage.tick(T0) == 0
    scene.append(2)
    assert scene.stage().tick(T0) == 2
    scene.receiver.wait_for(5)
    assert scene.numbers() == [1, 2, 3, 4, 5]


def test_a_position_that_cannot_be_kept_sends_again_after_a_restart_and_not_before(
    scene, monkeypatch
):
    def refuse(self, _position):
        raise JournalBroken("the disk is full")

    scene.append(3)
    stage = scene.stage()
    monkeypatch.setattr(Position, "write", refuse)
    assert stage.tick(T0) == 0
    monkeypatch.undo()
    assert stage.tick(T0 + timedelta(hours=1)) == 0
    assert scene.stage().tick(T0) == 3
    scene.receiver.wait_for(6)
    assert scene.numbers() == [1, 2, 3, 1, 2, 3]


def test_what_comes_while_the_receiver_is_away_waits_in_the_journal(scene):
    stage = scene.stage()
    scene.append(2)
    stage.tick(T0)
    scene.receiver.wait_for(2)
    scene.receiver.stop()
    scene.append(3)
    assert stage.tick(T0) == 0
    scene.receiver.start()
    assert stage.tick(T0) == 0, "it is not due yet"
    assert scene.stage().tick(next_try(T0, 1)) == 3  # of another process: the node was restarted
    scene.receiver.wait_for(5)
    assert scene.numbers() == [1, 2, 3, 4, 5]


def test_a_receiver_that_dies_in_the_middle_gets_again_what_it_may_not_have_had(scene, monkeypatch):
    """It dies with the second batch half read: no line may be missing, some may come twice."""
    scene.append(250)
    real, calls = SyslogReceiver._taken, []

    def die(self, content):
        calls.append(content)
        if len(calls) == 12:
            raise ConnectionError("killed")
        return real(self, content)

    monkeypatch.setattr(SyslogReceiver, "_taken", die)
    stage = scene.stage()
    stage.tick(T0)
    monkeypatch.undo()
    stage.tick(T0 + timedelta(hours=1))
    numbers = scene.numbers()
    assert sorted(set(numbers)) == list(range(1, 251))
    firsts = list(dict.fromkeys(numbers))
    assert firsts == sorted(firsts), "out of order"
    assert scene.receiver.failures == ["killed"]
    scene.may_fail = True


def test_a_receiver_nobody_vouches_for_gets_nothing(scene, tmp_path):
    scene.may_fail = True
    scene.append(1)
    stranger = Authority(tmp_path / "stranger", "stranger")
    shutil.copy(stranger.certificate, scene.conf / "ca.pem")
    stage = scene.stage()
    assert stage.tick(T0) == 0
    with pytest.raises(PeerAway, match="certificate"):
        deliver(scene.settings, scene.conf, [b"x"])
    assert scene.receiver.received == []


def test_a_receiver_by_another_name_gets_nothing(tmp_path, authority):
    scene = Scene(tmp_path, authority, authority.issue("elsewhere", names="DNS:elsewhere.example"))
    scene.receiver.start()
    with pytest.raises(PeerAway, match="Hostname mismatch"):
        deliver(scene.settings, scene.conf, [b"x"])
    scene.receiver.stop()
    assert scene.receiver.received == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_not_spoken(scene):
    scene.may_fail = True
    scene.receiver._context.minimum_version = ssl.TLSVersion.TLSv1
    scene.receiver._context.maximum_version = ssl.TLSVersion.TLSv1_1
    scene.receiver._context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(PeerAway):
        deliver(scene.settings, scene.conf, [b"x"])
    assert scene.receiver.received == []


def test_where_a_receiver_asks_for_our_certificate_it_is_shown(tmp_path, authority, identity):
    scene = Scene(tmp_path, authority, identity, clients=authority.certificate)
    scene.receiver.start()
    try:
        scene.append(2)
        for _ in range(20):  # TLS 1.3: the refusal comes when everything is sent already
            with pytest.raises(PeerAway):
                deliver(scene.settings, scene.conf, [b"x"])
        own = authority.issue("node")
        assert scene.stage(cert_file=str(own.certificate), key_file=str(own.key)).tick(T0) == 2
        scene.receiver.wait_for(2)
    finally:
        scene.receiver.stop()


def test_a_certificate_that_is_missing_is_named(scene):
    with pytest.raises(PeerAway, match="No such file"):
        deliver(scene.settings.model_copy(update={"ca_file": "no.pem"}), scene.conf, [b"x"])


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_in_plain_text_where_that_is_configured(tmp_path, authority, kind):
    scene = Scene(tmp_path, authority, None, kind=kind)
    scene.receiver.start()
    try:
        scene.append(30)
        assert scene.stage().tick(T0) == 30
        scene.receiver.wait_for(30)
        assert scene.numbers() == list(range(1, 31))
    finally:
        scene.receiver.stop()


@pytest.mark.parametrize("kind", ["tls", "tcp", "udp"])
def test_a_receiver_that_is_not_there_is_said_by_name_and_place(
    tmp_path, authority, identity, kind
):
    scene = Scene(tmp_path, authority, identity, kind=kind)
    with pytest.raises(PeerAway, match=rf"arr at (localhost|127.0.0.1):{scene.port} \({kind}\)"):
        deliver(scene.settings, scene.conf, [b"x", b"y"])


@pytest.mark.parametrize("kind", ["tls", "tcp"])
def test_a_receiver_that_never_says_goodbye_is_believed_to_have_read(
    tmp_path, authority, identity, kind, monkeypatch
):
    monkeypatch.setattr(transport, "_ANSWER_S", 0.5)
    scene = Scene(tmp_path, authority, identity, kind=kind, rude=True)
    scene.receiver.start()
    try:
        scene.append(3)
        assert scene.stage().tick(T0) == 3
        assert scene.numbers() == [1, 2, 3]
    finally:
        scene.receiver.stop()


def test_a_message_too_long_for_a_datagram_holds_up_no_other(tmp_path, authority):
    scene = Scene(tmp_path, authority, None, kind="udp")
    scene.receiver.start()
    try:
        scene.append(1)
        scene.journal.append([NewLine("x" * 70_000, T0)])
        scene.append(1)
        scene.stage().tick(T0)
        scene.receiver.wait_for(2)
        assert scene.numbers() == [1, 3]
    finally:
        scene.receiver.stop()


def test_a_line_that_somebody_changed_is_not_sent_and_holds_up_no_other(scene):
    scene.append(3)
    path = scene.journal.folder / files_in(scene.journal.folder)[0]
    path.write_bytes(path.read_bytes().replace(b"Number='1'", b"Number='7'"))
    stage = scene.stage()
    assert stage.tick(T0) == 2
    assert stage.tick(T0) == 0
    scene.receiver.wait_for(2)
    assert scene.numbers() == [1, 3]


def test_a_journal_that_ends_before_what_was_sent_is_sent_anew(scene, tmp_path):
    """Somebody put back an old copy: what comes after it has numbers that were used before."""
    scene.append(2)
    shutil.copytree(scene.journal.folder, tmp_path / "copy")
    scene.append(3)
    scene.stage().tick(T0)
    shutil.copy(scene.journal.folder / "sent-arr.json", tmp_path / "copy")
    shutil.rmtree(scene.journal.folder)
    shutil.copytree(tmp_path / "copy", scene.journal.folder)
    scene.append(1)
    assert scene.stage().tick(T0) == 3
    scene.receiver.wait_for(8)
    assert scene.numbers() == [1, 2, 3, 4, 5, 1, 2, 3]


def test_a_receiver_that_is_new_gets_what_the_journal_still_has(scene):
    scene.append(150)
    retention = Retention(timedelta(days=1), lambda: 10**9, lambda *_: "<gone/>")
    assert retention.apply(scene.journal, datetime.now(UTC) + timedelta(days=2)) == 1
    first = verify(scene.journal.folder).first.seq
    scene.stage().tick(T0)
    scene.receiver.wait_for(151 - first + 1)
    assert scene.numbers() == list(range(first, 152))


def test_what_one_receiver_has_not_got_is_not_old(scene):
    scene.append(5)
    scene.stage().tick(T0)
    positions = [Position(scene.journal.folder, name) for name in ("arr", "second")]
    assert lowest(positions[:1]) == 5
    assert lowest(positions) == 0
    assert lowest([]) > 10**12


def test_a_stage_that_was_stopped_sends_nothing_more(scene):
    scene.append(1)
    stage = scene.stage()
    stage.stop()
    assert stage.tick(T0) == 0
    assert scene.receiver.received == []


def test_a_host_name_that_syslog_cannot_hold_is_made_to_fit(scene):
    link = Link(2**31, "0" * 64)
    line = Line(link, link, T0.isoformat(), to_xml(samples()["query"], HERE))
    assert b"+00:00 ndeexample dicom-node" in framed(line, "nöde example", 1)
    assert b'sequenceId="1"' in framed(line, "ö", 1)
    assert b"+00:00 - dicom-node" in framed(line, "ö", 1)
