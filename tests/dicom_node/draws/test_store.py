"""What is drawn lies apart, each object once, and nothing else is caught."""

import os
import time
from datetime import timedelta

import pytest

from dicom_node.archive import Received, Space
from dicom_node.draws import Drawn, DrawState
from dicom_node.errors import ArchiveFull, NotDicom, NotPossible
from dicom_node.probes import DRAW, LOOK
from dicom_node.values import Origin
from tests.support.mr import MrSeries, encoded

SERIES = MrSeries("drawn", slices=3, size=8)
PLACE = SERIES.study_uid, SERIES.series_uid
SYNTAX = "1.2.840.10008.1.2.1"
US = "SYNTHNODE", DRAW


@pytest.fixture
def drawn(database, tmp_path, clock) -> Drawn:
    return Drawn(database, tmp_path / "drawn", Space(tmp_path, 0), clock, "SYNTHNODE")


def objects(**said) -> list[Received]:
    found = SERIES.datasets()
    for ds in found:
        for word, value in said.items():
            setattr(ds, word, value)
    return [Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED) for ds in found]


def files(drawn: Drawn) -> list:
    return sorted(drawn.folder.rglob("*.dcm"))


def test_a_series_that_is_drawn_is_caught_and_is_files_when_it_is_whole(drawn):
    drawn.begin("pacs", *PLACE)
    assert all(drawn.caught("pacs", US, one) for one in objects())
    assert len(drawn.here("pacs", PLACE[1])) == 3
    assert (drawn.files("pacs", PLACE[0]), drawn.studies("pacs")) == ({}, [])
    drawn.end("pacs", *PLACE)
    (instances,) = drawn.files("pacs", PLACE[0]).values()
    assert [one.path.is_file() for one in instances] == [True] * 3
    assert drawn.studies("pacs") == [PLACE[0]]
    assert drawn.studies("other") == []


@pytest.mark.parametrize(
    ("peer", "originator"),
    [
        ("pacs", ("", 0)),  # sent on its own: it is to be archived
        ("pacs", ("OTHER", DRAW)),
        ("pacs", ("SYNTHNODE", LOOK)),
        ("pacs", ("SYNTHNODE", 1)),  # fetched for a rule
        ("other", US),
    ],
)
def test_what_comes_for_another_reason_is_not_caught(drawn, peer, originator):
    drawn.begin("pacs", *PLACE)
    assert not any(drawn.caught(peer, originator, one) for one in objects())
    assert files(drawn) == []


@pytest.mark.parametrize("state", [DrawState.HERE, DrawState.FAILED, DrawState.LOOKED_AT])
def test_what_a_pacs_sends_late_is_kept_apart_and_never_archived(drawn, state):
    """It may go on after nobody waits: archived, a rule would make a synthetic series of it."""
    if state is DrawState.LOOKED_AT:
        drawn.looked_at("pacs", *PLACE)
    else:
        drawn.end("pacs", *PLACE, "late" if state is DrawState.FAILED else None)
    assert all(drawn.caught("pacs", US, one) for one in objects())
    assert (drawn.state("pacs", PLACE[1]), len(files(drawn))) == (state, 3)
    assert not any(drawn.caught("pacs", ("SYNTHNODE", 0), one) for one in objects())


@pytest.mark.parametrize("known", [False, True])
def test_of_a_series_or_a_study_that_nobody_asked_for_it_is_dropped(drawn, known):
    # another series, or one of that name of another study
    drawn.begin("pacs", "1.2.3", PLACE[1] if known else "1.2.3.4")
    assert all(drawn.caught("pacs", US, one) for one in objects())
    assert files(drawn) == []


def test_a_title_alone_is_enough_while_a_series_is_being_drawn_and_no_longer(drawn, clock):
    by_title = "SYNTHNODE", 0
    drawn.begin("pacs", *PLACE)
    assert drawn.caught("pacs", by_title, objects()[0])
    with drawn.only_one("pacs"):  # who drew it was killed: the next one begins
        assert drawn.state("pacs", PLACE[1]) is DrawState.FAILED
    assert not drawn.caught("pacs", by_title, objects()[1])
    drawn.begin("pacs", *PLACE)
    drawn._now = lambda: clock() + timedelta(days=2)
    assert not drawn.caught("pacs", by_title, objects()[1])


def test_what_is_no_object_is_refused(drawn):
    drawn.begin("pacs", *PLACE)
    junk = Received(b"junk", SYNTAX, "PACS", Origin.RECEIVED)
    with pytest.raises(NotDicom):
        drawn.caught("pacs", US, junk)


def test_the_first_content_stays_unless_its_file_is_gone(drawn):
    for one in objects():
        drawn.keep("pacs", one)
    first = files(drawn)
    for one in objects(PatientName="Other^Name"):
        drawn.keep("pacs", one)
    assert files(drawn) == first
    first[0].unlink()
    assert len(drawn.here("pacs", PLACE[1])) == 2
    for one in objects(PatientName="Other^Name"):
        drawn.keep("pacs", one)
    assert len(drawn.here("pacs", PLACE[1])) == 3
    assert len(files(drawn)) == 3


def test_forgotten_it_is_gone_and_what_another_peer_gave_stays(drawn):
    for peer in ("pacs", "other"):
        drawn.begin(peer, *PLACE)
        for one in objects():
            drawn.keep(peer, one)
        drawn.end(peer, *PLACE)
    assert len(files(drawn)) == 6
    assert drawn.peers() == {"pacs", "other"}
    assert drawn.forget("pacs") == 3
    assert (drawn.state("pacs", PLACE[1]), len(files(drawn))) == (None, 3)
    assert drawn.is_whole("other", PLACE[1])
    assert drawn.forget("other") == 3
    assert [*drawn.folder.iterdir()] == []
    assert drawn.peers() == frozenset()


def test_a_file_that_no_row_names_is_swept_once_it_is_old(drawn, monkeypatch):
    for one in objects():
        drawn.keep("pacs", one)
    whole = files(drawn)
    orphan = whole[0].with_name("ab.dcm")
    orphan.write_bytes(b"left by who was killed")
    assert drawn.sweep("pacs") == 0
    long_ago = time.time() - 7200
    for path in (orphan, *whole):
        os.utime(path, (long_ago, long_ago))
    assert drawn.sweep("pacs") == 1
    assert files(drawn) == whole


def test_a_full_disk_is_said_and_nothing_is_kept(database, tmp_path, clock):
    full = Drawn(database, tmp_path / "drawn", Space(tmp_path, 2**62), clock, "SYNTHNODE")
    full.begin("pacs", *PLACE)
    with pytest.raises(ArchiveFull):
        full.caught("pacs", US, objects()[0])
    assert (files(full), full.here("pacs", PLACE[1])) == ([], frozenset())


def test_one_draws_from_a_peer_at_a_time(drawn):
    said = "another process draws from pacs"
    with drawn.only_one("pacs"), drawn.only_one("other"):  # noqa: SIM117 - the third is what fails
        with pytest.raises(NotPossible, match=said), drawn.only_one("pacs"):
            pass
    with drawn.only_one("pacs"):
        pass
