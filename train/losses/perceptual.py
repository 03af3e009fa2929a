"""What a network that knows photographs sees: VGG-19 features of slices in three views.

The weights are the operator's to bring: 20 million numbers learned from ImageNet, under its terms.
They are read from safetensors, never from a pickle. Once, anywhere, from torchvision's file::

    python -c "import torch, safetensors.torch as st
    w = torch.load('vgg19-dcbb9e9d.pth', weights_only=True)
    st.save_file({k: v for k, v in w.items() if k.startswith('features.')}, 'vgg19.safetensors')"
"""

from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.errors import ShapeError
from train.errors import RecipeInvalid

__all__ = ["Vgg19", "perceptual"]

_CONVOLUTIONS = (2, 2, 4, 4, 4)
"""In each block; a max pool follows each but the last."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SMALLEST = 16


class Vgg19(nn.Module):
    """The convolutions of VGG-19 up to the ReLU after the last, ``features.35``; frozen.

    20,024,384 parameters at the published width.

    Parameters
    ----------
    width : int
        Channels of the first block: 64.

    Shapes
    ------
    x : (N, 1, H, W), grey slices in [0, 1]; H and W at least 16
    return : (N, 8 width, H // 16, W // 16)

    References
    ----------
    Simonyan and Zisserman 2015, ICLR, Table 1, E. Mean and deviation of ImageNet are torchvision's.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for block, count in enumerate(_CONVOLUTIONS):
            wide = width * min(8, 2**block)
            for _ in range(count):
                layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wide
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False
        )
        self.eval().requires_grad_(requires_grad=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the network with the weights in ``path``; its width is the file's.

        Raises
        ------
        RecipeInvalid
            When the file cannot be read, or does not hold these layers.
        """
        try:
            with safe_open(path, framework="pt") as file:
                names = [name for name in file.keys() if name.startswith("features.")]  # noqa: SIM118
                weights = {name: file.get_tensor(name).float() for name in names}
            network = cls(width=weights["features.0.weight"].shape[0])
            network.load_state_dict(weights, strict=True)
        except (OSError, KeyError, RuntimeError, SafetensorError) as exc:
            said = str(exc).splitlines()[0]
            text = f"{path} does not hold the convolutions of VGG-19 as safetensors ({said})"
            raise RecipeInvalid(f"{text}; convert them as train.losses.perceptual says") from exc
        return network

    def forward(self, x: Tensor) -> Tensor:
        """See. Grey becomes three channels first, then ImageNet's mean and deviation apply."""
        if x.ndim != 4 or x.shape[1] != 1 or min(x.shape[2:]) < _SMALLEST:
            text = f"(N, 1, H, W) with H and W at least {_SMALLEST} is wanted"
            raise ShapeError(f"{text}, got {tuple(x.shape)}; give larger patches")
        seen: Tensor = self.features((x.expand(-1, 3, -1, -1) - self.mean) / self.deviation)
        return seen


def perceptual(
    network: Vgg19, made: Tensor, target: Tensor, *, share: float = 1.0, seed: int = 0
) -> Tensor:
    """Return ``1/3 sum over views of mean |VGG(made) - VGG(target)|``, slice by slice.

    The sum over axial, coronal and sagittal views of Eq. 4 is a mean here, as in its authors'
    trainer. Each slice is looked at once, where that trainer does so three times.

    Parameters
    ----------
    made, target : (B, 1, D, H, W)
        Volumes in [0, 1].
    share : float
        Of the slices of each view: fewer save memory, which is most of what learning takes.
    seed : int
        Which slices, where not all.

    References
    ----------
    Ha et al. 2025 (3D-mDAUNet), Eq. 4.
    """
    chance = torch.Generator().manual_seed(seed)
    views = []
    for axis in (2, 3, 4):
        count = made.shape[axis]
        chosen = torch.randperm(count, generator=chance)[: max(1, round(share * count))]
        where = chosen.sort().values.to(made.device)
        with torch.no_grad():
            wanted = network(_slices(target, axis, where))
        views.append((network(_slices(made, axis, where)) - wanted).abs().mean())
    return torch.stack(views).mean()


def _slices(volume: Tensor, axis: int, where: Tensor) -> Tensor:
    """Return the chosen slices across ``axis``, as (N, 1, H, W)."""
    return volume.index_select(axis, where).movedim(axis, 1).flatten(0, 1)
