"""Whether the node is well, and its figures as Prometheus reads them."""

import re
from dataclasses import replace
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.web import Check, Figure
from dicom_node.web.health import exposition, routes


def test_it_is_ready_when_every_check_is_well(sqlite_site):
    sqlite_site.checks = [Check("database", True, "answers"), Check("disk", True, "12 GB free")]
    found = sqlite_site.client.get("/health/ready")
    assert (found.status_code, found.json()["status"]) == (200, "ready")
    sqlite_site.checks.append(Check("listener", False, "not seen for 40 s"))
    found = sqlite_site.client.get("/health/ready")
    assert (found.status_code, found.json()["status"]) == (503, "not ready")
    assert found.json()["checks"]["listener"] == {"ok": False, "text": "not seen for 40 s"}
    assert sqlite_site.client.get("/health/live").status_code == 200


def test_a_database_that_hangs_is_told_within_seconds_and_asked_once(sqlite_site, monkeypatch):
    monkeypatch.setattr(routes, "_READY_S", 0.2)
    goes_on, asked = Event(), []

    def hanging():
        asked.append(1)
        goes_on.wait(60)
        return [Check("database", True, "it answers")]

    sqlite_site.app.state.services = replace(sqlite_site.services, checks=hanging)
    with sqlite_site.client as client:
        for _ in range(3):
            found = client.get("/health/ready")
            assert found.status_code == 503
            assert "does not answer in 0.2 s" in found.json()["checks"]["database"]["text"]
        assert len(asked) == 1
        goes_on.set()
        assert client.get("/health/ready").status_code == 200


def test_figures_are_text_with_help_and_kind(sqlite_site):
    labels = (("destination", 'pa"cs\\\n'), ("state", "waiting"))
    sqlite_site.figures = [
        Figure("deliveries", "gauge", "Deliveries by state.", [(labels, 3), ((), 0.25)]),
        Figure("sent_instances_total", "counter", "Instances sent.", []),
    ]
    found = sqlite_site.client.get("/metrics", headers=sqlite_site.bearer("metrics"))
    assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert found.text == (
        "# HELP dicom_node_deliveries Deliveries by state.\n"
        "# TYPE dicom_node_deliveries gauge\n"
        'dicom_node_deliveries{destination="pa\\"cs\\\\\\n",state="waiting"} 3\n'
        "dicom_node_deliveries 0.25\n"
        "# HELP dicom_node_sent_instances_total Instances sent.\n"
        "# TYPE dicom_node_sent_instances_total counter\n"
    )


LINE = re.compile(
    r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})? (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?)'
)


@given(st.text(max_size=20), st.floats())
def test_no_label_and_no_number_breaks_a_line(text, value):
    lines = exposition([Figure("x", "gauge", "Help.", [((("a", text),), value)])]).split("\n")
    assert len(lines) == 4
    assert LINE.fullmatch(lines[2]), lines[2]


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.0, "1"), (0.1, "0.1"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"), (1e300, None)],
)
def test_a_number_is_written_as_it_is(value, written):
    line = exposition([Figure("x", "gauge", "Help.", [((), value)])]).splitlines()[2]
    assert float(line.split()[1].replace("Inf", "inf")) == value
    assert written is None or line.endswith(f" {written}")
