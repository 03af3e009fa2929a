"""A series asked for over HTTP: who asks is the token, what is wrong is said in codes."""

import json

import pytest

from dicom_node.jobs import Request

ADDRESS = "/requests"
ASKED = {"study_uid": "1.2.3", "task": "ct_from_mr"}
JOB = {"id": 1, "state": "waiting", "series_uids": []}


def granted(**values) -> dict:
    return {**ASKED, "granted": True, "new": True, "job": JOB, "reasons": []} | values


def refused(*codes: str) -> dict:
    reasons = [{"code": code, "text": f"it is {code}"} for code in codes]
    return granted(granted=False, new=False, job=None, reasons=reasons)


def post(site, body, kind="application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": kind, **site.bearer("request")}
    return site.client.post(ADDRESS, content=content, headers=headers)


@pytest.mark.parametrize(("new", "status"), [(True, 201), (False, 200)])
def test_what_is_granted_is_told_and_whether_it_is_new(sqlite_site, new, status):
    sqlite_site.told = granted(new=new)
    found = post(sqlite_site, {**ASKED, "destinations": ["pacs", "share"]})
    assert (found.status_code, found.json()) == (status, granted(new=new))
    assert sqlite_site.asked == [
        Request("1.2.3", "ct_from_mr", "viewer", "http", ("pacs", "share"))
    ]


def test_who_names_no_destination_leaves_it_to_the_rules(sqlite_site):
    sqlite_site.told = granted()
    post(sqlite_site, ASKED)
    assert sqlite_site.asked[0].destinations == ()


@pytest.mark.parametrize(
    ("codes", "status"),
    [(("STUDY_UNKNOWN",), 404), (("NOT_MISSING",), 409), (("TASK_UNKNOWN", "STUDY_UNKNOWN"), 404)],
)
def test_what_is_refused_is_a_problem_with_its_codes(sqlite_site, codes, status):
    sqlite_site.told = refused(*codes)
    found = post(sqlite_site, ASKED)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    body = found.json()
    assert [one["code"] for one in body["reasons"]] == list(codes)
    assert (body["status"], body["granted"]) == (status, False)
    assert body["detail"].startswith(f"{codes[0]}: it is {codes[0]}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the request: invalid JSON"),
        (b"[" * 60_000, "the request: invalid JSON"),
        (b"\xff\xfe", "the request: invalid JSON"),
        ([], "the request: "),
        ({"task": "t"}, "study_uid: field required"),
        ({**ASKED, "study_uid": "../../etc/passwd"}, "study_uid: "),
        ({**ASKED, "study_uid": 1.2}, "study_uid: "),
        ({**ASKED, "task": "a\x00b"}, "task: "),
        ({**ASKED, "task": ""}, "task: "),
        ({**ASKED, "task": "t" * 65}, "task: "),
        ({**ASKED, "destinations": "pacs"}, "destinations: "),
        ({**ASKED, "destinations": ["pa cs"]}, "destinations: "),
        ({**ASKED, "destinations": ["pacs"] * 101}, "destinations: "),
        ({**ASKED, "Geheim": 1}, "the request: extra inputs are not permitted"),
    ],
)
def test_what_is_no_request_is_said_with_what_is_wanted(sqlite_site, body, said):
    found = post(sqlite_site, body)
    assert found.status_code == 400
    detail = found.json()["detail"]
    assert detail.startswith(said), detail
    assert '; wanted is {"study_uid": "…"' in detail
    assert not any(word in detail for word in ("Geheim", "passwd", "pa cs"))
    assert sqlite_site.asked == []


def test_a_request_that_is_too_large_is_not_read(sqlite_site):
    found = post(sqlite_site, b" " * 65_537)
    assert (found.status_code, sqlite_site.asked) == (413, [])


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_json_is_not_taken(sqlite_site, kind):
    """A page of a stranger makes a browser send these without asking; JSON it does not."""
    found = post(sqlite_site, ASKED, kind)
    assert (found.status_code, sqlite_site.asked) == (415, [])


def test_asking_is_a_right_of_its_own(sqlite_site):
    for scope in ("read", "write", "metrics"):
        headers = {"Content-Type": "application/json", **sqlite_site.bearer(scope)}
        assert sqlite_site.client.post(ADDRESS, json=ASKED, headers=headers).status_code == 403
    assert sqlite_site.client.post(ADDRESS, json=ASKED).status_code == 401
    assert sqlite_site.asked == []
    sqlite_site.told = granted()
    headers = sqlite_site.bearer("admin")
    assert sqlite_site.client.post(ADDRESS, json=ASKED, headers=headers).status_code == 201
