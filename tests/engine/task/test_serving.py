import pytest

from engine.errors import SpecError
from engine.task import Generation, Output

HU = {"window": [-1000, 2000], "outside": -1000, "unit": "HU"}
WINDOWS = {"how": "windows", "size": [8, 9, 10], "overlap": 0.25}


def test_a_generation_is_read_and_written_down():
    for spec in ({"how": "slices"}, {"how": "whole"}, WINDOWS):
        assert Generation.of(spec).record() == spec
    assert Generation.of(WINDOWS) == Generation("windows", (8, 9, 10), 0.25)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "generate: how is absent; a text is wanted"),
        ({"how": "all"}, "generate: how is 'all'; one of slices, windows, whole is wanted"),
        ({"how": "slices", "size": [1]}, "generate: unknown key 'size'; keys are how"),
        ({**WINDOWS, "blend": 1}, "generate: unknown key 'blend'; keys are how, overlap, size"),
        ({**WINDOWS, "size": [8, 8]}, r"size is \[8, 8\]; three whole numbers"),
        ({**WINDOWS, "size": [8, 8, 0]}, r"size is \[8, 8, 0\]; three whole numbers"),
        ({**WINDOWS, "size": [8, 8, 8.0]}, "three whole numbers"),
        ({**WINDOWS, "size": 8}, "size is 8; three whole numbers"),
        ({**WINDOWS, "overlap": 1}, "overlap is 1; a share from 0 to below 1"),
        ({**WINDOWS, "overlap": -0.1}, "overlap is -0.1; a share from 0 to below 1"),
        ({**WINDOWS, "overlap": float("nan")}, "overlap is nan; a number"),
        ({"how": "windows"}, "overlap is absent; a number"),
    ],
)
def test_a_generation_that_is_none_is_refused(spec, said):
    with pytest.raises(SpecError, match=said):
        Generation.of(spec)


def test_an_output_is_read():
    assert Output.of(HU) == Output((-1000.0, 2000.0), -1000.0, "HU", (-1.0, 1.0), 0.0)
    mr = {"window": [0, 1.2], "onto": [0, 1], "outside": 0, "unit": "1", "relative": 0.995}
    assert Output.of(mr) == Output((0.0, 1.2), 0.0, "1", (0.0, 1.0), 0.995)
    assert Output.of({**mr, "headroom": 2}).headroom == 2


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("window", [2, 1], r"window is \[2, 1\]; \[low, high\] is wanted"),
        ("window", [1, 1], r"window is \[1, 1\]; \[low, high\] with low below high"),
        ("onto", [1, 0], r"onto is \[1, 0\]; \[low, high\] is wanted"),
        ("onto", "01", r"onto is '01'; \[low, high\] is wanted"),
        ("outside", True, "outside is True; a number is wanted"),
        ("unit", " ", "unit is ' '; a text is wanted"),
        ("relative", 0.4, "relative is 0.4; a share from 0.5 to 1, or 0, is wanted"),
        ("relative", "x", "relative is 'x'; a share"),
        ("headroom", 0.5, "headroom is 0.5; a number of 1 or more is wanted"),
        ("headroom", "x", "headroom is 'x'; a number of 1 or more"),
        ("headroom", 2, "headroom is 2; relative beside it, or no headroom, is wanted"),
        ("scale", 1, "output: unknown key 'scale'; keys are headroom, onto, outside, rel"),
    ],
)
def test_an_output_that_is_none_is_refused(key, value, said):
    with pytest.raises(SpecError, match=said):
        Output.of({**HU, key: value})
