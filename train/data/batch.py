"""What a system learns from at once."""

from dataclasses import dataclass

import torch

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Slices, tiles, patches or volumes as networks take them.

    Shapes
    ------
    source : (B, K, H, W) or (B, K, D, H, W), in the network's range
    target : (B, 1, H, W) or (B, 1, D, H, W), the same place as the source where pairs are learned
        from, another scan and size where they are not
    """

    source: torch.Tensor
    target: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        return Batch(self.source.to(device), self.target.to(device))

    def part(self, share: slice) -> "Batch":
        """Return some of its members."""
        return Batch(self.source[share], self.target[share])
