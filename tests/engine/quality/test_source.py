"""What is wrong with a source moves the figure that is there for it."""

from dataclasses import replace

import numpy as np
import pytest

from engine.quality import Seen, picture_of, source_figures
from engine.quality.likeness import WAYS
from engine.task import SOURCE
from tests.engine.heads import T2, head, head_grid

LIKES = {"unlike_within", "unlike_outside", "unlike_grain", "grain_spread", *WAYS}

GRID = head_grid()
ROOM = head_grid(shape=(60, 90, 80))
"""With air on all sides."""


def figures(volume) -> dict[str, float]:
    return source_figures(volume, Seen.of(volume))


@pytest.fixture(scope="module")
def clean():
    return head(ROOM)


def changed(volume, change):
    voxels = np.array(volume.voxels)
    return volume.with_voxels(np.asarray(change(voxels), dtype=np.float32))


def doubled(voxels):
    voxels[30] = voxels[29]
    return voxels


def emptied(voxels):
    voxels[30] = np.abs(np.random.default_rng(1).normal(0, 12, voxels.shape[1:]))
    return voxels


def shuffled(voxels):
    voxels[[25, 33]] = voxels[[33, 25]]
    return voxels


def lost(voxels):
    return np.concatenate([voxels[:28], voxels[32:], voxels[-1:].repeat(4, 0)])


def noisy(voxels):
    return np.abs(voxels + np.random.default_rng(2).normal(0, 60, voxels.shape))


def noisy_slice(voxels):
    voxels[30] += np.random.default_rng(2).normal(0, 90, voxels.shape[1:])
    return voxels


def ghosts(voxels):
    return voxels + 0.2 * np.roll(voxels, 30, axis=1) + 0.2 * np.roll(voxels, -30, axis=1)


def moved(voxels):
    """Acquired in two poses, 12 mm apart: every fourth line in the other."""
    spectra = [np.fft.fft(pose, axis=1) for pose in (voxels, np.roll(voxels, 4, axis=1))]
    spectra[0][:, 1::4] = spectra[1][:, 1::4]
    return np.abs(np.fft.ifft(spectra[0], axis=1))


def clipped(voxels):
    return np.minimum(voxels, 500)


def void(voxels):
    voxels[25:33, 40:52, 35:47] = 0
    return voxels


def hole(voxels):
    z, y, x = np.indices(voxels.shape)
    voxels[(3 * (z - 30)) ** 2 + (3 * (y - 46)) ** 2 + (3 * (x - 40)) ** 2 < 20**2] = 0
    return voxels


def beheaded(voxels):
    voxels[36:] = np.abs(np.random.default_rng(3).normal(0, 12, voxels[36:].shape))
    return voxels


def half(voxels):
    voxels[:, :, 40:] *= 0.3
    return voxels


def wrapped(voxels):
    return np.roll(voxels, 28, axis=0)


def folded(voxels):
    return np.roll(voxels, 35, axis=1)


FAULTS = {
    "doubled": (doubled, "slice_repeat", -0.5),
    "emptied": (emptied, "empty_slices", 1),
    "shuffled": (shuffled, "slice_jump", 1),
    "lost": (lost, "slice_jump", 0.5),
    "out of order": (shuffled, "slice_order", 0.3),
    "closed up": (lost, "slice_gap", 0.2),
    "a hole": (hole, "void_ml", 3),
    "cut within the image": (beheaded, "blunt", 0.4),
    "one side darker": (half, "shade_l", -0.5),
    "noisy": (noisy, "noise", 0.02),
    "noisy slice": (noisy_slice, "noise_slab", 1),
    "ghosts": (ghosts, "background", 0.05),
    "moved": (moved, "halo", 0.1),
    "clipped": (clipped, "saturated", 0.1),
    "void": (void, "blank", 0.002),
    "half": (half, "symmetry", -0.05),
    "wrapped": (wrapped, "step_s", 1),
    "folded": (folded, "cut_front", 0.2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_moves_its_figure(clean, fault):
    change, name, least = FAULTS[fault]
    before, after = figures(clean)[name], figures(changed(clean, change))[name]
    assert (after - before) / least >= 1, (before, after)


def test_figures_are_those_of_the_table(clean):
    assert {*figures(clean), *LIKES} == set(SOURCE)


def test_extents_and_cuts_are_told_in_mm_and_by_end(clean):
    found = figures(clean)
    assert found["extent_l_mm"] == pytest.approx(156, abs=8)
    assert found["extent_p_mm"] == pytest.approx(196, abs=8)
    assert max(found[f"cut_{end}"] for end in ("front", "back", "left", "right", "head")) < 0.02
    top = replace(GRID, shape=(30, 72, 60))
    assert figures(head(top))["cut_head"] > 0.5


def test_noise_beside_a_body_is_no_slice_of_it(clean):
    """A stack that goes on beyond the body shows specks there, and has no empty slice within it."""

    def specks(voxels):
        voxels[:2] = np.abs(np.random.default_rng(4).normal(0, 12, voxels[:2].shape))
        voxels[0, 40:46, 40:46] = 900
        return voxels

    assert figures(changed(clean, specks))["empty_slices"] == 0


@pytest.mark.parametrize("turned", [(0, 0, 0), (0, np.pi / 2, 0), (np.pi / 2, 0, 0)])
def test_ends_are_the_patients_however_the_slices_lie(turned):
    found = figures(head(head_grid(turned, spacing=(3, 3, 3), shape=(70, 70, 70))))
    assert found["cut_left"] == pytest.approx(found["cut_right"], abs=0.05)
    assert found["symmetry"] > 0.9


def test_noise_is_told_in_shares_of_the_bright_end(clean):
    assert 12 / 930 < figures(clean)["noise"] < 24 / 930  # some of it is structure


def test_units_of_ct_are_taken_as_they_are():
    mr = head(ROOM)
    ct = mr.with_voxels(np.asarray(mr.voxels - 1000, dtype=np.float32), unit="HU")
    found = figures(ct)
    assert 12 / 1000 < found["noise"] < 24 / 1000
    assert found["background"] < 0.05


def test_a_picture_tells_contrast_and_direction_apart_and_not_the_spacing(clean):
    def away(volume):
        return float(np.linalg.norm(picture_of(Seen.of(volume)) - usual))

    usual = picture_of(Seen.of(clean))
    again = away(head(ROOM, seed=5))
    finer = away(head(head_grid(shape=(80, 120, 100), spacing=(3.0, 2.2, 2.4))))
    turned = away(clean.with_voxels(np.ascontiguousarray(clean.voxels[::-1])))
    other = away(head(ROOM, T2))
    assert again < finer < min(turned, other) / 3
