import math

import pytest
import torch

from train.data import Batch
from train.errors import NotFinite, RecipeInvalid
from train.systems import Choice, build_system
from train.systems.hlsnc_gan import PRESETS

SMALL = {"width": 4, "blocks": 1}


def system(preset: str = "paper", steps: int = 10, seed: int = 0, **settings):
    settings.setdefault("adversary_width", 4)
    return build_system(Choice("hlsnc_gan", preset, steps, seed, SMALL, settings))


def batch(seed: int = 0, size: int = 2) -> Batch:
    drawn = torch.Generator().manual_seed(seed)
    source = torch.rand(size, 1, 32, 32, generator=drawn) * 2 - 1
    return Batch(source, -source.abs())


def test_the_papers_preset_is_the_papers():
    paper = PRESETS["paper"]
    assert (paper.adversarial, paper.cycle, paper.identity, paper.voxel) == (1, 10, 5, 0)
    assert (paper.optimiser, paper.learning_rate, paper.schedule) == (
        "rmsprop",
        2e-4,
        "constant",
    )
    assert (paper.unpaired_every, paper.average, paper.clip) == (1, 0, 0)
    group = system().optimisers["to_ct"].param_groups[0]
    assert (group["alpha"], group["eps"], group["momentum"]) == (0.9, 1e-8, 0)


def test_same_seed_same_weights_and_the_worlds_randomness_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = system(seed=3), system(seed=3)
    assert torch.equal(torch.rand(3), expected)
    for name, network in one.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, two.networks[name].state_dict()[key])
    assert not torch.equal(system(seed=4).to_ct.encode[0].weight, one.to_ct.encode[0].weight)


def test_generator_terms_by_hand():
    """With generators that return their input, every term is known."""
    made = system()
    for network in (made.to_ct, made.to_mr):
        network.forward = lambda x: x
    for judge in (made.judge_ct, made.judge_mr):
        judge.forward = lambda x: 0 * x
    pair = batch()
    terms = made.generator_terms(pair, made.to_ct(pair.source), made.to_mr(pair.target))
    apart = (pair.source - pair.target).abs().mean()
    assert terms["adversarial"] == pytest.approx(2.0)  # max(0, 1 - 0), twice
    assert terms["cycle"] == terms["identity"] == 0
    assert terms["voxel"] == pytest.approx(float(apart))
    assert terms["voxel_both"] == pytest.approx(2 * float(apart))


def test_one_update_teaches_every_network():
    made = system()
    before = {name: [p.clone() for p in net.parameters()] for name, net in made.networks.items()}
    losses = made.update(batch(), 0)
    assert {"adversary", "adversarial", "cycle", "identity", "voxel"} <= set(losses)
    for name, network in made.networks.items():
        pairs = zip(before[name], network.parameters(), strict=True)
        assert not any(torch.equal(old, new) for old, new in pairs if old.ndim == 4), name


def test_the_generators_do_not_teach_the_adversaries():
    made = system()
    pair = batch()
    terms = made.generator_terms(pair, made.to_ct(pair.source), made.to_mr(pair.target))
    terms["adversarial"].backward()
    assert all(p.grad is None for p in made.judge_ct.parameters())
    assert all(p.requires_grad for p in made.judge_ct.parameters())
    assert any(p.grad is not None for p in made.to_ct.parameters())


def test_running_averages_are_of_sources_alone():
    """The way there and back shows a generator its own domain; that is not what it will serve."""
    made, alone = system(), system()
    pair = batch()
    made.generator_terms(pair, made.to_ct(pair.source), made.to_mr(pair.target))
    alone.to_ct(pair.source)
    for key, value in made.to_ct.state_dict().items():
        torch.testing.assert_close(value, alone.to_ct.state_dict()[key])


def test_sets_without_pairs_may_differ_in_size():
    small, large = torch.zeros(2, 1, 32, 48), torch.zeros(2, 1, 48, 32)
    made = system("paper", steps=5)
    assert made.settings.voxel == 0
    assert made.update(Batch(small, large), 0)["voxel"] >= 0


def test_between_unpaired_updates_only_the_way_to_ct_learns():
    made = system("robust", voxel=10.0, unpaired_every=3)
    assert set(made.update(batch(), 1)) == {"voxel"}
    assert made.optimisers["judges"].state_dict()["state"] == {}
    assert "cycle" in made.update(batch(), 3)


def test_what_is_served_is_the_average_where_there_is_one():
    assert system("paper").served == "to_ct"
    made = system("robust", voxel=1.0)
    assert made.served == "average"
    for step in range(4):
        made.update(batch(step), step)
    average, latest = made.networks["average"], made.to_ct
    assert not average.training
    away = (average.encode[0].weight - latest.encode[0].weight).abs().max()
    assert 0 < away < 0.05


def test_gradients_are_no_longer_than_the_clip():
    made = system("robust", voxel=1e6, clip=1.0)
    made.update(batch(), 1 if made.settings.unpaired_every > 1 else 0)
    total = torch.stack([p.grad.square().sum() for p in made.to_ct.parameters()]).sum().sqrt()
    assert total <= 1.001


def test_a_loss_that_is_no_number_stops_learning_and_is_named():
    broken = system()
    with torch.no_grad():
        broken.to_ct.encode[0].weight.fill_(float("nan"))
    with pytest.raises(NotFinite):
        broken.update(batch(), 0)


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        (Choice("cyclegan", "paper", 1, 0), "no system 'cyclegan'"),
        (Choice("hlsnc_gan", "best", 1, 0), "no preset 'best'"),
        (Choice("hlsnc_gan", "paper", 1, 0, {}, {"lambda": 1}), "no setting 'lambda'"),
        (Choice("hlsnc_gan", "paper", 1, 0, {}, {"hinge": "soft"}), "hinge 'soft'"),
        (Choice("hlsnc_gan", "paper", 1, 0, {}, {"cycle": -1.0}), "cycle = -1.0"),
        (Choice("hlsnc_gan", "paper", 1, 0, {}, {"average": 1.0}), "average"),
    ],
)
def test_what_is_unknown_or_impossible_is_named(choice, named):
    with pytest.raises(RecipeInvalid, match=named):
        build_system(choice)


def test_fifty_updates_on_two_pairs_more_than_halve_the_difference():
    made = system(
        "robust", steps=50, voxel=100.0, learning_rate=3e-3, hold=1.0, unpaired_every=10, clip=0.0
    )
    pair = batch(size=2)
    smooth = torch.nn.functional.avg_pool2d(pair.source, 5, 1, 2)
    pair = Batch(smooth, -smooth.abs())
    losses = [made.update(pair, step)["voxel"] for step in range(50)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_paired_term_helps_where_the_paper_has_none():
    unpaired = system("paper", steps=5)
    pair = batch()
    assert all("voxel" in unpaired.update(pair, step) for step in range(2))
    assert unpaired.settings.voxel == 0


def test_the_literal_preset_is_what_is_printed():
    literal = PRESETS["literal"]
    weights = (literal.adversarial, literal.cycle, literal.identity)
    assert weights == (0.01, 0.01, 0.01)
    assert (literal.optimiser, literal.learning_rate) == ("rmsprop", 2e-4)
    made = system("literal")
    norms = [m for net in made.networks.values() for m in net.modules() if hasattr(m, "eps")]
    assert {norm.eps for norm in norms} == {1e-8}


def test_literal_terms_by_hand():
    """With generators that return their input and judges that say 0, every term is known."""
    made = system("literal")
    for network in (made.to_ct, made.to_mr):
        network.forward = lambda x: x
    for judge in (made.judge_ct, made.judge_mr):
        judge.forward = lambda x: 0 * x
    pair = batch()
    terms = made.generator_terms(pair, pair.source, pair.target)
    assert terms["entropy"].item() == pytest.approx(-2 * math.log(2))  # log(1 - 1/2), twice
    assert terms["adversarial"] == pytest.approx(2.0)
    assert terms["identity"] == terms["cycle"] == 0
    paid = made.adversary_loss(pair, pair.source, pair.target)
    assert paid.item() == pytest.approx(4 * math.log(2) + 0.01 * 4)
    assert system().adversary_loss(pair, pair.source, pair.target).item() > 0


def test_an_identity_across_domains_punishes_translation():
    pair = batch()
    for preset, punished in [("literal", True), ("paper", False)]:
        made = system(preset)
        made.to_ct.forward = lambda x: torch.where(x == pair.source, pair.target, x)
        made.to_mr.forward = lambda x: torch.where(x == pair.target, pair.source, x)
        terms = made.generator_terms(pair, made.to_ct(pair.source), made.to_mr(pair.target))
        assert (terms["identity"] > 0.1) == punished
