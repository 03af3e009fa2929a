import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.io import read_frames, split, stack
from engine.io.frames import Frame
from engine.reason import Code
from tests.engine.io.series import each, one, repeated, spoilt


def taken_apart(folder, spoil=None, **wanted):
    """Return (sizes of the candidates, codes why there are several)."""
    candidates, reasons = split(read_frames(spoilt(folder, spoil, **wanted)))
    assert all(stack(candidate.frames).reasons == () for candidate in candidates)
    return [len(candidate.frames) for candidate in candidates], [r.code for r in reasons]


def test_a_plain_series_is_one_candidate_without_a_reason(tmp_path):
    assert taken_apart(tmp_path) == ([5], [])


@pytest.mark.parametrize(
    ("word", "values", "code"),
    [
        ("EchoTime", ["11", "92"], Code.MULTI_ECHO),
        ("EchoTime", ["2", "4", "6"], Code.MULTI_ECHO),
        ("ImageType", [["ORIGINAL", "W"], ["ORIGINAL", "F"]], Code.MULTI_PHASE),
        ("ImageType", [["ORIGINAL", "M"], ["ORIGINAL", "M", "NORM"]], Code.MULTI_PHASE),
        ("ComplexImageComponent", ["MAGNITUDE", "PHASE"], Code.MULTI_PHASE),
        ("InversionTime", ["700", "2500"], Code.MULTI_PHASE),
        ("FlipAngle", ["4", "5"], Code.MULTI_PHASE),
        ("DiffusionBValue", [0.0, 1000.0], Code.DIFFUSION),
        ("TemporalPositionIdentifier", ["1", "2", "3"], Code.MULTI_PHASE),
        ("TriggerTime", ["10", "400"], Code.MULTI_PHASE),
        ("AcquisitionNumber", ["1", "2"], Code.MULTI_PHASE),
        ("FrameOfReferenceUID", ["1.2.3", "1.2.4"], Code.GEOM_MISSING),
        ("PixelSpacing", [["4", "4"], ["3", "3"]], Code.MATRIX_MIXED),
        ("SOPClassUID", ["1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7"],
         Code.MATRIX_MIXED),
        ("ImageOrientationPatient", [["1", "0", "0", "0", "1", "0"],
         ["0.8", "0.6", "0", "-0.6", "0.8", "0"]], Code.GEOM_ORIENTATION),
    ],
)  # fmt: skip
def test_what_shares_places_is_told_apart_by_what_differs(tmp_path, word, values, code):
    parts, reasons = taken_apart(tmp_path, repeated(word, values))
    assert parts == [5] * len(values)
    assert reasons == [code]


def test_another_matrix_is_another_candidate(tmp_path):
    def halved(slices):
        small = copy.deepcopy(slices)
        for ds in small:
            ds.Rows = 4
            ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]
            ds.SOPInstanceUID += ".1"
        return slices + small

    assert taken_apart(tmp_path, halved) == ([5, 5], [Code.MATRIX_MIXED])


def test_echo_times_that_vary_a_little_are_one(tmp_path):
    def little(slices):
        for index, ds in enumerate(slices):
            ds.EchoTime = str(3.0 + 0.1 * index)

    assert taken_apart(tmp_path, little) == ([5], [])


@pytest.mark.parametrize(("second", "parts"), [("3.6", [5]), ("3.7", [4, 1])])
def test_echo_times_are_two_beyond_half_a_millisecond(tmp_path, second, parts):
    candidates, _ = split(read_frames(spoilt(tmp_path, one("EchoTime", second, index=4))))
    assert [len(candidate.frames) for candidate in candidates] == parts


def test_cosines_that_differ_by_rounding_are_not_taken_apart(tmp_path):
    tiny = one("ImageOrientationPatient", ["1", "1e-9", "0", "-1e-9", "1", "0"])
    assert taken_apart(tmp_path, tiny) == ([5], [])


def test_acquisitions_numbered_slice_by_slice_are_not_taken_apart(tmp_path):
    def numbered(slices):
        for number, ds in enumerate(slices):
            ds.AcquisitionNumber = ds.TemporalPositionIdentifier = number + 1
            ds.TriggerTime = str(100 * number)

    assert taken_apart(tmp_path, numbered) == ([5], [])


def test_repeats_that_nothing_tells_apart_stay_together_and_are_refused(tmp_path):
    candidates, reasons = split(read_frames(spoilt(tmp_path, repeated("InstanceNumber", [1, 2]))))
    assert [len(candidate.frames) for candidate in candidates] == [10]
    assert reasons == []
    assert [reason.code for reason in stack(candidates[0].frames).reasons] == [Code.GEOM_DUPLICATE]


def test_a_word_that_leaves_repeats_is_passed_over_for_one_that_does_not(tmp_path):
    again = repeated("TemporalPositionIdentifier", ["1", "1", "2"], AcquisitionNumber=[1, 2, 3])
    assert taken_apart(tmp_path, again) == ([5, 5, 5], [Code.MULTI_PHASE])


def test_one_difference_does_not_hide_another(tmp_path):
    both = repeated("EchoTime", ["11", "92"], ImageType=[["ORIGINAL", "A"], ["ORIGINAL", "B"]])
    assert taken_apart(tmp_path, both) == ([5, 5], [Code.MULTI_ECHO, Code.MULTI_PHASE])


def test_the_largest_comes_first(tmp_path):
    def few_of_the_first(slices):
        made = repeated("EchoTime", ["11", "92"])(slices)
        return made[:2] + made[5:]

    assert taken_apart(tmp_path, few_of_the_first) == ([5, 2], [Code.MULTI_ECHO])


def test_slices_without_a_word_are_a_group_of_their_own(tmp_path):
    candidates, reasons = split(read_frames(spoilt(tmp_path, each("EchoTime", None))))
    assert (len(candidates), reasons) == (1, [])
    candidates, _ = split(read_frames(spoilt(tmp_path, one("EchoTime", None, index=0))))
    assert [len(candidate.frames) for candidate in candidates] == [4, 1]


HEADERS = st.fixed_dictionaries(
    {"Rows": st.just(4), "Columns": st.sampled_from([4, 5])},
    optional={
        "EchoTime": st.sampled_from([3.0, 3.2, 90.0, (3.0, 4.0), "three"]),
        "DiffusionBValue": st.sampled_from([0.0, 1000.0]),
        "ImageType": st.sampled_from([("ORIGINAL", "M"), ("DERIVED", "P")]),
        "FrameOfReferenceUID": st.sampled_from(["1.2", "1.3"]),
        "AcquisitionNumber": st.integers(1, 3),
        "ImagePositionPatient": st.sampled_from([(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), ("x", 0, 0)]),
        "ImageOrientationPatient": st.sampled_from(
            [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), (1.0,)]
        ),
    },
)


@settings(deadline=None)
@given(headers=st.lists(HEADERS, min_size=1, max_size=12), seed=st.integers(0, 9))
def test_no_slice_is_lost_or_doubled_and_file_order_decides_nothing(headers, seed):
    frames = [Frame(Path(str(number)), None, facts) for number, facts in enumerate(headers)]
    candidates, reasons = split(frames)
    assert Counter(f.path for c in candidates for f in c.frames) == Counter(f.path for f in frames)
    assert (len(candidates) > 1) is bool(reasons)
    sizes = [len(candidate.frames) for candidate in candidates]
    assert sizes == sorted(sizes, reverse=True)
    shuffled = [frames[i] for i in np.random.default_rng(seed).permutation(len(frames))]
    again, why = split(shuffled)
    assert {frozenset(f.path for f in c.frames) for c in again} == {
        frozenset(f.path for f in c.frames) for c in candidates
    }
    assert why == reasons


@pytest.mark.parametrize(
    ("name", "sizes", "codes"),
    [
        ("mr/siemens_prisma_ve11_pd_t2_dualecho", [6, 6], [Code.MULTI_ECHO]),
        ("mr/ge_premier_3plane_localizer", [3, 3, 3], [Code.GEOM_ORIENTATION]),
        ("mr/siemens_prismafit_xa30_enhanced_bold", [33, 33], [Code.MULTI_PHASE]),
        ("mr/siemens_skyra_epi_mosaic", [1, 1], [Code.MULTI_PHASE]),
        ("mr/ge_mr750_epi_bold_timeseries", [45], []),  # its files tell the time nowhere
        ("mr/canon_galan_dti_one_volume", [40], []),
        ("mr/siemens_prismafit_t1_fl2d_sag_hfs_head", [35], []),
        ("mr/siemens_prismafit_xa30_enhanced_t1_head", [96], []),
    ],
)
def test_real_series_are_taken_apart_as_they_were_acquired(series, name, sizes, codes):
    candidates, reasons = split(read_frames(series(name)))
    assert [len(candidate.frames) for candidate in candidates] == sizes
    assert [reason.code for reason in reasons] == codes
