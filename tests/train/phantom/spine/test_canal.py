import numpy as np
from scipy.ndimage import binary_dilation

from train.phantom.tissues import Tissue


def heights(made, name, below):
    """Voxel heights from the middle of one vertebra down to another's."""
    z = made.body.axes[0]
    return (z <= made.column.named(name).frame.up) & (z >= made.column.named(below).frame.up)


def test_fluid_surrounds_the_cord_on_all_sides(sound):
    """Whatever touches the cord in an axial slice is mostly fluid."""
    part = heights(sound, "T10", "T12")
    cord = sound.body.fractions[Tissue.CORD][part] > 0.5
    left = sound.body.axes[2]
    cord &= (np.abs(left) < 9)[None, None, :]
    ring = binary_dilation(cord, np.ones((1, 3, 3), bool)) & ~cord
    fluid = sound.body.fractions[Tissue.CSF] + sound.body.fractions[Tissue.CORD]
    assert cord.any(axis=(1, 2)).all()
    assert fluid[part][ring].mean() > 0.85


def test_the_cord_ends_in_a_cone_near_l1(sound, broken, inflamed):
    for made in (sound, broken, inflamed):
        middle = np.abs(made.body.axes[2]) < 6
        cord = (made.body.fractions[Tissue.CORD][:, :, middle] > 0.7).sum(axis=(1, 2))
        above, below = heights(made, "T10", "T11"), heights(made, "L3", "L5")
        assert cord[above].min() >= 2
        assert cord[below].mean() < 0.4 * cord[above].mean()


def test_roots_hang_in_the_back_of_the_sac(sound):
    part = heights(sound, "L3", "L4")
    left, back = np.abs(sound.body.axes[2]) < 4, sound.body.axes[1]
    share = sound.body.fractions[Tissue.CORD][part][:, :, left].sum(axis=(0, 2))
    fluid = sound.body.fractions[Tissue.CSF][part][:, :, left].sum(axis=(0, 2))
    assert (share @ back) / share.sum() > (fluid @ back) / fluid.sum() + 1


def test_the_sac_ends_in_the_sacrum(sound, broken, inflamed):
    for made in (sound, broken, inflamed):
        near = np.abs(made.body.axes[2]) < 8
        wall = made.column.named("L3").frame.back
        deep = made.body.axes[1] > wall
        fluid = made.body.fractions[Tissue.CSF][:, deep][:, :, near].max(axis=(1, 2)) > 0.5
        lowest = made.body.axes[0][fluid].min()
        assert made.column.named("L5").frame.up > lowest > made.column.named("S4").frame.up


def test_fat_fills_the_holes_where_roots_leave(sound):
    fat = sound.body.fractions[Tissue.FAT]
    z, y, x = sound.body.axes
    disc = sound.column.discs[7]
    wall = disc.frame.back + 0.45 * disc.depth
    near = (np.abs(z - disc.frame.up)[:, None] < 4) & (y > wall + 2)[None] & (y < wall + 8)[None]
    side = (np.abs(x) > 14) & (np.abs(x) < 20)
    assert fat[near][:, side].mean() > 0.4
