import warnings

import numpy as np
import pytest
import torch
from torch import nn

from engine.device import Device, choose
from engine.errors import ShapeError
from engine.generate import generate, generate_whole, generate_windows
from engine.task import Generation
from engine.volume import Volume
from engine.xp import put, to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import noise, oblique


def volumes(shape, channels=1, xp=np) -> list[Volume]:
    grid = oblique((0, 0, 0), shape=shape)
    return [noise(grid, xp, seed=channel) for channel in range(channels)]


def cpu(batch: int = 3, threads: int = 1) -> Device:
    return choose("cpu", batch=batch, threads=threads)


def network(channels: int = 1) -> nn.Module:
    """A network that looks at its neighbours and at how many they are: edges of windows show."""
    generator = torch.Generator().manual_seed(5)
    layers = nn.Sequential(
        nn.Conv3d(channels, 4, 3, padding=1), nn.Tanh(), nn.Conv3d(4, 1, 5, padding=2)
    )
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.normal_(0, 0.3, generator=generator)
        layers[0].weight /= 1000
    return layers.eval()


@pytest.fixture(scope="module")
def monai_windows():
    """MONAI's sliding window, with the weights that its bundles use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its import warns of is not ours to mend
        from monai.inferers.utils import sliding_window_inference

    def windows(net, sources, size, overlap):
        whole = torch.from_numpy(np.stack([source.voxels for source in sources]))[None]
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = sliding_window_inference(
                whole, size, 2, net, overlap=overlap, mode="gaussian", sigma_scale=0.125,
                padding_mode="replicate",
            )  # fmt: skip
        return made[0, 0].numpy()

    return windows


@pytest.mark.parametrize(
    ("shape", "size", "overlap"),
    [
        ((20, 22, 19), (8, 8, 8), 0.5),
        ((20, 22, 19), (8, 8, 8), 0.25),
        ((20, 22, 19), (8, 8, 8), 0.625),
        ((20, 22, 19), (8, 8, 8), 0.0),
        ((20, 22, 19), (7, 12, 9), 0.4),
        ((8, 8, 8), (8, 8, 8), 0.5),
        ((5, 13, 8), (8, 8, 8), 0.5),
        ((3, 6, 5), (8, 9, 8), 0.5),
    ],
)
def test_windows_are_blended_as_monai_blends_them(monai_windows, shape, size, overlap):
    sources, net = volumes(shape, 2), network(2)
    made = generate_windows(net, sources, cpu(), size=size, overlap=overlap)
    expected = monai_windows(net, sources, size, overlap)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-5)
    assert made.std() > 0.1
    whole = generate_whole(net, sources, cpu())
    if overlap == 0.625:
        assert np.abs(made - whole).max() > 1e-3  # the edges of windows are seen


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize("shape", [(20, 17, 9), (4, 20, 6)])
def test_a_network_that_changes_nothing_gives_the_input_back(xp, shape):
    (source,) = volumes(shape, xp=xp)
    made = generate_windows(nn.Identity(), [source], cpu(), size=(8, 8, 8), overlap=0.5)
    assert type(made) is type(source.voxels)
    assert to_numpy(made).dtype == np.float32
    np.testing.assert_allclose(to_numpy(made), to_numpy(source.voxels), rtol=1e-6)
    whole = generate_whole(nn.Identity(), [source], cpu())
    np.testing.assert_array_equal(to_numpy(whole), to_numpy(source.voxels))


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (2, 1), (5, 3), (64, 2)])
def test_neither_batch_nor_threads_change_a_byte(batch, threads):
    sources, net = volumes((20, 22, 19), 2), network(2)
    for how in (Generation("windows", (8, 8, 8), 0.5), Generation("whole")):
        alone = generate(net, sources, how, cpu(1))
        assert generate(net, sources, how, cpu(batch, threads)).tobytes() == alone.tobytes()


def test_the_middle_of_a_window_counts_most():
    class Place(nn.Module):
        """Answers 1 in the first window and 0 in those after."""

        def forward(self, x):
            return (x[:, :, :1, :1, :1] == 1).float().expand_as(x)

    grid = oblique((0, 0, 0), shape=(8, 8, 12))
    voxels = np.zeros(grid.shape, np.float32)
    voxels[0, 0, 0] = 1
    made = generate_windows(Place(), [Volume(voxels, grid)], cpu(), size=(8, 8, 8), overlap=0.5)
    row = made[4, 4]
    assert (row[:4] == 1).all()  # only the first window is there
    assert (row[8:] == 0).all()
    assert (np.diff(row[3:9]) <= 0).all()
    assert row[4:8].sum() == pytest.approx(2, abs=1e-5)  # the two are mirror images


def test_channels_are_those_of_the_volumes_in_their_order():
    class Second(nn.Module):
        def forward(self, x):
            return x[:, 1:2]

    first, second = volumes((6, 7, 8), 2)
    for how in (
        Generation("windows", (4, 4, 4), 0.5), Generation("whole"), Generation("slices")
    ):  # fmt: skip
        made = generate(Second(), [first, second], how, cpu())
        np.testing.assert_allclose(made, second.voxels, rtol=1e-6)


def test_an_answer_of_another_shape_is_named():
    class Twice(nn.Module):
        def forward(self, x):
            return torch.cat([x, x], dim=1)

    with pytest.raises(ShapeError, match=r"answered \(1, 2, 6, 7, 8\), \(1, 1, 6, 7, 8\) is"):
        generate_whole(Twice(), volumes((6, 7, 8)), cpu())


def test_torch_gets_its_settings_back():
    torch.set_num_threads(2)
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    generate_windows(nn.Identity(), volumes((9, 9, 9)), cpu(), size=(8, 8, 8), overlap=0.5)
    assert torch.get_num_threads() == 2
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == before
    assert not torch.is_inference_mode_enabled()


@pytest.mark.gpu
@pytest.mark.parametrize("how", [Generation("windows", (8, 8, 8), 0.5), Generation("whole")])
def test_on_a_gpu_the_batch_changes_no_byte_and_the_picture_is_that_of_the_cpu(how):
    sources, net = volumes((20, 22, 19), 2), network(2)
    here = generate(net, sources, how, cpu())
    placed = [source.with_voxels(put(source.voxels, on_gpu=True)) for source in sources]
    made = [
        to_numpy(generate(net, placed, how, choose("cuda", batch=batch))) for batch in (1, 3, 64)
    ]
    assert len({one.tobytes() for one in made}) == 1
    np.testing.assert_allclose(made[0], here, atol=1e-4)
