"""Phantoms that several tests look at, drawn once."""

import pytest

from tests.train.conftest import COARSE_MM, protocol
from train.pair import Pair
from train.phantom import Order, Subject, draw_spine, scan_pair


@pytest.fixture(scope="session")
def session(subject) -> Pair:
    """All contrasts of one head, without noise in the MR."""
    order = Order(sources=("T1", "T2", "PD", "FLAIR", "STIR", "CBCT", "PT"), target="CT")
    return scan_pair(subject, 0, order, protocol(noise=0.0))


@pytest.fixture(scope="session")
def spine() -> Subject:
    return draw_spine(1, COARSE_MM)
