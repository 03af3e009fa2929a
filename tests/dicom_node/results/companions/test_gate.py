"""Whatever is taken from a companion, changed in it or added to it: nothing of the result leaves.

The elements are found from companions themselves, in all their items, so that one more element is
one more to be mutated.
"""

import random
import warnings
from dataclasses import replace
from io import BytesIO
from math import isclose

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.errors import OutputInvalid
from dicom_node.results.check.beside import check_companion
from dicom_node.results.check.wanted import plain
from dicom_node.results.companions.build import encode_companions, lacking
from dicom_node.results.making import SeriesMade
from dicom_node.results.series import make_series
from dicom_node.values import Companion
from engine.quality import Verdict
from engine.reason import Code
from engine.volume import Volume
from tests.dicom_node.results.check.conftest import cut
from tests.dicom_node.results.check.mutations import mutations
from tests.dicom_node.results.check.test_mutations import flipped, named, rich
from tests.dicom_node.results.companions.conftest import as_unit, written
from tests.dicom_node.results.kinds import KINDS

SAMPLE, SAMPLE_OF_BYTES = 12, 12
"""Mutations of each companion, and bytes, that are tried in the quick suite; in the slow, all."""
CASES = [(name, "CT") for name in Companion] + [("overlay", "PT"), ("uncertainty", "FLAIR")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request, judged):
    """Return a companion's name, what its result was made of, and its file."""
    name, label = request.param
    making = as_unit(small(judged(rich)), label)
    content = written(making, name)
    check_companion(name, content, making)
    return name, making, content


def small(making):
    """Return a result of three small slices, with an uncertainty of its own."""
    part = cut(making, 3)
    grid = part.synthesis.volume.grid
    ramp = np.linspace(0, 90, int(np.prod(grid.shape)), dtype=np.float32).reshape(grid.shape)
    spread = Volume(ramp, grid, part.synthesis.volume.unit)
    return replace(part, synthesis=replace(part.synthesis, spread=spread))


def said_of(content, name, making):
    """Return what the gate says of a companion; None where it lets it pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of what cannot be decoded
        try:
            check_companion(name, content, making)
        except OutputInvalid as exc:
            return str(exc)
    return None


def passing(case, chosen):
    """Return the mutations that pass, or are refused without a word of what was mutated."""
    name, making, content = case
    found = {}
    for one in chosen:
        mutated = one.on(content)
        said = said_of(mutated, name, making)
        if mutated != content and (said is None or not named(one, said)):
            found[str(one)] = said  # what the writer leaves out, as group lengths, changes nothing
    return found


def all_of(case):
    _, making, content = case
    return mutations(content, making.sources[0].header)


def test_a_mutation_is_refused_by_name(case):
    found = all_of(case)
    assert len(found) > 500
    assert passing(case, random.Random(5).sample(found, SAMPLE)) == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_mutation_of_every_element_is_refused_by_name(case):
    assert passing(case, all_of(case)) == {}


def test_a_companion_without_an_element_is_refused_for_each(case):
    """Removal is the one that is tried for every element in the quick suite too."""
    assert passing(case, [one for one in all_of(case) if one.what == "removed" and not one.above]
                   ) == {}  # fmt: skip


def before_bulk(case):
    name, _, content = case
    bulk = {"uncertainty": b"\xe0\x7f\x10\x00OW", "pdf": b"\x42\x00\x11\x00OB"}.get(name)
    return content.index(bulk) if bulk else len(content)


def passing_bytes(case, places):
    name, making, content = case
    draw = random.Random(7)
    changed = {at: flipped(content, at, draw) for at in places}
    return {at: content[max(0, at - 16) : at + 16] for at, one in changed.items()
            if said_of(one, name, making) is None and not read_alike(one, content)}  # fmt: skip


def read_alike(one, other):
    """Whether readers find the same: a filling byte differs, or a part in 10⁹ of a number."""
    return all(
        (a.tag, a.VR) == (b.tag, b.VR) and all(map(is_near, plain(a), plain(b)))
        for a, b in zip(flat(one), flat(other), strict=True)
    )


def is_near(one, other):
    return one == other or (isinstance(one, float) and isclose(one, other, rel_tol=1e-9))


def flat(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of a byte that fills up a UID
        ds = dcmread(BytesIO(content))
        return [one for part in (ds.file_meta, ds) for one in part.iterall() if one.VR != "SQ"]


def test_a_byte_that_is_changed_is_seen(case):
    places = random.Random(9).sample(range(before_bulk(case)), SAMPLE_OF_BYTES)
    assert passing_bytes(case, places) == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_byte_that_is_changed_is_seen(case):
    assert passing_bytes(case, range(before_bulk(case))) == {}


@pytest.mark.parametrize("name", Companion)
@pytest.mark.parametrize("kind", ["plain", "oblique", "japanese", "german", "no body part",
                                  "time zone", "clinical trial"])  # fmt: skip
def test_a_companion_of_any_source_passes(name, kind, judged):
    making = small(judged(KINDS[kind][1]))
    assert said_of(written(making, name), name, making) is None


@pytest.mark.parametrize("name", Companion)
def test_a_companion_of_a_result_on_another_grid_passes(name, judged):
    making = judged(grid="rt-axial")
    assert said_of(written(making, name), name, making) is None


@pytest.mark.parametrize("name", Companion)
def test_a_companion_of_another_result_is_refused(name, judged):
    """The same patient, the same source; another job, another model, other voxels."""
    making = small(judged())
    content = written(making, name)
    model = replace(making.synthesis.provenance.model, version="9.9")
    told = replace(making.synthesis.provenance, model=model)
    for other in (
        replace(making, job_key="2.25.8"),
        replace(making, synthesis=replace(making.synthesis, provenance=told)),
        replace(making, site=replace(making.site, qualification="SERVICE")),
    ):
        assert said_of(content, name, other) is not None


def test_a_map_of_other_values_is_refused_by_name(judged):
    making = small(judged())
    content = written(making, "uncertainty")
    spread = making.synthesis.spread
    voxels = spread.voxels.copy()
    voxels[1, 2, 3] += 0.1
    other = replace(making.synthesis, spread=spread.with_voxels(voxels))
    said = said_of(content, "uncertainty", replace(making, synthesis=other))
    assert "PixelData is not what the synthesis says" in said


@pytest.mark.parametrize("name", ["report", "pdf"])
def test_a_verdict_that_is_not_the_gates_is_refused(name, judged):
    """A report of a result that is held must not say that it passed."""
    making = small(judged())
    first, *others = making.synthesis.checks
    checks = (replace(first, verdict=Verdict.HOLD), *others)
    held = replace(making, synthesis=replace(making.synthesis, checks=checks))
    assert said_of(written(held, name), name, held) is None
    assert said_of(written(making, name), name, held) is not None


def without_limits(making):
    return replace(making, synthesis=replace(making.synthesis, spread=None, checks=()))


def test_of_a_model_without_limits_there_is_no_map_and_a_sentence_says_so(judged):
    making = without_limits(small(judged()))
    made: SeriesMade = make_series(making)
    names = [name for name, _ in encode_companions(making, made, tuple(Companion))]
    assert names == [Companion.REPORT, Companion.OVERLAY, Companion.PDF]
    (reason,) = lacking(making, tuple(Companion))
    assert (reason.code, "no map of the uncertainty" in reason.text) == (
        Code.COMPANION_MISSING, True,
    )  # fmt: skip
    assert lacking(making, (Companion.REPORT,)) == ()
    assert said_of(written(small(judged()), "uncertainty"), "uncertainty", making) is not None
