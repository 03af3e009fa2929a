"""What holds for every system."""

import math

import pytest
import torch

from engine.models import NAMES as NETWORKS
from tests.train.systems.tiny import gan, pairs, regression, weights_of
from train.data import Batch
from train.errors import RecipeInvalid
from train.systems import NAMES, RANGES, Choice, build_system, presets_of

GANS = [name for name in NAMES if name != "regression"]
ALL = [(name, preset) for name in GANS for preset in presets_of(name)]


def moved(system, before) -> set[str]:
    """Names of the networks of which a weight is another than before."""
    after = weights_of(system)
    names = {name.partition("/")[0] for name in before}
    return {
        name
        for name in names
        if any(
            not torch.equal(value, after[key])
            for key, value in before.items()
            if key.startswith(f"{name}/") and key.endswith("weight")
        )
    }


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_one_update_moves_every_network_and_its_losses_are_numbers(name, preset):
    system = gan(name, preset)
    before = weights_of(system)
    losses = system.update(pairs(name), 0)
    assert {"adversary", "adversarial", "voxel"} <= set(losses)
    assert all(math.isfinite(value) for value in losses.values())
    assert moved(system, before) == set(system.networks)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_can_be_learned_without_an_adversary(network):
    system = regression(network, "robust", structure=1.0, gradient=1.0, window=5)
    before = weights_of(system)
    losses = system.update(pairs(network), 0)
    assert set(losses) == {"voxel", "structure", "gradient"}
    assert set(system.networks) == {"generator", "average"}
    assert moved(system, before) == set(system.networks)


@pytest.mark.parametrize("name", GANS)
def test_same_seed_same_weights_after_two_updates(name):
    def learned(chance: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(chance)
        system = gan(name, "robust", seed=3)
        for step in range(2):
            system.update(pairs(name, step), step)
        return weights_of(system)

    one, two = learned(0), learned(1)
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    first, other = weights_of(gan(name, seed=3)), weights_of(gan(name, seed=4))
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


FLAT = [name for name in GANS if name not in ("mdaunet3d", "pcsa_gan")]
"""Half precision of volumes is refused on a CPU: see train.run."""


@pytest.mark.parametrize("name", FLAT)
def test_in_half_precision_losses_are_nearly_the_same_and_weights_stay_whole(name):
    whole, half = gan(name), gan(name, precision="bf16")
    expected, seen = (one.update(pairs(name), 0) for one in (whole, half))
    assert seen == pytest.approx(expected, rel=0.05, abs=0.01)
    assert seen != expected
    kinds = {p.dtype for network in half.networks.values() for p in network.parameters()}
    assert kinds == {torch.float32}


@pytest.mark.parametrize("name", GANS)
def test_the_generators_step_leaves_no_gradient_in_the_adversary(name):
    system = gan(name, "robust" if name != "hlsnc_gan" else "paper")
    system.update(pairs(name), 1)
    judges = [net for key, net in system.networks.items() if key.startswith(("adv", "judge"))]
    parameters = [p for judge in judges for p in judge.parameters()]
    assert judges
    assert all(p.requires_grad for p in parameters)
    before = [p.grad.clone() for p in parameters]
    batch = pairs(name)
    if name == "hlsnc_gan":
        made = system.to_ct(batch.source), system.to_mr(batch.target)
        system.generator_terms(batch, *made)["adversarial"].backward()
    else:
        made = system.run_levels(system.generator, batch.source)
        system.against(batch, made)["adversarial"].backward()
    assert all(torch.equal(p.grad, old) for p, old in zip(parameters, before, strict=True))


@pytest.mark.parametrize(("name", "rate"), [("agi_net", 1e-4), ("pcsa_gan", 4e-4)])
def test_adversaries_have_the_papers_rates(name, rate):
    system = gan(name)
    system.update(pairs(name), 0)
    assert system.optimisers["adversary"].param_groups[0]["lr"] == rate
    assert system.optimisers["generator"].param_groups[0]["lr"] == 1e-4


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("agi_net", 19_152_272 + 2_765_633),
        ("calf_gan", 26_305_474),
        ("hlsnc_gan", 2 * (11_373_195 + 2_764_499)),
        ("mdaunet3d", 6_176_846 + 395_020),
        ("pcsa_gan", 3_256_154 + 691_657),
    ],
)
def test_generators_and_adversaries_have_the_papers_sizes_together(name, count):
    with torch.device("meta"):
        system = build_system(Choice(name, "paper", 1, 0))
    networks = system.networks.values()
    assert sum(p.numel() for network in networks for p in network.parameters()) == count


def test_every_network_has_a_range():
    assert set(RANGES) == set(NETWORKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GANS if name != "hlsnc_gan"])
def test_fifty_updates_on_two_pairs_more_than_halve_the_difference(name):
    system = gan(name, learning_rate=2e-3)
    losses = [system.update(pairs(name), step)["voxel"] for step in range(50)]
    assert losses[-1] < 0.5 * losses[0]


def test_thirty_updates_of_the_regression_more_than_halve_the_difference():
    system = regression("resunet", learning_rate=2e-3)
    losses = [system.update(pairs("resunet"), step)["voxel"] for step in range(30)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        (Choice("cyclegan", "paper", 1, 0), "no system 'cyclegan'; known: agi_net"),
        (Choice("pcsa_gan", "best", 1, 0), "no preset 'best'; known: paper, robust"),
        (Choice("regression", "paper", 1, 0), "learns no network 'regression'; name one of"),
        (Choice("calf_gan", "paper", 1, 0, network="resunet"), "no network 'resunet'"),
        (Choice("agi_net", "paper", 1, 0, precision="fp16"), "precision 'fp16'"),
        (Choice("agi_net", "paper", 1, 0, {}, {"lambda": 1}), "agi_net has no setting 'lambda'"),
        (Choice("agi_net", "paper", 1, 0, {}, {"voxel": "much"}), "voxel = 'much'; a float"),
        (Choice("agi_net", "paper", 1, 0, {}, {"form": "wasserstein"}), "form 'wasserstein'"),
        (Choice("agi_net", "paper", 1, 0, {}, {"r1_every": 0}), "r1_every = 0; a count"),
        (Choice("agi_net", "paper", 1, 0, {}, {"r1": float("nan")}), "r1 = nan"),
        (Choice("mdaunet3d", "paper", 1, 0, {}, {"pyramid": "cubic"}), "pyramid 'cubic'"),
        (Choice("calf_gan", "paper", 1, 0, {}, {"betas": [0.5]}), "two numbers"),
        (Choice("calf_gan", "paper", 1, 0, {}, {"betas": 0.5}), "a list of numbers"),
    ],
)
def test_what_is_unknown_or_impossible_is_named(choice, named):
    with pytest.raises(RecipeInvalid, match=named):
        build_system(choice)


@pytest.mark.parametrize("name", ["mdaunet3d", "agi_net", "calf_gan", "regression"])
def test_air_counts_as_it_is_asked_to_where_the_window_goes_below_it(name):
    """-1000 HU is 24 HU above the end of [-1024, 3000]: air nevertheless."""
    network = "mdaunet3d" if name == "regression" else name
    low, high = RANGES[network]
    batch = pairs(network)
    target = torch.full_like(batch.target, low + (high - low) * 0.3)
    target[..., : target.shape[-1] // 2] = low + (high - low) * 24 / 4024
    batch = Batch(batch.source, target)
    made = {}
    for air in (0.0, 1.0):
        kind = {"hu_window": (-1024.0, 3000.0), "air": air, "dense": 0.0}
        system = regression(network, **kind) if name == "regression" else gan(name, **kind)
        made[air] = system.update(batch, 0)["voxel"]
    assert made[0.0] == 0  # nothing but air and bone: nothing counts
    assert made[1.0] > 0
