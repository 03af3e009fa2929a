"""Whatever is asked, the answer is no bug of ours: hypothesis looks for a 500."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dicom_node.archive.objects import file_of, instance, series_uid, study_uid
from tests.dicom_node.web.asking import ROOT, bodied

ONE = instance("one", number=1)
UIDS = {"study": study_uid("one"), "series": series_uid("one"), "instance": ONE.SOPInstanceUID}
PATHS = (
    "/studies", "/series", "/instances", "/studies/{study}", "/studies/{study}/series",
    "/studies/{study}/instances", "/studies/{study}/metadata", "/studies/{study}/rendered",
    "/studies/{study}/series/{series}", "/studies/{study}/series/{series}/instances",
    "/studies/{study}/series/{series}/thumbnail",
    "/studies/{study}/series/{series}/instances/{instance}",
    "/studies/{study}/series/{series}/instances/{instance}/metadata",
    "/studies/{study}/series/{series}/instances/{instance}/rendered",
    "/studies/{study}/series/{series}/instances/{instance}/frames/{rest}",
    "/studies/{study}/series/{series}/instances/{instance}/frames/{rest}/rendered",
    "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{rest}", "/{rest}",
)  # fmt: skip
KEYS = (
    "limit", "offset", "fuzzymatching", "includefield", "accept", "PatientName", "PatientID",
    "StudyDate", "StudyTime", "ModalitiesInStudy", "StudyInstanceUID", "00100010", "7FE00010",
    "RequestAttributesSequence.ScheduledProcedureStepID", "viewport", "window", "quality",
    "charset",
)  # fmt: skip
VALUES = (
    "", "*", "?", "1", "-1", "0", "20260101-", "all", "true", "P1", "1,2", "9" * 40, "1.2.3",
    "image/png", "application/dicom+xml", "100,100,1,1,5,5", "40,400,linear", "Smith^*",
    "%", "\\", "7FE00010", "00081140/0/00081155",
)  # fmt: skip
ACCEPTS = (
    "*/*", "application/dicom+json", "application/dicom", "application/octet-stream", "image/jpeg",
    'multipart/related; type="application/dicom"; transfer-syntax=*', "image/png;q=0.1, */*;q=0",
    'multipart/related; type="application/octet-stream"', 'multipart/related; type="image/jp2"',
    "multipart/related; type", "text/html", ";;;", "a/b;q=x",
)  # fmt: skip
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
TEXT = st.sampled_from(VALUES) | ANY_TEXT
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


@st.composite
def addresses(draw) -> str:
    words = {
        name: uid if draw(st.integers(0, 3)) else draw(TEXT) for name, uid in UIDS.items()
    } | {"rest": draw(TEXT)}  # fmt: skip
    template = draw(st.sampled_from(PATHS))
    return ROOT + template.format(**{name: quote(one, safe="") for name, one in words.items()})


@st.composite
def bodies(draw) -> tuple[bytes, str]:
    """Return a body with its Content-Type: sound parts of which bytes are changed, or anything."""
    content = bytearray(file_of(ONE))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)))):
        content[at % len(content)] = value
    body, kind = bodied(bytes(content), draw(st.binary(max_size=200)))
    cut = draw(st.integers(0, len(body)))
    body = body if draw(st.booleans()) else body[:cut]
    return body, kind if draw(st.integers(0, 4)) else draw(PRINTABLE)


REQUESTS = st.tuples(
    st.sampled_from(("GET", "GET", "GET", "POST", "HEAD", "PUT", "DELETE")),
    addresses(),
    st.lists(st.tuples(st.sampled_from(KEYS) | TEXT, TEXT), max_size=3),
    st.sampled_from(ACCEPTS) | PRINTABLE,
    bodies(),
)
LIVELY = {"suppress_health_check": list(HealthCheck), "deadline": None}


def served(site, made) -> None:
    method, address, query, accept, (body, kind) = made
    headers = {**site.bearer("admin"), "Accept": accept}
    if method == "POST":
        headers["Content-Type"] = kind
    content = body if method == "POST" else None
    got = site.client.request(method, address, params=query, headers=headers, content=content)
    assert got.status_code < 500, got.text


@settings(max_examples=1000, **LIVELY)
@given(made=REQUESTS)
def test_no_request_finds_a_bug(library, made):
    served(library, made)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, **LIVELY)
@given(made=REQUESTS)
def test_twenty_thousand_requests_find_no_bug(library, made):
    served(library, made)
