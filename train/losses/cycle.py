"""There and back again, and staying at home."""

from torch import Tensor

__all__ = ["cycle", "identity"]


def cycle(source: Tensor, back: Tensor, target: Tensor, forth: Tensor) -> Tensor:
    """Return ``mean |F(G(mr)) - mr| + mean |G(F(ct)) - ct|``.

    Parameters
    ----------
    source, target : (B, 1, H, W)
        Images of the two domains; they need not belong together.
    back, forth : (B, 1, H, W)
        Each after both generators.

    References
    ----------
    Heng et al. 2024, Eq. 3, after Zhu et al. 2017.
    """
    return (back - source).abs().mean() + (forth - target).abs().mean()


def identity(source: Tensor, source_kept: Tensor, target: Tensor, target_kept: Tensor) -> Tensor:
    """Return ``mean |F(mr) - mr| + mean |G(ct) - ct|``: a generator keeps its own domain.

    Eq. 4 of the paper compares across domains, ``|G(mr) - mr|``, which punishes translation; the
    same-domain form of CycleGAN is meant and is what stands here.

    Parameters
    ----------
    source, target : (B, 1, H, W)
        Images of the two domains.
    source_kept, target_kept : (B, 1, H, W)
        ``F(source)`` and ``G(target)``.

    References
    ----------
    Zhu et al. 2017, Section 5.2; Heng et al. 2024, Eq. 4. Ruling: docs/adr/0006.
    """
    return (source_kept - source).abs().mean() + (target_kept - target).abs().mean()
