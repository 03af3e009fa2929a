"""Persons of a cohort are dealt out by salt and pseudonym alone, once and for good."""

import json
from dataclasses import replace

import pytest

from tests.train.toys import toy_pair
from train.config import Cohort
from train.data import DEALT, deal, person_number, read_index
from train.errors import DataInvalid
from train.pair import Pair, write_pair

COHORT = Cohort("head", ("T1",), "CT", salt="of this site", held_out=0.3, watched=0.2)


def put(folder, person: str, **about) -> None:
    pair = toy_pair(1)
    said = {**pair.about, "person": person, "subject": person_number(person), **about}
    write_pair(folder, Pair(pair.sources, pair.target, pair.body, pair.tissue, said))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(40):
        put(folder, f"P{number}", pixels=[f"of {number}"])
    return folder


def test_the_same_persons_are_dealt_alike_and_everybody_once(people):
    entries = read_index(people)
    split = deal(entries, COHORT, people)
    assert deal(tuple(reversed(entries)), COHORT, people) == split
    assert sorted(split.everyone) == sorted(person_number(f"P{number}") for number in range(40))
    assert 6 <= len(split.test) <= 18
    assert 2 <= len(split.validation) <= 14


def test_nobody_changes_sides_when_others_join(people):
    entries = read_index(people)
    few, all_of_them = deal(entries[:20], COHORT, people), deal(entries, COHORT, people)
    for part in ("train", "validation", "test"):
        assert set(getattr(few, part)) <= set(getattr(all_of_them, part))


def test_another_salt_deals_another_way_but_not_what_was_dealt(people, tmp_path):
    entries, other = read_index(people), replace(COHORT, salt="another")
    assert deal(entries, other, tmp_path) != deal(entries, COHORT, people)
    for changed in (other, replace(COHORT, held_out=0.2), replace(COHORT, watched=0.1)):
        with pytest.raises(DataInvalid, match="who was held out would be learned from"):
            deal(entries, changed, people)


def test_what_is_written_down_does_not_tell_the_salt(people):
    deal(read_index(people), COHORT, people)
    assert COHORT.salt not in (people / DEALT).read_text()
    assert json.loads((people / DEALT).read_text())["held_out"] == 0.3


def test_a_note_that_cannot_be_read_is_no_leave_to_deal_anew(people, tmp_path):
    (tmp_path / DEALT).write_text("{", encoding="utf-8")
    with pytest.raises(DataInvalid, match="does not say how persons were dealt out"):
        deal(read_index(people), COHORT, tmp_path)


def test_one_image_in_two_parts_is_refused_with_both_names(people, tmp_path):
    entries = read_index(people)
    split = deal(entries, COHORT, people)
    ours = {entry.subject: entry for entry in entries}
    held, learned = ours[split.test[0]], ours[split.train[0]]
    again = replace(learned, about={**learned.about, "pixels": held.about["pixels"]})
    rest = [entry for entry in entries if entry is not learned]
    with pytest.raises(DataInvalid, match="hold one image") as caught:
        deal([*rest, again], COHORT, tmp_path)
    assert held.path.name in str(caught.value)
    assert learned.path.name in str(caught.value)
    alike = ours[split.train[1]]
    same = replace(alike, about={**alike.about, "pixels": learned.about["pixels"]})
    deal([*(one for one in entries if one is not alike), same], COHORT, tmp_path)  # one part


@pytest.mark.parametrize(
    ("persons", "said"),
    [(["P1"], "of 1 persons nobody is to"), ([], "does not say which person")],
)
def test_too_few_persons_or_none_are_refused(tmp_path, persons, said):
    if not persons:
        write_pair(tmp_path, toy_pair(3))
    for person in persons:
        put(tmp_path, person)
    with pytest.raises(DataInvalid, match=said):
        deal(read_index(tmp_path), COHORT, tmp_path)
    assert not (tmp_path / DEALT).exists()


def test_two_persons_of_one_number_are_refused(people, tmp_path):
    first, second, *rest = read_index(people)
    with pytest.raises(DataInvalid, match=f"its number {first.subject} of"):
        deal([first, replace(second, subject=first.subject), *rest], COHORT, tmp_path)
