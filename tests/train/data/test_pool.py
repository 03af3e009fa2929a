import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from train.config import Learning
from train.data import Pool, Prepared
from train.errors import DataInvalid

ALL = {"flip": 0.5, "gain": 0.2, "noise": 0.05, "misalign_px": 1.0, "misalign_deg": 2.0}


def prepared(subject: int, shape=(9, 12, 16), channels: int = 2) -> Prepared:
    """The target says where it was cut: subject and indices."""
    rng = np.random.default_rng(subject)
    z, y, x = np.indices(shape)
    place = (subject * 100 + z * 10 + y / 2 + x / 32).astype(np.float16)
    inside = np.zeros(shape, bool)
    inside[2:7, 3:9, 4:12] = True
    source = rng.uniform(-1, 1, (channels, *shape)).astype(np.float16)
    return Prepared(subject, source, place, inside)


def pool(draw: str = "slices", pairs=None, **changes) -> Pool:
    patch = (1, 6, 8) if draw == "tiles" else (4, 6, 8)
    learning = Learning("any", "paper", seed=3, steps=10, batch=4, draw=draw, patch=patch)
    pairs = [prepared(0), prepared(1), prepared(2)] if pairs is None else pairs
    return Pool(pairs, dataclasses.replace(learning, **changes), (-1.0, 1.0))


def subjects(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1).min(dim=1).values // 100


SHAPES = {"slices": (12, 16), "tiles": (6, 8), "patches": (4, 6, 8), "volumes": (9, 12, 16)}


@pytest.mark.parametrize("draw", SHAPES)
def test_shapes_are_what_networks_take(draw):
    batch = pool(draw).draw(0)
    assert batch.source.shape == (4, 2, *SHAPES[draw])
    assert batch.target.shape == (4, 1, *SHAPES[draw])
    assert batch.source.dtype == batch.target.dtype == torch.float32


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(sorted(SHAPES)), st.booleans())
def test_a_batch_follows_from_seed_and_step_alone(step, draw, paired):
    one, two = pool(draw, augment=ALL, paired=paired), pool(draw, augment=ALL, paired=paired)
    one.draw(7)  # what was drawn before does not matter
    first, second = one.draw(step), two.draw(step)
    assert torch.equal(first.source, second.source)
    assert torch.equal(first.target, second.target)
    other = one.draw(step + 1)
    assert not torch.equal(first.source, other.source)
    another = pool(draw, augment=ALL, paired=paired, seed=4).draw(step)
    assert not torch.equal(first.source, another.source)


@pytest.mark.parametrize("draw", SHAPES)
def test_source_and_target_are_cut_at_one_place_of_one_scan(draw):
    place = [prepared(subject) for subject in range(3)]
    told = [dataclasses.replace(one, source=one.target[None]) for one in place]
    for step in range(5):
        batch = pool(draw, told).draw(step)
        assert torch.equal(batch.source, batch.target)


@pytest.mark.parametrize("draw", SHAPES)
def test_unpaired_sources_and_targets_are_of_two_subjects(draw):
    told = [dataclasses.replace(one, source=one.target[None]) for one in map(prepared, range(3))]
    for step in range(5):
        batch = pool(draw, told, paired=False).draw(step)
        subjects = [
            image.flatten(1).min(dim=1).values // 100 for image in (batch.source, batch.target)
        ]
        assert (subjects[0] != subjects[1]).all()


def test_unpaired_sets_want_two_subjects():
    with pytest.raises(DataInvalid, match="unpaired sets are of one subject"):
        pool(pairs=[prepared(0), prepared(0)], paired=False)


@pytest.mark.parametrize("draw", ["patches", "tiles"])
def test_slices_of_a_batch_are_of_one_scan_and_parts_of_many(draw):
    assert len(subjects(pool(batch=16).draw(0).target).unique()) == 1
    assert len(subjects(pool(draw, batch=16).draw(0).target).unique()) == 3


@pytest.mark.parametrize("draw", ["patches", "tiles"])
def test_parts_stand_in_the_body_and_within_the_volume(draw):
    inside = [dataclasses.replace(one, target=one.inside.astype(np.float16)) for one in
              map(prepared, range(2))]  # fmt: skip
    batch = pool(draw, inside, batch=64).draw(0)
    middle = batch.target[..., 2:4, 3:5] if draw == "tiles" else batch.target[..., 1:3, 2:4, 3:5]
    assert (batch.target.flatten(1).sum(dim=1) > 0).all()
    assert middle.flatten(1).any(dim=1).float().mean() > 0.9  # but where the end pushes them in


@pytest.mark.parametrize("draw", ["patches", "tiles"])
def test_a_volume_smaller_than_a_part_is_continued(draw):
    small = prepared(0)
    here = (slice(2, 5), slice(3, 8))  # fewer planes, and rows, than a part has
    cut = Prepared(0, small.source[:, *here], small.target[here], small.inside[here])
    assert pool(draw, [cut]).draw(0).source.shape == (4, 2, *SHAPES[draw])


def test_volumes_of_one_batch_are_of_one_size():
    pairs = [prepared(0), prepared(1, (10, 12, 16))]
    with pytest.raises(DataInvalid, match="volumes of one batch differ in size"):
        pool("volumes", pairs, batch=16).draw(0)
    assert pool("volumes", pairs, batch=1).draw(0).source.shape[0] == 1


@pytest.mark.parametrize(
    ("draw", "count"), [("slices", 16), ("tiles", 16), ("patches", 4), ("volumes", 3)]
)
def test_looks_are_the_same_every_time_and_show_the_body_of_everybody(draw, count):
    looks, again = pool(draw, augment=ALL).looks(), pool(draw, seed=9).looks()
    assert len(looks) == count
    for one, two in zip(looks, again, strict=True):
        assert torch.equal(one.source, two.source)
        assert one.inside.any()
        assert one.source.shape == (1, 2, *SHAPES[draw])
        assert one.target.shape == one.inside.shape == (1, 1, *SHAPES[draw])
    assert {int(look.target.min()) // 100 for look in looks} == {0, 1, 2}


@pytest.mark.parametrize(("draw", "least"), [("slices", 5), ("tiles", 5), ("patches", 3)])
def test_looks_at_one_scan_are_not_all_at_one_place(draw, least):
    looks = pool(draw, [prepared(0)]).looks()
    assert len({float(look.target.min()) for look in looks}) >= least


def test_a_share_of_a_batch_is_a_batch():
    whole = pool().draw(0)
    part = whole.part(slice(2, 4))
    assert torch.equal(part.source, whole.source[2:])
    assert torch.equal(part.target, whole.target[2:])
