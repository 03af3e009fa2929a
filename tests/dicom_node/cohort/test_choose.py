"""Pairs of one person, as near in time as there are; everything else is left out with a reason."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from dicom_node.cohort import Cohort, Exclude, Person, Scanners, Why, choose
from dicom_node.cohort.spec import Between
from engine.reason import Code, Reason
from tests.dicom_node.cohort.series import BORN, a_series

DAY = date(2026, 1, 1)
COHORT = Cohort(name="head", task="ct_from_mr")
FAULT = Reason(Code.GEOM_GAP, "a slice is missing")


def chosen(series, cohort=COHORT, needs=("T1",), makes="CT"):
    return choose(cohort, needs, makes, series)


def left(choice) -> dict[str, Why]:
    return {one.series_uid: one.why for one in choice.left}


def uids(choice) -> list[tuple[str, str]]:
    return [(pair.sources[0].series_uid, pair.target.series_uid) for pair in choice.pairs]


def test_source_and_target_of_one_study_are_a_pair():
    t1, ct = a_series("T1"), a_series("CT")
    found = chosen([t1, ct])
    assert uids(found) == [(t1.series_uid, ct.series_uid)]
    assert found.left == ()
    assert (found.pairs[0].person, found.pairs[0].days_apart) == (Person("P1"), 0)
    assert found.pairs[0].one_frame


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"synthetic": True}, Why.SYNTHETIC),
        ({"label": "T2"}, Why.NOT_ASKED),
        ({"person": None}, Why.PERSON_UNKNOWN),
        ({"reasons": (FAULT,)}, Why.UNSOUND),
        ({"unfit": (FAULT,)}, Why.UNFIT),
        ({"contrast_agent": True}, Why.CONTRAST_AGENT),
        ({"made_on": None}, Why.DATE),
        ({"made_on": date(2019, 12, 31)}, Why.DATE),
        ({"manufacturer": "philips"}, Why.SCANNER),
        ({"manufacturer": ""}, Why.SCANNER),
        ({"field_strength_t": 0.5}, Why.SCANNER),
        ({"field_strength_t": None}, Why.SCANNER),
        ({"said": "head phantom"}, Why.EXCLUDED),
        ({"study_uid": "1.2.3"}, Why.EXCLUDED),
        ({"person": Person("P9")}, Why.EXCLUDED),
    ],
)
def test_each_reason_to_leave_a_source_out(change, why):
    cohort = Cohort(
        name="head",
        task="ct_from_mr",
        between=Between(first=date(2020, 1, 1)),
        scanners=Scanners(manufacturers=("Siemens",), field_strength_t=(1.4, 3.1)),
        exclude=Exclude(patients=("P9",), studies=("1.2.3",), words=("Phantom",)),
    )
    sound = a_series("T1")
    assert uids(chosen([sound, a_series("CT")], cohort)), "the rest of it is sound"
    one = replace(a_series("T1", series_uid="1.7"), **change)
    found = chosen([one, a_series("CT")], cohort)
    assert left(found)["1.7"] is why
    assert found.pairs == ()


def test_what_a_model_must_not_be_given_may_be_its_target():
    """A contract speaks of sources: a CT is no T1, and needs not be one."""
    ct = a_series("CT", unfit=(FAULT,))
    assert len(chosen([a_series("T1"), ct]).pairs) == 1


def test_a_synthetic_ct_is_no_truth_even_when_there_is_no_other():
    found = chosen([a_series("T1"), a_series("CT", synthetic=True)])
    assert found.pairs == ()
    assert sorted(left(found).values()) == [Why.NO_PARTNER, Why.SYNTHETIC]


def test_another_person_of_the_same_name_is_no_partner():
    same = {"PatientName": "Smith^Ann", **BORN}
    t1 = a_series("T1", marks={"PatientID": "P1", **same})
    ct = a_series("CT", "P2", marks={"PatientID": "P2", **same})
    found = chosen([t1, ct])
    assert found.pairs == ()
    assert set(left(found).values()) == {Why.NO_PARTNER}


def test_an_issuer_makes_another_person_of_the_same_number():
    ct = a_series("CT", person=Person("P1", "elsewhere"))
    assert chosen([a_series("T1"), ct]).pairs == ()


@pytest.mark.parametrize(
    "mark", [{"PatientBirthDate": "19710101"}, {"PatientSex": "M"}, {"PatientName": "Jones^Tom"}]
)
def test_one_number_with_two_people_under_it_is_left_out_whole(mark):
    t1 = a_series("T1")
    ct = a_series("CT", marks={**t1.marks, **mark})
    found = chosen([t1, ct, a_series("T1", "P2"), a_series("CT", "P2")])
    assert [pair.person for pair in found.pairs] == [Person("P2")]
    assert set(left(found).values()) == {Why.PERSON_IN_DOUBT}
    assert not any("Jones" in one.text or "1971" in one.text for one in found.left)


def test_the_nearest_target_in_time_is_taken_and_no_target_twice():
    first, second = a_series("T1"), a_series("T1", day=DAY + timedelta(days=20))
    near = a_series("CT", day=DAY + timedelta(days=3))
    found = chosen([first, second, near])
    assert uids(found) == [(first.series_uid, near.series_uid)]
    assert left(found) == {second.series_uid: Why.SPARE}
    late = a_series("CT", day=DAY + timedelta(days=19))
    found = chosen([first, second, near, late])
    assert uids(found) == [
        (first.series_uid, near.series_uid),
        (second.series_uid, late.series_uid),
    ]


@pytest.mark.parametrize(("days", "pairs"), [(30, 1), (31, 0)])
def test_a_pair_lies_no_further_apart_than_is_said(days, pairs):
    found = chosen([a_series("T1"), a_series("CT", day=DAY + timedelta(days=days))])
    assert len(found.pairs) == pairs
    if not pairs:
        assert set(left(found).values()) == {Why.TOO_FAR_APART}
        assert f"{days} days away" in found.left[0].text


def test_of_one_day_the_same_frame_of_reference_then_the_most_slices():
    t1 = a_series("T1")
    other = a_series("CT", series_uid="1.1", frame_of_reference="1.8", slices=90)
    few, many = a_series("CT", series_uid="1.2"), a_series("CT", series_uid="1.3", slices=60)
    found = chosen([t1, other, few, many])
    assert uids(found) == [(t1.series_uid, "1.3")]
    assert left(found) == {"1.1": Why.SPARE, "1.2": Why.SPARE}


def test_all_sources_are_of_one_study():
    needs, makes = ("T1", "T2"), "FLAIR"
    whole = [a_series(label) for label in (*needs, makes)]
    found = chosen(whole, needs=needs, makes=makes)
    assert [one.label for one in found.pairs[0].sources] == ["T1", "T2"]
    apart = [whole[0], a_series("T2", day=DAY + timedelta(days=1)), whole[2]]
    found = chosen(apart, needs=needs, makes=makes)
    assert found.pairs == ()
    assert set(left(found).values()) == {Why.NO_PARTNER}


def test_every_series_is_taken_or_left_once_and_order_has_no_part():
    dice = random.Random(4)
    series = [
        a_series(
            dice.choice(["T1", "CT", "T2"]),
            f"P{dice.randrange(12)}",
            DAY + timedelta(days=dice.randrange(90)),
            series_uid=f"1.{number}",
            synthetic=dice.random() < 0.1,
        )
        for number in range(300)
    ]
    found = chosen(series)
    taken = [one.series_uid for pair in found.pairs for one in (*pair.sources, pair.target)]
    assert len(found.pairs) > 10
    assert sorted([*taken, *left(found)]) == sorted(one.series_uid for one in series)
    assert len(set(taken)) == len(taken)
    for _ in range(3):
        dice.shuffle(series)
        again = chosen(series)
        assert (uids(again), again.left) == (uids(found), found.left)
