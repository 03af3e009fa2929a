"""The array libraries that are here: every step is held to the same numbers on each."""

import array_api_strict
import numpy as np
import pytest

from engine.xp import has_cupy


def _present():
    yield pytest.param(np, id="numpy")
    yield pytest.param(array_api_strict, id="array_api_strict")
    if has_cupy():
        import cupy

        yield pytest.param(cupy, id="cupy", marks=pytest.mark.gpu)


BACKENDS = list(_present())
