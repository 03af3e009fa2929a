"""Normalisations that torch does not have."""

import torch
from torch import Tensor, nn

from engine.errors import ShapeError

__all__ = ["SwitchNorm2d"]


class SwitchNorm2d(nn.Module):
    """Normalise by a learned mixture of instance, layer and batch statistics.

    ``y = gamma (x - mu) / sqrt(v + eps) + beta`` with ``mu = sum_k softmax(w)_k mu_k`` and
    ``v = sum_k softmax(w')_k v_k``, k over instance, layer and batch. 2C + 6 parameters.

    Parameters
    ----------
    channels : int
        C of the input.
    eps : float
        1e-5. Paper 004 prints 1e-8, which vanishes in half precision: the ``literal`` preset.
    momentum : float
        Share of a new batch in the running averages, which stand for the batch in evaluation.

    Shapes
    ------
    x : (B, C, H, W)
    return : (B, C, H, W)

    References
    ----------
    Heng et al. 2024 (HLSNC-GAN), Section III; the method is Luo et al. 2019, Eq. 3 to 5. The
    paper's Eq. 12 to 15 and its predictor of a per-channel choice contradict the method that it
    cites and are not followed: docs/adr/0006.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.mean_weight = nn.Parameter(torch.ones(3))
        self.var_weight = nn.Parameter(torch.ones(3))
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; statistics in single precision whatever ``x`` is."""
        if x.ndim != 4 or x.shape[1] != self.weight.shape[0]:
            raise ShapeError(f"(B, {self.weight.shape[0]}, H, W) is wanted, got {tuple(x.shape)}")
        values = x.float()
        mean_in = values.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        var_in = values.var(dim=(2, 3), keepdim=True, unbiased=False)
        second = var_in + mean_in.square()
        mean_ln = mean_in.mean(dim=1, keepdim=True)  # (B, 1, 1, 1)
        var_ln = second.mean(dim=1, keepdim=True) - mean_ln.square()
        mean_bn, var_bn = self._batch(mean_in, second)  # (1, C, 1, 1)
        of_mean = torch.softmax(self.mean_weight.float(), dim=0)
        of_var = torch.softmax(self.var_weight.float(), dim=0)
        mean = of_mean[0] * mean_in + of_mean[1] * mean_ln + of_mean[2] * mean_bn
        var = of_var[0] * var_in + of_var[1] * var_ln + of_var[2] * var_bn
        scale = self.weight.float().view(1, -1, 1, 1) * torch.rsqrt(var.clamp_min(0) + self.eps)
        shift = self.bias.float().view(1, -1, 1, 1) - mean * scale
        return (values * scale + shift).to(x.dtype)

    def _batch(self, mean_in: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over the batch; the running ones in evaluation."""
        if not self.training:
            return self.running_mean.view(1, -1, 1, 1), self.running_var.view(1, -1, 1, 1)
        mean = mean_in.mean(dim=0, keepdim=True)
        var = (second.mean(dim=0, keepdim=True) - mean.square()).clamp_min(0)
        with torch.no_grad():
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(var.flatten(), self.momentum)
        return mean, var
