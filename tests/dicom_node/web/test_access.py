"""Who may do what: a token for it, or a program of this machine where that was said."""

import json

import pytest
from starlette.testclient import TestClient

from dicom_node.db import InstanceRow
from dicom_node.settings import Web
from dicom_node.tokens import Tokens
from tests.dicom_node.archive.objects import file_of, instance
from tests.dicom_node.web.asking import ROOT, bodied

DOORS = {
    "read": [("GET", "/studies"), ("GET", "/studies/1.2/metadata"), ("GET", "/instances"),
             ("GET", "/studies/1.2/series/1.3/instances/1.4/frames/1")],
    "write": [("POST", "/studies"), ("POST", "/studies/1.2")],
}  # fmt: skip
EVERY = [(scope, *door) for scope, doors in DOORS.items() for door in doors]


def ask(site, method: str, path: str, headers: dict[str, str]):
    content, kind = bodied(instance())
    sent = {"Content-Type": kind, **headers} if method == "POST" else headers
    return site.client.request(
        method, ROOT + path, headers=sent, content=content if method == "POST" else None
    )


@pytest.mark.parametrize(("scope", "method", "path"), EVERY)
def test_every_door_wants_its_own_key(sqlite_site, scope, method, path):
    for key in ("read", "write", "metrics", "admin"):
        found = ask(sqlite_site, method, path, sqlite_site.bearer(key))
        if key in (scope, "admin"):
            assert found.status_code not in (401, 403), key
        else:
            assert found.status_code == 403
            challenge = found.headers["www-authenticate"]
            assert challenge.startswith('Bearer realm="dicom-node", error="insufficient_scope"')
            assert f'scope="{scope}"' in challenge
    found = ask(sqlite_site, method, path, {})
    assert found.status_code == 401
    assert found.headers["www-authenticate"] == 'Bearer realm="dicom-node"'
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "sent",
    ["Bearer", "Bearer ", "Bearer x", "Basic dXNlcjpwYXNz", "Bearer dnt_000000000000_" + "A" * 43,
     "Bearer " + "x" * 10_000, "bearer ä".encode("latin-1"), "Token x"],
)  # fmt: skip
def test_what_is_no_token_opens_nothing(sqlite_site, sent):
    sqlite_site.token("admin")
    found = sqlite_site.client.get(ROOT + "/studies", headers={"Authorization": sent})
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith('Bearer realm="dicom-node"')
    assert found.json()["status"] == 401


def test_a_token_that_is_over_opens_nothing(sqlite_site):
    for text in (sqlite_site.token("read", days=-1), _revoked(sqlite_site)):
        found = sqlite_site.client.get(
            ROOT + "/studies", headers={"Authorization": f"Bearer {text}"}
        )
        assert found.status_code == 401
        assert 'error="invalid_token"' in found.headers["www-authenticate"]
        assert text.split("_", 2)[2] not in found.text


def _revoked(site) -> str:
    text = site.token("read")
    with site.store.database.transaction() as session:
        Tokens(session).revoke(text.split("_")[1], site.store.now)
    return text


def test_two_tokens_are_one_too_many(sqlite_site):
    headers = [("Authorization", sqlite_site.bearer("read")["Authorization"])] * 2
    found = sqlite_site.client.get(ROOT + "/studies", headers=headers)
    assert found.status_code == 400
    assert 'error="invalid_request"' in found.headers["www-authenticate"]


def test_a_token_has_no_place_in_an_address(sqlite_site):
    text = sqlite_site.token("read")
    found = sqlite_site.client.get(ROOT + "/studies", params={"access_token": text})
    assert found.status_code == 401


def test_an_instance_that_was_refused_for_want_of_a_token_is_not_kept(sqlite_site):
    ask(sqlite_site, "POST", "/studies", sqlite_site.bearer("read"))
    assert not sqlite_site.store.on_disk()


def loopback(site, host: str = "127.0.0.1:8080", client: str = "127.0.0.1", **headers: str):
    caller = TestClient(site.app, base_url=f"http://{host}", client=(client, 50_000))
    return caller.get(ROOT + "/studies", headers=headers).status_code


def test_programs_of_this_machine_need_no_token_where_that_was_said(sqlite_site):
    assert loopback(sqlite_site) == 401
    sqlite_site.limit(Web(loopback_without_token=True))
    assert loopback(sqlite_site) == 204
    assert loopback(sqlite_site, host="localhost:8080") == 204
    assert loopback(sqlite_site, host="[::1]:8080", client="::1") == 204


@pytest.mark.parametrize(
    "other",
    [{"client": "10.0.0.7"}, {"client": "testclient"}, {"host": "rebound.example.org"},
     {"host": "127.0.0.1.example.org"}, {"X-Forwarded-For": "10.0.0.7"}, {"Forwarded": "for=a"},
     {"Via": "1.1 proxy"}, {"Authorization": "Bearer x"}],
)  # fmt: skip
def test_who_calls_from_elsewhere_or_for_others_needs_one_all_the_same(sqlite_site, other):
    sqlite_site.limit(Web(loopback_without_token=True))
    assert loopback(sqlite_site, **other) == 401


def test_what_such_a_program_sends_is_kept_under_its_name(sqlite_site):
    sqlite_site.limit(Web(loopback_without_token=True))
    caller = TestClient(sqlite_site.app, base_url="http://127.0.0.1", client=("127.0.0.1", 5))
    headers = {"Content-Type": "application/dicom"}
    answer = caller.post(ROOT + "/studies", content=file_of(instance()), headers=headers)
    assert answer.status_code == 200
    assert sqlite_site.store.row(InstanceRow).sender == "web:loopback"


def test_no_refusal_tells_what_the_log_tells(sqlite_site, capsys):
    text = sqlite_site.token("write")
    sqlite_site.client.get(ROOT + "/studies", headers={"Authorization": f"Bearer {text}"})
    told = capsys.readouterr()
    logged = told.out + told.err
    assert "lacks scope read" in logged
    assert text.split("_", 2)[2] not in logged


def test_whether_it_lives_is_told_to_anyone_and_figures_are_not(sqlite_site):
    assert json.loads(sqlite_site.client.get("/health/live").text) == {"status": "live"}
    assert sqlite_site.client.get("/health/ready").status_code == 200
    assert sqlite_site.client.get("/metrics").status_code == 401
    for scope, status in (("read", 403), ("metrics", 200), ("admin", 200)):
        found = sqlite_site.client.get("/metrics", headers=sqlite_site.bearer(scope))
        assert found.status_code == status


def test_a_token_that_is_no_good_is_told_the_audit_trail_and_one_that_is_is_not(
    sqlite_site, tmp_path
):
    trail = sqlite_site.audited(tmp_path)
    wrong = {"Authorization": "Bearer dnt_000000000000_" + "A" * 43}
    basic = {"Authorization": "Basic dXNlcjpwYXNz"}
    for headers in (sqlite_site.bearer("read"), wrong, basic, sqlite_site.bearer("metrics")):
        sqlite_site.client.get(ROOT + "/studies", headers=headers)
    told = trail.told("Security Alert")
    assert [one.kind for one in told] == ["Node Authentication"] * 3
    nobody, other, lacking = (one.details["Alert Description"] for one in told)
    assert nobody.startswith("token refused: nobody has this token")
    assert other == "token refused: no bearer token"
    assert "(viewer) lacks scope read" in lacking
    assert not [one for one in trail.told() if "A" * 43 in one.xml or "dXNlcj" in one.xml]
