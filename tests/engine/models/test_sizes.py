from dataclasses import dataclass

import pytest

from engine.errors import SpecError
from engine.models.sizes import refuse_misfits, sizes_of


@dataclass(frozen=True, slots=True)
class Sizes:
    width: int = 4
    skip: bool = False
    how: str = "a"

    def __post_init__(self) -> None:
        refuse_misfits("net", self, {"how": ("a", "b")})


PRESETS = {"paper": Sizes(), "robust": Sizes(skip=True)}


def test_a_preset_is_kept_but_for_what_is_named():
    assert sizes_of(Sizes, "net", "robust", PRESETS, {"width": 8}) == Sizes(width=8, skip=True)


@pytest.mark.parametrize(
    ("preset", "sizes", "message"),
    [
        ("best", {}, "net has no preset 'best'; known: paper, robust"),
        ("paper", {"deep": 1}, "net has no size 'deep'; known: how, skip, width"),
        ("paper", {"width": 0}, "net: width is a whole number, at least 1; got 0"),
        ("paper", {"width": 4.0}, "net: width is a whole number, at least 1; got 4.0"),
        ("paper", {"width": True}, "net: width is a whole number, at least 1; got True"),
        ("paper", {"skip": 0}, "net: skip is true or false; got 0"),
        ("paper", {"how": "c"}, "net: how is one of 'a', 'b'; got 'c'"),
        ("paper", {"how": ["a"]}, r"net: how is one of 'a', 'b'; got \['a'\]"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(preset, sizes, message):
    with pytest.raises(SpecError, match=message):
        sizes_of(Sizes, "net", preset, PRESETS, sizes)
