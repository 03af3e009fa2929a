"""The gate at size: poisoned candidates are kept out, and better ones are promoted."""

import numpy as np
import pytest

from benchmarks.verdict.candidates import BETTER, POISONS
from benchmarks.verdict.erasers import WAYS, erasers
from benchmarks.verdict.run import active, tried

EACH = 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_poisoned_candidate_is_promoted_and_hardly_a_better_one_is_kept_out(tmp_path):
    bundle = active(tmp_path, 2)
    kinds = [list(POISONS)[number % len(POISONS)] for number in range(EACH)] + [BETTER] * EACH
    found = [tried((tmp_path, bundle, kind, number)) for number, kind in enumerate(kinds)]
    poisoned, better = found[:EACH], found[EACH:]
    assert [one for one in poisoned if one.promoted] == []
    assert np.mean([one.promoted for one in better]) >= 0.95
    assert sum(one.gain > 0 for one in poisoned) > EACH / 4, "their error alone would not tell"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_models_that_have_learned_to_erase_are_kept_out_for_their_lesions(tmp_path):
    found = list(erasers(tmp_path, range(1, 6), 2))
    assert [one.way for one in found] == [way for way in WAYS for _ in range(5)]
    assert not any(one.promoted for one in found)
    assert all("bright lesions" in one.against for one in found)
