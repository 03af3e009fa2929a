import numpy as np
import pytest

from train.downstream.classify import Patient, auc, classified
from train.errors import DataInvalid

RNG = np.random.default_rng(5)


def patients(count: int = 16, *, real: float = 3.0, synthetic: float = 3.0) -> list[Patient]:
    """Half of them sick: ``real`` and ``synthetic`` say how far their PET is from the others'."""
    found = []
    for one in range(count):
        sick, noise = one % 2 == 0, RNG.normal(0, 1, (3, 30))
        shift = np.zeros(30)
        shift[:5] = -1.0 * sick
        found.append(
            Patient(
                sick,
                {
                    "real": noise[0] + real * shift,
                    "synthetic": noise[1] + synthetic * shift,
                    "source": noise[2],
                },
            )
        )
    return found


def test_a_pattern_that_is_there_is_found_and_chance_is_chance():
    found = classified(patients(30))
    columns = [figure["mean"] for figure in found["real PET (the bound)"]]
    assert min(columns) > 0.85
    assert found["synthetic PET throughout"][4]["mean"] > 0.9
    assert found["source alone, no PET"][4]["mean"] < 0.8


def test_a_synthetic_pet_without_the_pattern_is_no_better_than_chance():
    found = classified(patients(30, synthetic=0.0))
    assert found["synthetic PET, read by what real PET taught"][4]["mean"] < 0.8
    assert found["real PET (the bound)"][4]["mean"] > 0.9


def test_nobody_is_judged_by_what_they_taught_themselves():
    """With labels at random, learning by heart would be perfect."""
    rng = np.random.default_rng(0)
    random = [
        Patient(bool(one % 2), dict.fromkeys(("real", "synthetic", "source"), rng.normal(size=40)))
        for one in range(20)
    ]
    assert classified(random)["real PET (the bound)"][0]["mean"] < 0.8


def test_auc_by_hand():
    sick = np.array([True, True, False, False])
    assert auc(np.array([3.0, 1.0, 2.0, 1.0]), sick) == (1 + 1 + 0 + 0.5) / 4


def test_too_few_of_a_kind_are_refused():
    with pytest.raises(DataInvalid, match="two of each"):
        classified([one for one in patients(8) if one.sick])
