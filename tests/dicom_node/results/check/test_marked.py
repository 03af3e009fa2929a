"""The marked copy of what waits for a person: a series of its own, and says so before all else."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.errors import OutputInvalid
from dicom_node.results import check_series, encode, held_kind, make_series, series_uid
from dicom_node.results.check import marks
from dicom_node.results.words import comments_of, described
from engine.reason import Code, Reason
from engine.task import LABELS_MADE
from tests.dicom_node.results.check.mutations import written
from tests.dicom_node.results.test_words import SOURCES, made_from

MARK = "HELD - NOT RELEASED"
WHY = (
    Reason(Code.OUT_OF_DISTRIBUTION, "how noisy T1 is (noise) is 0.2; at least 0.9 is wanted"),
    Reason(Code.RELEASE_WANTED, "a person has to look at its results"),
)
OF_ITS_OWN = {
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "ImageComments",
}  # fmt: skip


@pytest.fixture(scope="module")
def making(small):
    return small()


@pytest.fixture(scope="module")
def held(making):
    return replace(making, held=WHY)


def encoded(making) -> list[bytes]:
    return [encode(ds) for ds in make_series(making).datasets]


@pytest.fixture(scope="module")
def marked(held) -> list[bytes]:
    return encoded(held)


def test_it_is_the_result_but_for_its_names_and_what_people_read_first(making, held):
    for result, copy in zip(make_series(making).datasets, make_series(held).datasets, strict=True):
        assert result.keys() == copy.keys()
        differs = {element.keyword for element in copy if result[element.tag] != element}
        assert differs == OF_ITS_OWN
        assert (int(result.SeriesNumber) % 100, int(copy.SeriesNumber) % 100) == (1, 81)
        assert copy.SeriesInstanceUID == series_uid(making.job_key, held_kind("CT"))


def test_its_comments_say_first_that_it_is_held_then_why_and_then_all_that_the_result_says(
    making, held
):
    said = comments_of(held)
    assert said.startswith(f"{MARK} (OUT_OF_DISTRIBUTION, RELEASE_WANTED): how noisy T1 is")
    assert said.endswith(f"{WHY[1].text}. {comments_of(making)}")
    long = replace(held, held=(replace(WHY[0], text="x" * 20_000), WHY[1]))
    assert "RELEASE_WANTED" in comments_of(long)
    assert len(comments_of(long)) < 10_240


def test_its_description_has_of_the_rest_what_there_is_room_for(making):
    ways = {
        ("T1",): f"{MARK}: sCT from T1w MR (SYNTHETIC, RESEARCH)",
        ("T1", "T1CE", "FLAIR"): f"{MARK}: sCT (SYNTHETIC, RESEARCH)",
    }
    for sources, text in ways.items():
        assert described(replace(made_from(making, "CT", sources), held=WHY)) == text


@pytest.mark.parametrize("makes", LABELS_MADE)
def test_its_description_fits_whatever_was_made_of_whatever(making, makes):
    for sources in (*SOURCES, ("T1", "T1CE", "FLAIR")):
        text = described(replace(made_from(making, makes, sources), held=WHY))
        assert text.startswith(f"{MARK}: s")
        assert text.endswith(")")
        assert "(SYNTHETIC, RESEARCH" in text
        assert len(text) <= 64


def test_the_gate_lets_it_pass(marked, held):
    check_series(marked, held)


@pytest.mark.parametrize("word", ["SeriesDescription", "ImageComments"])
@pytest.mark.parametrize("what", ["gone", "another place", "removed"])
@pytest.mark.parametrize("index", [0, 3])
def test_with_its_mark_taken_out_of_the_bytes_nothing_leaves(marked, held, word, what, index):
    ds = dcmread(BytesIO(marked[index]))
    text = ds[word].value.replace(f"{MARK}: ", "").replace(f"{MARK} ", "")
    ways = {"gone": text, "another place": f"{text} {MARK}"[:64], "removed": None}
    if ways[what] is None:
        delattr(ds, word)
    else:
        setattr(ds, word, ways[what])
    planted = [*marked[:index], written(ds), *marked[index + 1 :]]
    with pytest.raises(OutputInvalid, match=f"{word} is .*Nothing of the series leaves"):
        check_series(planted, held)


def test_neither_is_taken_for_the_other(making, held, marked):
    with pytest.raises(OutputInvalid, match="SeriesInstanceUID is"):
        check_series(marked, making)
    with pytest.raises(OutputInvalid, match="SeriesInstanceUID is"):
        check_series(encoded(making), held)


@pytest.mark.parametrize(
    ("word", "how"), [("SeriesDescription", "described"), ("ImageComments", "comments_of")]
)
def test_whoever_words_it_without_the_mark_is_told(monkeypatch, making, held, word, how):
    before = getattr(marks, how)
    monkeypatch.setattr(marks, how, lambda one: before(replace(one, held=())))
    assert f"{word} does not begin with {MARK}" in list(marks.faults_of_words(held))
    monkeypatch.setattr(marks, how, lambda one: before(replace(one, held=WHY)))
    assert f"{word} begins with {MARK}" in list(marks.faults_of_words(making))


def test_whoever_forgets_to_say_why_is_told(monkeypatch, held):
    before = marks.comments_of
    monkeypatch.setattr(marks, "comments_of", lambda one: before(replace(one, held=WHY[:1])))
    assert list(marks.faults_of_words(held)) == ["ImageComments does not say RELEASE_WANTED"]
