"""Whatever is taken from a result, changed in it or added to it: nothing leaves.

The elements are found from results themselves, in all their items, so that one more element is one
more to be mutated. Each mutation is made to the first slice, to the last, and to all alike.
"""

import random
import warnings
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import write_file_meta_info

from dicom_node.errors import OutputInvalid
from dicom_node.results import check_series, encode, make_series
from tests.dicom_node.results.check.mutations import SAMPLES, mutations
from tests.dicom_node.results.conftest import as_kind
from tests.dicom_node.results.kinds import equipment, trial, with_zone

HARMLESS: dict[str, str] = {}
"""Mutations that the gate lets pass, with the reason; by their text. There is none."""

CASES = [(label, grid) for label in ("CT", "STIR", "PT") for grid in ("native", "rt-axial")]
SAMPLE, SAMPLE_OF_BYTES = 30, 60
"""Mutations of each case, and bytes, that are tried in the quick suite; in the slow one, all."""


def rich(ds):
    """Fill in what sources may have besides: a trial, a zone, equipment in between, codes."""
    trial(ds)
    with_zone(ds)
    equipment(ds)
    ds.PatientWeight, ds.PatientComments, ds.OtherPatientNames = "70", "none", ["A^B", "C^D"]
    code = ds.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0]
    ds.ProcedureCodeSequence = [code]
    ds.PatientAge, ds.PregnancyStatus = "050Y", 4


@pytest.fixture(scope="module", params=CASES, ids=[f"{label} {grid}" for label, grid in CASES])
def case(request, small):
    """Return what a clean series was made of, and its files."""
    label, grid = request.param
    making = as_kind(small(rich, grid, slices=3), label)
    encoded = [encode(ds) for ds in make_series(making).datasets]
    check_series(encoded, making)
    return making, encoded


def said_of(encoded, making):
    """Return what the gate says of a series; None where it lets it pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of what cannot be decoded
        try:
            check_series(encoded, making)
        except OutputInvalid as exc:
            return str(exc)
    return None


def passing(case, chosen):
    """Return the mutations that pass, or are refused without a word of what was mutated."""
    making, encoded = case
    last = len(encoded) - 1
    found = {}
    for mutation in chosen:
        for where, slices in (("first", [0]), ("last", [last]), ("all", range(last + 1))):
            mutated = list(encoded)
            for z in slices:
                mutated[z] = mutation.on(encoded[z])
            said = said_of(mutated, making)
            if said is None or not named(mutation, said):
                found[f"{mutation}, {where}"] = said
    return {text: said for text, said in found.items() if text not in HARMLESS}


def named(mutation, said):
    top = mutation.above[0][0] if mutation.above else mutation.tag
    return mutation.keyword in said or (keyword_for_tag(top) or str(top)) in said


def all_of(case):
    making, encoded = case
    return mutations(encoded[0], making.sources[0].header)


def test_a_mutation_is_refused_by_name(case):
    found = all_of(case)
    assert len(found) > 800
    assert passing(case, random.Random(5).sample(found, SAMPLE)) == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_mutation_of_every_element_is_refused_by_name(case):
    assert passing(case, all_of(case)) == {}


def test_a_series_without_an_element_is_refused_for_each(case):
    """Removal is the one that is tried for every element in the quick suite too."""
    removed = [one for one in all_of(case) if one.what == "removed" and not one.above]
    making, encoded = case
    for one in removed:
        mutated = [one.on(content) for content in encoded]
        assert one.keyword in str(said_of(mutated, making))


def with_meta(content, change):
    """Return a file with other File Meta Information; its data set as it was."""
    length = int.from_bytes(content[140:144], "little")
    meta = FileMetaDataset()
    meta.update(dcmread(BytesIO(content)).file_meta)
    change(meta)
    buffer = BytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=False)
    return bytes(128) + b"DICM" + buffer.getvalue() + content[144 + length :]


def test_file_meta_information_is_held_too(case):
    making, encoded = case
    assert said_of([with_meta(one, lambda meta: None) for one in encoded], making) is None
    for element in dcmread(BytesIO(encoded[0])).file_meta:
        if element.tag == 0x00020000:  # its length: written by the writer itself
            continue

        def remove(meta, tag=element.tag):
            del meta[tag]

        def change(meta, tag=element.tag):
            meta[tag].value = SAMPLES[meta[tag].VR]

        for spoil in (remove, change):
            mutated = [with_meta(one, spoil) for one in encoded]
            assert element.keyword in str(said_of(mutated, making)), (element.keyword, spoil)

    def add(meta):
        meta.SourceApplicationEntityTitle = "SOMEBODY"

    said = said_of([with_meta(one, add) for one in encoded], making)
    assert "SourceApplicationEntityTitle must not be there" in said


def test_nothing_stands_around_the_elements(case):
    making, encoded = case
    first, others = encoded[0], encoded[1:]
    for spoilt in (
        b"X" + first[1:],
        first + b"\0",
        first + b"\0" * 16,
        first[:-1],
        first[:140]
        + (int.from_bytes(first[140:144], "little") + 2).to_bytes(4, "little")
        + first[144:],
        first[144:],
        b"",
    ):
        assert said_of([spoilt, *others], making) is not None


def test_an_element_that_stands_there_twice_is_seen(case):
    making, encoded = case
    first = encoded[0]
    at = first.index(b"\x08\x00\x1c\x00CS")
    twice = first[:at] + first[at : at + 12].replace(b"YES", b"NO ") + first[at:]
    assert "SyntheticData stands in a wrong place" in said_of([twice, *encoded[1:]], making)


def flipped(content, at, draw):
    return content[:at] + bytes([content[at] ^ draw.randint(1, 255)]) + content[at + 1 :]


def passing_bytes(case, places):
    """Return the places of the first slice where a byte can be changed unseen."""
    making, encoded = case
    draw = random.Random(7)
    return {
        at: encoded[0][max(0, at - 16) : at + 16]
        for at in places
        if said_of([flipped(encoded[0], at, draw), *encoded[1:]], making) is None
    }


def before_pixels(case):
    return len(case[1][0]) - 2 * case[0].synthesis.stored.pixels[0].size


def test_a_byte_that_is_changed_is_seen(case):
    places = random.Random(9).sample(range(before_pixels(case)), SAMPLE_OF_BYTES)
    assert passing_bytes(case, places) == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_byte_that_is_changed_is_seen(case):
    assert passing_bytes(case, range(before_pixels(case))) == {}
