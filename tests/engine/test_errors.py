import inspect

import pytest

from engine import errors
from engine.errors import EngineError, InputRefused
from engine.reason import Code, Reason

TREE = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, EngineError)]  # fmt: skip


@pytest.mark.parametrize("cls", TREE)
def test_every_error_is_public_and_drawn_in_the_tree_with_its_code(cls):
    assert cls.__name__ in errors.__all__
    (line,) = [line for line in errors.__doc__.splitlines() if f" {cls.__name__} " in f"{line} "]
    assert cls in {EngineError, InputRefused} or str(cls.code) in line


@pytest.mark.parametrize("cls", [cls for cls in TREE if cls is not InputRefused])
def test_an_error_is_a_reason_with_its_own_code(cls):
    (reason,) = cls("what was seen").reasons
    assert reason == Reason(cls.code, "what was seen")


def test_a_refusal_keeps_everything_that_was_found():
    found = [Reason(Code.GEOM_GAP, "a gap"), Reason(Code.GEOM_TILT, "a tilt")]
    refused = InputRefused(found)
    assert refused.reasons == tuple(found)
    assert str(refused) == "GEOM_GAP: a gap; GEOM_TILT: a tilt"
