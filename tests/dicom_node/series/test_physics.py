"""Timing into weighting: known sequences, edges, and whatever numbers a header may hold."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.series.findings import Label
from dicom_node.series.physics import numbers_of, weighting

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=8),
    st.tuples(st.one_of(st.floats(), st.text(max_size=4), st.none())),
    st.just(()),
)
KEYWORDS = [
    "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "EchoTrainLength",
    "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "InversionRecovery",
    "EchoPulseSequence", "Spoiling", "SteadyStatePulseSequence", "MagnetizationTransfer",
    "SequenceName", "PulseSequenceName", "AcquisitionContrast", "SeriesDescription",
    "ProtocolName", "Manufacturer", "ImageType",
]  # fmt: skip
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TIMES = st.floats(min_value=0, max_value=20000)


NUMBERS = ("RepetitionTime", "EchoTime", "InversionTime", "FlipAngle")


def timed(sequence, kind, *numbers):
    """``kind`` is the dimension and the variants, ``numbers`` are TR, TE, TI and flip angle."""
    dimension, *variant = kind.split()
    facts = dict(zip(NUMBERS, numbers, strict=False))
    facts = {word: value for word, value in facts.items() if value is not None}
    return facts | {
        "ScanningSequence": tuple(sequence.split()),
        "SequenceVariant": tuple(variant),
        "MRAcquisitionType": dimension,
    }


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        (timed("GR IR", "3D SK SP MP", 2300, 2.98, 900, 9), "T1"),
        (timed("GR", "3D SK", 1800, 2.41, 900, 9), "T1"),  # XA drops IR
        (timed("RM IR", "3D", 2217, 3.17, 1000, 8), "T1"),  # GE calls it research mode
        (timed("GR", "3D SS SP SK", 6.96, 2.83, 400, 11), "T1"),
        (timed("GR IR", "3D", 7.25, 3.1, 750, 10), "T1"),
        (timed("GR", "3D MP", 8.1, 3.7, 0, 8), "T1"),  # Philips leaves TI out
        (timed("GR", "3D SS SP", 5.5, 2.0, None, 12), "T1"),
        (timed("GR", "2D SP OSP", 300, 2.46, None, 80), "T1"),
        (timed("SE", "2D", 500, 14, None, 90), "T1"),
        (timed("SE", "3D", 700, 11, None, 120), "T1"),
        (timed("SE IR", "2D", 2500, 24, 860, 111), "T1"),
        (timed("SE IR", "2D", 4000, 60, 150, 150), "STIR"),
        (timed("SE IR", "2D", 8000, 81, 2370, 150), "FLAIR"),
        (timed("IR", "3D", 4800, 387, 1650, None), "FLAIR"),  # Philips
        (timed("SE", "2D", 4000, 12), "PD"),
        (timed("SE", "2D", 5530, 108, None, 150), "T2"),
        (timed("SE", "3D", 3200, 400, None, 120), "T2"),
        (timed("GR", "3D SP", 49, 40, None, 15), "SWI"),
        (timed("SE", "2D", 3000, 50), None),  # joints
        (timed("SE", "2D", 5000, 600, None, 150), None),  # a hydrograph
        (timed("SE", "2D", 1400, 20), None),
        (timed("GR IR", "3D", 5000, 3, 700, 4), None),  # the first image of MP2RAGE
        (timed("GR IR", "3D", 4500, 3, 500, 8), None),  # white matter nulled
        (timed("GR IR", "3D", 3000, 3, 409, 8), None),  # grey matter nulled
        (timed("GR", "3D SS", 6, 2.7, None, 60), None),  # balanced
        (timed("GR", "3D SP", 25, 3, None, 4), None),  # proton density for mapping
        (timed("GR", "3D SP", 4, 0.07, None, 12), None),  # ultra-short
        (timed("SE GR", "2D", 500, 14), None),
        (timed("", "2D", 500, 14), None),
        (timed("SE IR", "2D", 4000, 60), None),  # an inversion of unknown time
    ],
)
def test_known_sequences(facts, label):
    assert weighting(facts) == label


@pytest.mark.parametrize(
    "extra",
    [
        {"SteadyStatePulseSequence": "FREE_PRECESSION"},
        {"MagnetizationTransfer": "OFF_RESONANCE"},
        {"ScanOptions": ("MT",)},
    ],
)
def test_what_spoils_the_weighting_of_a_spoiled_gradient_echo(extra):
    facts = timed("GR", "3D SP", 8, 3, None, 15)
    assert weighting(facts) == "T1"
    assert weighting(facts | extra) is None


def test_the_vendors_name_outranks_a_careless_enhanced_attribute():
    facts = {"RepetitionTime": 4000, "EchoTime": 90, "EchoPulseSequence": "GRADIENT"}
    assert weighting(facts | {"PulseSequenceName": "*tse2d1_17"}) == "T2"
    assert weighting(facts) == "SWI"


@RELAXED
@given(st.dictionaries(st.sampled_from(KEYWORDS), ANYTHING))
def test_any_header_gives_a_weighting_or_none(facts):
    label = weighting(facts)
    assert label is None or label in Label


@RELAXED
@given(st.dictionaries(st.sampled_from(KEYWORDS), ANYTHING))
def test_numbers_are_above_zero_and_finite_or_absent(facts):
    numbers = numbers_of(facts)
    for value in (numbers.tr, numbers.te, numbers.ti, numbers.flip):
        assert value is None or (value > 0 and math.isfinite(value))


@RELAXED
@given(tr=TIMES, te=TIMES, ti=st.none() | TIMES, flip=st.none() | st.floats(0, 180))
def test_nothing_with_a_late_echo_is_t1(tr, te, ti, flip):
    for sequence in ("GR", "SE", "GR IR", "SE IR", "RM IR", ""):
        for dimension in ("2D", "3D"):
            facts = timed(sequence, f"{dimension} SP", tr, te, ti, flip)
            if te > 40:
                assert weighting(facts) != "T1"
            if weighting(facts) in ("T2", "PD"):
                assert tr >= 1800
