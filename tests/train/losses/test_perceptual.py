import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ShapeError
from train.errors import RecipeInvalid
from train.losses import Vgg19, perceptual


@pytest.fixture
def weights(tmp_path) -> Path:
    """VGG-19 with 2 channels for 64, and a classifier that nobody wants, as torchvision has one."""
    torch.manual_seed(0)
    tensors = {name: 3 * value for name, value in Vgg19(width=2).state_dict().items()}
    path = tmp_path / "vgg.safetensors"
    save_file({**tensors, "classifier.0.weight": torch.zeros(3)}, path)
    return path


def volume(seed: int, size: int = 16) -> torch.Tensor:
    return torch.rand(1, 1, size, size, size, generator=torch.Generator().manual_seed(seed))


def test_it_is_vgg_19_up_to_the_relu_after_the_last_convolution():
    with torch.device("meta"):
        network = Vgg19()
    assert sum(p.numel() for p in network.parameters()) == 20_024_384
    assert len(network.features) == 36
    assert isinstance(network.features[35], torch.nn.ReLU)
    last = network.features[34]
    assert (last.in_channels, last.out_channels) == (512, 512)
    pools = [n for n, one in enumerate(network.features) if isinstance(one, torch.nn.MaxPool2d)]
    assert pools == [4, 9, 18, 27]


def test_names_are_torchvisions_and_nothing_else_is_asked_for(weights):
    network = Vgg19.read(weights)
    assert set(network.state_dict()) == {
        f"features.{n}.{kind}"
        for n in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
        for kind in ("weight", "bias")
    }
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_grey_becomes_three_channels_before_imagenets_mean_and_deviation(weights):
    network = Vgg19.read(weights)
    x = torch.rand(2, 1, 16, 32)
    colours = torch.cat([x, x, x], dim=1)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = network.features((colours - mean[:, None, None]) / deviation[:, None, None])
    assert network(x).shape == (2, 16, 1, 2)
    torch.testing.assert_close(network(x), by_hand)


def test_all_three_views_count_a_third_each(weights):
    network = Vgg19.read(weights)
    made, target = volume(0), volume(1)
    views = []
    for order in [(2, 3, 4), (3, 2, 4), (4, 2, 3)]:
        sliced = [one.permute(0, 1, *order)[0, 0][:, None] for one in (made, target)]
        views.append((network(sliced[0]) - network(sliced[1])).abs().mean())
    total = perceptual(network, made, target)
    assert total > 0
    assert total.item() == pytest.approx(float(torch.stack(views).mean()), rel=1e-5)
    assert perceptual(network, target, target) == 0


def test_gradients_reach_what_was_made_and_nothing_else(weights):
    network = Vgg19.read(weights)
    made, target = volume(0).requires_grad_(), volume(1).requires_grad_()
    perceptual(network, made, target).backward()
    assert made.grad.abs().sum() > 0
    assert target.grad is None


def test_a_share_of_the_slices_follows_from_the_seed(weights):
    network, made, target = Vgg19.read(weights), volume(0), volume(1)
    seen: list[int] = []
    network.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    quarter = perceptual(network, made, target, share=0.25, seed=3)
    assert seen == [4] * 6
    assert perceptual(network, made, target, share=0.25, seed=3) == quarter
    assert perceptual(network, made, target, share=0.25, seed=4) != quarter


def test_too_small_a_patch_is_refused(weights):
    with pytest.raises(ShapeError, match="at least 16"):
        perceptual(Vgg19.read(weights), volume(0, 8), volume(1, 8))


def test_no_pickle_is_loaded(tmp_path):
    path = tmp_path / "vgg.pth"
    path.write_bytes(pickle.dumps({"features.0.weight": [1.0]}))
    with pytest.raises(RecipeInvalid, match="as safetensors"):
        Vgg19.read(path)


@pytest.mark.parametrize("fault", ["absent", "cut", "layer missing", "other shape", "other"])
def test_a_file_that_does_not_hold_it_is_named(weights, fault):
    tensors = dict(Vgg19.read(weights).state_dict())
    if fault == "absent":
        weights.unlink()
    elif fault == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif fault == "layer missing":
        del tensors["features.34.bias"]
        save_file(tensors, weights)
    elif fault == "other shape":
        save_file({**tensors, "features.2.weight": torch.zeros(2, 2, 5, 5)}, weights)
    else:
        save_file({"layer.0.weight": torch.zeros(3)}, weights)
    with pytest.raises(RecipeInvalid, match=r"vgg\.safetensors does not hold"):
        Vgg19.read(weights)
