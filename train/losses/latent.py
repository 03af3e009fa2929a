"""Vectors that stand for a modality: what is converted, and what must not be mixed."""

from typing import Literal

from torch import Tensor
from torch.nn.functional import cosine_similarity

__all__ = ["Angle", "feature", "orthogonal"]

Angle = Literal["dot", "cosine"]


def feature(wanted: Tensor, seen: Tensor) -> Tensor:
    """Return ``mean |f_hat - FE(x_f, t)|``: the image made has the features asked for.

    Parameters
    ----------
    wanted, seen : (B, 64)
        Converted from the source's; encoded from the image made, by the target's head.

    References
    ----------
    Zhu and Wang 2025 (CALF-GAN), Eq. 11.
    """
    return (wanted - seen).abs().mean()


def orthogonal(shared: Tensor, source: Tensor, target: Tensor, angle: Angle = "dot") -> Tensor:
    """Return ``mean [(f_wm . f_wo)^2 + (f_tm . f_wo)^2]`` over the batch.

    Parameters
    ----------
    shared, source, target : (B, 64)
        ``f_wo``, what any modality of this patient shows; ``f_wm`` and ``f_tm``, what belongs to
        the source's and to the target's modality.
    angle : {"dot", "cosine"}
        As printed, which shorter vectors lower too; or of unit vectors, which only turning lowers.

    References
    ----------
    Zhu and Wang 2025, Eq. 12. The design that it follows, L2M-GAN, multiplies element by element.
    """
    if angle == "cosine":
        parts = cosine_similarity(source, shared), cosine_similarity(target, shared)
    else:
        parts = (source * shared).sum(dim=1), (target * shared).sum(dim=1)
    return (parts[0].square() + parts[1].square()).mean()
