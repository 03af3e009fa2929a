"""Percentiles by counting are those by sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicom_node.results.check.pixels import Histogram

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))


@given(arrays(np.uint16, SHAPES), st.sampled_from([0.0, 1.0, 37.5, 50.0, 99.5, 100.0]))
def test_a_percentile_by_counting_is_numpys_bit_for_bit(values, percent):
    assert Histogram(values).percentile(percent) == float(np.percentile(values, percent))


@pytest.mark.parametrize("percent", [1.0, 99.5])
def test_so_it_is_of_signed_values_that_are_not_negative(percent):
    values = np.random.default_rng(3).integers(0, 2**15, (4, 31, 17)).astype(np.int16)
    assert Histogram(values).percentile(percent) == float(np.percentile(values, percent))
