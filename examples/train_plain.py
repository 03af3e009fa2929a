"""CT from cone-beam CT on six phantom heads, in plain torch: ``python -m examples.train_plain``.

To be read beside ``train_node.py``: same phantoms, network, loss and number of updates. All of
learning stands here in one place. What it leaves behind is a number.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from engine.models import build
from train.pair import read_pair
from train.phantom import Order, make_phantoms

SEEDS = range(6)  # a head each; the last one is not learned from
LOW_HU, HIGH_HU = -1024, 3000
SIDE, BATCH, UPDATES = 48, 4, 160


def slices_of(path: Path) -> Tensor:
    """Return (Z, 3, SIDE, SIDE): cone-beam CT and CT from 0 to 1, and what is body; made small."""
    pair = read_pair(path)
    images = (np.asarray(volume.voxels) for volume in (pair.sources[0], pair.target))
    parts = [np.clip((hu - LOW_HU) / (HIGH_HU - LOW_HU), 0, 1) for hu in images]
    whole = torch.from_numpy(np.stack([*parts, pair.body], axis=1).astype(np.float32))
    return interpolate(whole, size=(SIDE, SIDE), mode="area")


def main(folder: Path) -> float:
    """Make phantoms, learn, and say how far off the CT of the last head is, in HU."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    order = Order(sources=("CBCT",), target="CT", spacing_mm=4.0)
    *learned, held = [slices_of(path) for path in make_phantoms(folder, SEEDS, order)]
    pool = torch.cat(learned)
    network = build("resunet", "paper", {"channels_in": 1, "width": 8})
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for update in range(1, UPDATES + 1):
        source, target, _ = pool[torch.randint(len(pool), (BATCH,))].split(1, dim=1)
        loss = (network(source) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if update % 40 == 0:
            print(f"update {update}: {loss.item():.3f}")
    source, target, body = held.split(1, dim=1)
    with torch.no_grad():
        away = (network.eval()(source).clip(0, 1) - target).abs()
    error_hu = float(away[body > 0.5].mean()) * (HIGH_HU - LOW_HU)
    print(f"MAE, inside the body, on small slices, 1 held-out phantom: {error_hu:.0f} HU")
    return error_hu


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        main(Path(temporary))
