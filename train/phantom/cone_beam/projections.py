"""Parallel projections of slices and their filtered back-projection, coarsely and quickly.

They carry what is wrong with projections back into images, so a few millimetres are fine enough.
"""

import numpy as np
import torch
from torch import Tensor

from train.phantom.fields import Floats

__all__ = ["back", "forward"]


def forward(slices: Floats, angles: int, step_mm: float) -> Tensor:
    """Return line integrals over half a turn.

    Parameters
    ----------
    slices : (Z, N, N)
        Attenuation per mm.
    angles : int
        Number of directions.
    step_mm : float
        Of a pixel, and of the detector.

    Shapes
    ------
    return : (angles, Z, N)
    """
    image = torch.from_numpy(slices)[None]  # (1, Z, N, N): slices as channels
    lines = []
    for angle in np.arange(angles) * np.pi / angles:
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        turn = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]])
        where = torch.nn.functional.affine_grid(turn, [1, 1, *slices.shape[1:]], False)
        turned = torch.nn.functional.grid_sample(image, where, align_corners=False)
        lines.append(turned[0].sum(dim=1) * step_mm)
    return torch.stack(lines)


def back(lines: Tensor, step_mm: float) -> Floats:
    """Return the slices (Z, N, N) whose :func:`forward` is ``lines`` (angles, Z, N), per mm.

    References
    ----------
    Kak and Slaney 1988, Principles of Computerized Tomographic Imaging, Section 3.3.
    """
    angles, _, count = lines.shape
    spectrum = torch.fft.rfft(lines, n=2 * count) * _ramp(2 * count, step_mm)
    filtered = torch.fft.irfft(spectrum, n=2 * count)[..., :count]
    middle = (count - 1) / 2
    y, x = torch.meshgrid(torch.arange(count) - middle, torch.arange(count) - middle, indexing="ij")
    made = torch.zeros(lines.shape[1], count, count)
    for index, angle in enumerate(np.arange(angles) * np.pi / angles):
        at = x * float(np.cos(angle)) + y * float(np.sin(angle)) + middle
        first = at.floor().clamp(0, count - 2).long()
        share = (at - first).clamp(0, 1)
        one = filtered[index]
        made += one[:, first] * (1 - share) + one[:, first + 1] * share
    return np.asarray((made * (np.pi / angles)).numpy(), dtype=np.float32)


def _ramp(count: int, step_mm: float) -> Tensor:
    """Return the filter's spectrum: the ramp as sampled in space, under a Hann window.

    References
    ----------
    Kak and Slaney 1988, Equation 61 of Chapter 3; sampled in frequency it would lose the mean.
    """
    place = torch.arange(count)
    place = torch.minimum(place, count - place).to(torch.float32)
    kernel = torch.where(place % 2 == 1, -1 / (np.pi * place.clamp(min=1) * step_mm) ** 2, 0.0)
    kernel[0] = 1 / (2 * step_mm) ** 2
    share = torch.fft.rfftfreq(count) / 0.5
    spectrum: Tensor = torch.fft.rfft(kernel).real * step_mm
    return spectrum * 0.5 * (1 + torch.cos(np.pi * share))
