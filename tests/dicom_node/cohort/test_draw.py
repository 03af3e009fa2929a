"""When a PACS is asked, how much at once, and what is not pulled; see tests/flow/test_draw.py."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from pydicom.dataset import Dataset

from dicom_node.archive import Space
from dicom_node.cohort import Clock, Drawing, read_cohort
from dicom_node.cohort.hours import until_open
from dicom_node.draws import Drawn, DrawState
from dicom_node.errors import NotPossible, PeerAway, PeerRefused
from dicom_node.remote import Place, StudyThere
from dicom_node.scu import SeriesThere
from dicom_node.series import TELLING, OwnIdentity
from tests.support.mr import MrSeries, acquired_ct, part10
from tests.support.sqlite import prepared

FILE = """name = "heads"
task = "ct_from_mr"
archive = "pacs"
[between]
first = 2026-01-01
last = 2026-01-31
"""
DAY = datetime(2026, 3, 2, 12, 0)  # noqa: DTZ001 - local time is what is asked for


class Pacs:
    """An archive in memory that counts what it is asked; ``most`` studies fit in an answer."""

    name, together = "pacs", 2

    def __init__(self, people: int = 2, most: int = 100, tells: bool = True) -> None:
        self.objects, self.most, self.tells = {}, most, tells
        self.asked: list[tuple] = []
        self.brought: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.instead: dict[str, str] = {}
        for number in range(people):
            mr = MrSeries(f"p{number}", slices=3, size=8, patient_id=f"P{number}")
            for ds in (*mr.datasets(), *acquired_ct(mr)):
                ds.StudyDate = f"202601{number + 1:02d}"
                self.objects[ds.SOPInstanceUID] = ds

    def of(self, **said) -> list[Dataset]:
        return [
            ds for ds in self.objects.values() if all(ds[k].value == v for k, v in said.items())
        ]

    def studies(self, first, last):
        self.asked.append(("studies", first, last))
        found = {
            ds.StudyInstanceUID: StudyThere(ds.StudyInstanceUID, ds.PatientID)
            for ds in self.objects.values()
            if f"{first:%Y%m%d}" <= ds.StudyDate <= f"{last:%Y%m%d}"
        }
        if len(found) > self.most:
            raise PeerRefused("pacs gave status 0xA700 to a query at level STUDY")
        return tuple(found.values())

    def series(self, study_uid):
        found = {ds.SeriesInstanceUID: ds for ds in self.of(StudyInstanceUID=study_uid)}
        return tuple(
            SeriesThere("pacs", uid, ds.Modality, ds.SeriesDescription, 3)
            for uid, ds in found.items()
        )

    def one(self, place: Place, keywords):
        assert keywords == TELLING
        return self.of(SeriesInstanceUID=place.series_uid)[0] if self.tells else Dataset()

    def images(self, place):
        return frozenset(ds.SOPInstanceUID for ds in self.of(SeriesInstanceUID=place.series_uid))

    def bring(self, place, uids, keep, limit_s):
        assert limit_s == 600
        assert len(uids) <= self.together
        for uid in uids:
            if uid in self.broken:
                raise self.broken[uid]
            self.brought.append(uid)
            keep(uid, part10(self.objects[self.instead.get(uid, uid)]))
        return len(uids)


@pytest.fixture
def drawn(tmp_path) -> Drawn:
    database = prepared(tmp_path)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Drawn(database, tmp_path / "drawn", Space(tmp_path, 0), lambda: now, "SYNTHNODE")


@pytest.fixture
def run(tmp_path, drawn):
    def go(pacs: Pacs, more: str = "", clock: Clock | None = None):
        path = tmp_path / "heads.toml"
        path.write_text(FILE + more)
        clock = clock or Clock(lambda: DAY, lambda _: None)
        wanted = ("T1",), "CT"
        return Drawing(pacs, drawn, read_cohort(path), wanted, OwnIdentity(), clock).run()

    return go


def test_where_a_pacs_refuses_so_many_it_is_asked_for_half_of_the_days_at_a_time(run):
    pacs = Pacs(people=5, most=2)
    drew = run(pacs)
    assert (drew.studies, drew.series, drew.objects) == (5, 10, 30)
    days = [(first, last) for _, first, last in pacs.asked]
    assert days[:2] == [
        (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 1, 1), date(2026, 1, 16)),
    ]  # fmt: skip


def test_a_single_day_that_is_refused_is_said(run):
    pacs = Pacs(people=3, most=2)
    for ds in pacs.objects.values():
        ds.StudyDate = "20260105"
    with pytest.raises(PeerRefused, match="0xA700"):
        run(pacs)


@pytest.mark.parametrize("tells", [True, False])
def test_what_has_no_partner_is_not_pulled_but_for_one_object_that_tells(run, tells):
    pacs = Pacs(people=2, tells=tells)
    alone = [ds for ds in pacs.of(PatientID="P1") if ds.Modality == "CT"]
    for ds in alone:
        del pacs.objects[ds.SOPInstanceUID]
    drew = run(pacs)
    assert (drew.series, drew.objects) == (2, 6 if tells else 7)
    assert sorted(pacs.brought) == sorted({*pacs.brought})
    assert dict(drew.left) == {"NO_PARTNER": 1}
    pulled = len(pacs.brought)
    assert (run(pacs).before, len(pacs.brought)) == (2, pulled)  # what tells is here by now


@pytest.mark.parametrize(
    ("more", "left", "series"),
    [
        ('[exclude]\npatients = ["P0"]', {}, 2),
        ('[exclude]\nwords = ["mprage"]', {"EXCLUDED": 2, "NO_PARTNER": 2}, 0),
    ],
)
def test_what_is_excluded_is_not_pulled(run, more, left, series):
    pacs = Pacs(people=2)
    drew = run(pacs, more)
    assert (dict(drew.left), drew.series, len(pacs.brought)) == (left, series, 3 * series)


def test_a_series_that_is_refused_is_told_and_the_others_come(run, drawn):
    pacs = Pacs(people=2)
    bad = pacs.of(PatientID="P0", Modality="CT")[1]
    pacs.broken[bad.SOPInstanceUID] = PeerRefused("pacs answered C-MOVE with 0xA702")
    drew = run(pacs)
    assert drew.failed == [(bad.SeriesInstanceUID, "pacs answered C-MOVE with 0xA702")]
    assert drew.series == 3
    assert drawn.state("pacs", bad.SeriesInstanceUID) is DrawState.FAILED
    pacs.broken.clear()
    again = run(pacs)
    assert (again.series, again.before, again.failed) == (1, 3, [])
    assert len(pacs.brought) == len({*pacs.brought})


def test_a_pacs_that_goes_away_ends_the_run_and_what_came_stays(run):
    pacs = Pacs(people=2)
    last = sorted(pacs.objects)[-1]
    pacs.broken[last] = PeerAway("pacs does not answer")
    with pytest.raises(PeerAway):
        run(pacs)
    pacs.broken.clear()
    run(pacs)
    assert len(pacs.brought) == len({*pacs.brought}) == len(pacs.objects)


def test_what_a_restore_has_not_brought_back_is_drawn_again_and_only_that(run, drawn):
    pacs = Pacs(people=1)
    run(pacs)
    gone = sorted(drawn.folder.rglob("*.dcm"))[:2]
    for path in gone:
        path.unlink()
    drew = run(pacs)
    assert (drew.objects, len(pacs.brought)) == (2, len(pacs.objects) + 2)
    assert all(path.is_file() for path in gone)


def test_objects_that_are_sent_to_somebody_else_end_the_run_with_what_to_do(run):
    pacs = Pacs()
    pacs.bring = lambda _place, uids, _keep, _limit_s: len(uids)
    with pytest.raises(NotPossible, match=r"none came that names us as who moves .*DICOMweb"):
        run(pacs)


def test_objects_that_do_not_come_are_counted(run):
    pacs = Pacs(people=1)
    real = pacs.bring
    pacs.bring = lambda place, uids, keep, limit_s: real(place, uids[:1], keep, limit_s)
    drew = run(pacs)
    assert [why for _, why in drew.failed] == ["1 of 3 objects did not come"] * 2


def test_another_object_than_the_one_that_was_asked_for_is_refused(run, drawn):
    pacs = Pacs(people=2)
    asked = pacs.of(PatientID="P1", Modality="CT")[1]
    foreign = pacs.of(PatientID="P0", Modality="CT")[0]
    pacs.instead[asked.SOPInstanceUID] = foreign.SOPInstanceUID
    drew = run(pacs)
    said = "pacs retrieves another object than the one that was asked for"
    assert drew.failed == [(asked.SeriesInstanceUID, said)]
    assert len(drawn.here("pacs", foreign.SeriesInstanceUID)) == 3
    assert len(drawn.files("pacs", foreign.StudyInstanceUID)) == 2


@pytest.mark.parametrize("listed", [0, 2])
def test_a_series_that_is_listed_shorter_than_it_is_counted_is_not_whole(run, drawn, listed):
    pacs = Pacs(people=1)
    real = pacs.images
    pacs.images = lambda place: frozenset(sorted(real(place))[:listed])
    drew = run(pacs)
    assert (drew.series, drew.objects) == (0, 0)
    assert [why for _, why in drew.failed] == [f"it lists {listed} objects of 3"] * 2
    assert drawn.studies("pacs") == []


def test_what_came_and_is_listed_no_more_is_said(run):
    pacs = Pacs(people=1, tells=False)
    real, asked = pacs.images, []

    def images(place):
        asked.append(place)
        found = sorted(real(place))
        return frozenset(found if len(asked) <= 2 else [*found[:1], *found[2:], "1.2.3"])

    pacs.images = images
    said = "it lists 3 objects, and 1 that came before are not among them"
    assert [why for _, why in run(pacs).failed] == [said] * 2


@pytest.mark.parametrize("method", ["series", "one", "images"])
def test_one_study_or_series_that_is_refused_stops_nothing_else(run, method):
    pacs = Pacs(people=3)
    bad = pacs.of(PatientID="P1")[0]
    real = getattr(pacs, method)

    def refusing(place, *rest):
        uid = place if method == "series" else place.series_uid
        if uid in (bad.StudyInstanceUID, bad.SeriesInstanceUID):
            raise PeerRefused("pacs gave an answer that cannot be decoded")
        return real(place, *rest)

    setattr(pacs, method, refusing)
    drew = run(pacs)
    assert [why for _, why in drew.failed] == ["pacs gave an answer that cannot be decoded"]
    assert drew.series == 4 + (method == "images")


def test_an_archive_that_refuses_everything_ends_the_run(run):
    pacs = Pacs(people=25)

    def refuse(_uid):
        raise PeerRefused("pacs gave status 0xC000")

    pacs.series = refuse
    with pytest.raises(PeerRefused, match=r"pacs refused 20 in a row, last: .*0xC000"):
        run(pacs)


@pytest.mark.parametrize("uid", ["", "1.2.3\\1.2.4", "*", "1.2.\0", "1" * 65])
def test_what_is_listed_without_a_uid_is_asked_for_nothing(run, uid):
    pacs = Pacs(people=1)
    real = pacs.series
    pacs.series = lambda study: (*real(study), SeriesThere("pacs", uid, "MR", "x", 3))
    drew = run(pacs)
    assert drew.failed == [("", "pacs lists something without a valid UID")]
    assert drew.series == 2


def test_studies_without_a_patient_id_are_not_one_person(run):
    pacs = Pacs(people=2)
    for ds in list(pacs.objects.values()):
        if (ds.PatientID, ds.Modality) in (("P0", "CT"), ("P1", "MR")):
            del pacs.objects[ds.SOPInstanceUID]
        ds.PatientID = ""
    drew = run(pacs)
    assert (drew.series, dict(drew.left), pacs.brought) == (0, {"NO_PARTNER": 2}, [])


@pytest.mark.parametrize(
    ("at", "hours", "wait_h"),
    [
        (12, (20, 6), 8), (23, (20, 6), 0), (3, (20, 6), 0), (6, (20, 6), 14),
        (12, (8, 18), 0), (19, (8, 18), 13), (8, (8, 18), 0), (18, (8, 18), 14),
    ],
)  # fmt: skip
def test_the_hours_may_go_over_midnight(at, hours, wait_h):
    first, last = (time(hour) for hour in hours)
    assert until_open((first, last), DAY.replace(hour=at)) == wait_h * 3600


def test_it_waits_until_a_pacs_may_be_asked_and_between_questions(run):
    slept, told, asked_at = [], [], []
    now = [DAY]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += timedelta(seconds=seconds)

    pacs = Pacs(people=1)
    real = pacs.series
    pacs.series = lambda uid: asked_at.append(now[0]) or real(uid)
    more = '[draw]\nhours = ["20:00", "06:00"]\npause_s = 2.5'
    run(pacs, more, Clock(lambda: now[0], sleep, told.append))
    assert asked_at[0] == DAY.replace(hour=20) + timedelta(seconds=5)  # after two pauses
    assert max(slept) == 60
    assert told == ["pacs is drawn from at 20:00 again"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[draw]\nhours = ["06:00", "06:00"]', "hours begin and end at 06:00"),
        ("[draw]\npause_s = -1", "draw.pause_s"),
        ('[draw]\nhours = ["20", "late"]', "draw.hours.1 = 'late'"),
        ('[draw]\nhours = ["20:00Z", "06:00"]', "a local time is wanted, without a zone"),
    ],
)
def test_a_draw_that_cannot_be_meant_is_said(run, more, said):
    with pytest.raises(Exception, match=said):
        run(Pacs(), more)
