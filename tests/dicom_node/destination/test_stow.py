"""STOW-RS out: what the answer names is known, and nothing else; TLS is never taken on trust."""

import json
import ssl
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_node.archive import Studies
from dicom_node.destination.stow import StowSender
from dicom_node.dicomweb import DicomWeb, Place
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.qido import WebRemote
from dicom_node.remote import Place as There
from dicom_node.settings import Destination
from dicom_node.settings import Outbox as OutboxSettings
from dicom_node.values import DeliveryState, Instance
from tests.dicom_node.destination.test_stage import Scene
from tests.support.need import free_port, program
from tests.support.stow import StowServer

TIMES = OutboxSettings(connect_s=10.0, answer_s=10.0)


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    made.queue("cloud")
    yield made
    made.database.close()


@pytest.fixture
def server():
    running = StowServer()
    yield running
    running.stop()


def place(url: str, folder: Path = Path(), token: str | None = None, **values) -> Place:
    destination = Destination(name="cloud", kind="dicomweb", url=url, **values)
    return Place(destination, folder, token)


def sender(url: str, folder: Path = Path(), token: str | None = None, **values) -> StowSender:
    return StowSender(DicomWeb(place(url, folder, token, **values), TIMES))


def tick(scene, sender, **patience):
    scene.stage(sender, "cloud", **patience).tick(scene.time)
    return scene.delivery("cloud")


def instances(scene) -> list[Instance]:
    with scene.database.reading() as session:
        return Studies(session, scene.archive.folder).instances(list(scene.sent))


def test_what_was_made_leaves_as_it_is_archived(scene, server):
    row = tick(scene, sender(server.url))
    assert row.state == DeliveryState.SENT
    assert set(server.kept) == set(scene.sent)
    assert all(server.kept[uid].endswith(content) for uid, content in scene.sent.items())


def test_only_what_was_refused_is_sent_again(scene, server):
    unwanted = sorted(scene.sent)[2]
    server.answer = lambda uid: 0xA700 if uid == unwanted else 0
    row = tick(scene, sender(server.url))
    assert row.state == DeliveryState.WAITING
    assert "cloud answered 1 instances with 0xA700" in row.error
    server.answer = lambda uid: 0
    scene.time = row.due
    assert tick(scene, sender(server.url)).state == DeliveryState.SENT
    assert server.requests[1] == [unwanted]


def test_what_the_answer_does_not_name_is_not_known_to_be_there(scene, server):
    forgotten = sorted(scene.sent)[0]
    server.answer = lambda uid: None if uid == forgotten else 0
    row = tick(scene, sender(server.url))
    assert (row.state, row.error) == (
        DeliveryState.WAITING, "cloud did not answer for every instance",
    )  # fmt: skip


@pytest.mark.parametrize("uid", [{}, ["1.2"], 7, None])
def test_a_name_that_is_none_confirms_nothing(scene, server, uid):
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    server.status, server.body = 200, json.dumps({"00081199": {"Value": [item]}}).encode()
    assert tick(scene, sender(server.url)).state == DeliveryState.WAITING


@pytest.mark.parametrize("asked", [True, False], ids=["a search", "storing"])
def test_an_answer_in_drops_is_not_waited_for_without_end(scene, server, asked):
    server.status, server.body, server.drop_s = 200, b"[" + b" " * 1000, 0.1
    web = DicomWeb(place(server.url), OutboxSettings(connect_s=10.0, answer_s=0.3))
    began = time.monotonic()
    with pytest.raises(PeerAway, match="cloud does not answer"):
        web.ask() if asked else web.store(instances(scene))
    assert time.monotonic() - began < 10  # all of it would take 100 s


def test_a_doubt_is_told(scene, server):
    server.answer = lambda uid: 0xB000 if uid == min(scene.sent) else 0
    row = tick(scene, sender(server.url))
    assert row.state == DeliveryState.FAILED
    assert "has 1 of them, but changed or doubts them" in row.error


@pytest.mark.parametrize("status", [200, 202, 204, 301, 302, 400, 404, 409, 413, 500, 503])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"00081199": 7}'])
def test_an_answer_that_names_nothing_confirms_nothing(scene, server, status, body):
    server.status, server.body = status, body
    with pytest.raises(PeerAway, match=f"cloud answered {status}"):
        list(sender(server.url).send(instances(scene)))


@pytest.mark.parametrize("value", [None, "A700", -1, 2**20, [], 0])
def test_a_reason_that_is_none_is_a_refusal_all_the_same(scene, server, value):
    uid = min(scene.sent)
    server.status = 409
    item = {"00081155": {"Value": [uid]}, "00081197": {"Value": [value]}}
    server.body = json.dumps({"00081198": {"Value": [item, 3, {}]}}).encode()
    assert dict(sender(server.url).send(instances(scene))) == {uid: 0x0110}


def test_who_is_not_there_is_tried_later(scene):
    row = tick(scene, sender(f"http://127.0.0.1:{free_port()}"))
    assert row.state == DeliveryState.WAITING
    assert "cloud does not answer" in row.error


def test_large_series_go_out_in_requests_of_a_few(tmp_path, server):
    scene = Scene(tmp_path, slices=40)
    list(sender(server.url).send(instances(scene)))
    assert [len(request) for request in server.requests] == [16, 16, 8]
    large = [replace(one, size=40 * 2**20) for one in instances(scene)[:3]]
    server.requests.clear()
    list(sender(server.url).send(large))
    assert [len(request) for request in server.requests] == [1, 1, 1]
    scene.database.close()


def test_the_token_comes_from_a_file_or_the_environment_and_is_read_anew(scene, server, tmp_path):
    server.token = "dnt_secret"
    (tmp_path / "cloud.token").write_text("dnt_wrong\n")
    from_file = sender(server.url, tmp_path, token_file="cloud.token")
    with pytest.raises(PeerAway, match="answered 401: the token is not good there") as caught:
        list(from_file.send(instances(scene)))
    assert "dnt_wrong" not in str(caught.value)
    (tmp_path / "cloud.token").write_text("dnt_secret\n")
    assert len(list(from_file.send(instances(scene)))) == 5
    from_environment = sender(server.url, token="dnt_secret", token_env="CLOUD_TOKEN")
    assert len(list(from_environment.send(instances(scene)))) == 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"token_file": "absent"}, "no token in the file absent"),
        ({"token_env": "CLOUD_TOKEN"}, "no token in the variable CLOUD_TOKEN"),
        ({"trust": "absent.pem"}, "trust = 'absent.pem' holds no authorities"),
    ],
)
def test_what_is_missing_is_named(scene, server, tmp_path, values, words):
    with pytest.raises(PeerAway, match=words):
        list(sender(server.url, tmp_path, **values).send(instances(scene)))
    assert not server.headers


def test_a_token_follows_no_redirection(scene, server):
    server.status = 307
    with pytest.raises(PeerAway, match="answered 307"):
        list(sender(server.url, token="x", token_env="T").send(instances(scene)))
    assert len(server.headers) == 1


@pytest.fixture
def certificate(tmp_path):
    """Return a certificate for 127.0.0.1 with its key, in one file; and one for somebody else."""
    found = []
    for name in ("IP:127.0.0.1", "DNS:elsewhere.example.org"):
        path = tmp_path / f"{len(found)}.pem"
        subprocess.run(
            [program("/usr/bin/openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
             "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}", "-keyout", str(path),
             "-out", f"{path}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
        found.append(path)
    return found


def serving(path: Path) -> StowServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return StowServer(tls=context)


def test_a_server_shows_a_certificate_that_is_believed_and_its_own(scene, certificate, tmp_path):
    right, other = certificate
    for path, trust, is_well in (
        (right, f"{right.name}.crt", True), (right, "", False),
        (right, f"{other.name}.crt", False), (other, f"{other.name}.crt", False),
    ):  # fmt: skip
        server = serving(path)
        sending = sender(server.url, tmp_path, trust=trust)
        if is_well:
            assert len(list(sending.send(instances(scene)))) == 5
        else:
            with pytest.raises(PeerAway, match=r"cloud does not answer.*certificate"):
                list(sending.send(instances(scene)))
            assert not server.kept
        server.stop()


def test_what_a_server_has_is_counted_page_by_page(scene, server):
    asked = WebRemote(DicomWeb(place(server.url), TIMES))
    series = There(scene.series.study_uid, scene.series.series_uid)
    assert asked.images(series) == frozenset()
    list(sender(server.url).send(instances(scene)))
    for page in (1000, 2, 1, None):
        server.page = page
        assert asked.images(series) == frozenset(scene.sent)
    server.status = 500
    with pytest.raises(PeerAway, match="answered 500"):
        asked.images(series)


def test_a_server_is_asked_whether_it_is_there(server):
    DicomWeb(place(server.url), TIMES).ask()
    server.token = "x"
    with pytest.raises(PeerAway, match="token is not good"):
        DicomWeb(place(server.url), TIMES).ask()


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_server_that_knows_no_search_is_not_taken_for_one_that_is_away(server, status):
    server.status = status
    with pytest.raises(PeerRefused, match=f"cloud answered {status} to a search"):
        WebRemote(DicomWeb(place(server.url), TIMES)).series("1.2")


@pytest.mark.parametrize(
    "body", [b"[7]", b"[{}]", b'[{"00080018": {"Value": [{}]}}]', b'[{"00080018": 5}]']
)
def test_a_match_without_a_uid_is_none(server, body):
    server.status, server.body = 200, body
    asked = WebRemote(DicomWeb(place(server.url), TIMES))
    assert asked.images(There("1", "2")) == frozenset()
    assert asked.one(There("1", "2"), ("Modality",)) is None


@pytest.mark.parametrize(
    "modality", [b'{"vr": "XX", "Value": {"a": 1}}', b'{"vr": "US", "Value": "x"}', b"{}"]
)
def test_what_is_told_of_an_instance_and_makes_no_sense_is_refused(server, modality):
    server.status = 200
    server.body = b'[{"00080018": {"Value": ["1.2"]}, "00080060": ' + modality + b"}]"
    asked = WebRemote(DicomWeb(place(server.url), TIMES))
    with pytest.raises(PeerRefused, match="cloud answers with nonsense"):
        asked.one(There("1", "2"), ("Modality",))
