import base64
from dataclasses import replace

import numpy as np
import pytest

from engine.volume import Grid
from tests.train.toys import toy_pair
from train.evaluate.pictures import PLANES, Look, case_of, encoded

LOOK = Look.of("CT", (-1000.0, 2000.0))


def shown(pair, made):
    return case_of("a toy", pair, {"this model": made}, pair.target.voxels, LOOK)


def test_planes_go_through_the_worst_place():
    pair = toy_pair(0)
    made = pair.target.voxels.copy()
    made[4, 10, 9] += 5000
    case = shown(pair, made)
    assert [view.plane for view in case.views] == list(PLANES)
    for view in case.views:
        error = view.images["error"].astype(int)
        assert (error[..., 0] - error[..., 2]).max() > 60  # red: too high


def test_where_it_is_right_the_error_is_white():
    pair = toy_pair(0)
    case = shown(pair, pair.target.voxels)
    for view in case.views:
        assert view.images["error"].min() >= 246
        np.testing.assert_array_equal(view.images["this model"], view.images["truth"])


def test_steps_of_different_length_keep_their_shape():
    pair = toy_pair(0)
    axial = shown(pair, pair.target.voxels).views[0]
    rows, columns = axial.images["T1"].shape[:2]
    assert axial.size_mm == pytest.approx((rows * 6, columns * 6))


def test_every_source_is_there_and_without_truth_no_error():
    pair = toy_pair(0, labels=("T1", "T2"))
    case = case_of("a toy", pair, {"this model": pair.target.voxels}, None, LOOK)
    assert list(case.views[0].images) == ["T1", "T2", "this model"]


def test_the_head_is_up_and_the_left_hand_is_right():
    """A spot high up on the patient's left, on a grid that runs the other way along every axis."""
    pair = toy_pair(0)
    affine = np.array(pair.target.affine)
    affine[:3, :3] *= -1
    grid = Grid(pair.target.shape, affine)
    spot = np.full(grid.shape, -1000, np.float32)
    spot[2, 12, 5] = 1600  # near the front of z and x: now high and left
    turned = replace(
        pair,
        sources=tuple(replace(one, grid=grid) for one in pair.sources),
        target=replace(pair.target, grid=grid),
    )
    body = np.zeros(grid.shape, bool)
    body[2, 12, 5] = True
    one = replace(turned, body=body)
    coronal = case_of("a spot", one, {"this model": spot}, None, LOOK).views[1]
    row, column = np.argwhere(coronal.images["this model"][..., 0] > 200)[0]
    assert row < grid.shape[0] / 2
    assert column > grid.shape[2] / 2


def test_an_image_becomes_a_png_within_the_page():
    data = encoded(np.zeros((3, 4, 3), np.uint8))
    head, _, body = data.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body).startswith(b"\x89PNG")


def test_pet_is_in_colour_and_mr_is_grey():
    values = np.linspace(0, 1, 5)
    grey, colour = (Look.of(one, (0.0, 1.0)).drawn(values) for one in ("FLAIR", "PT"))
    assert (grey[:, 0] == grey[:, 2]).all()
    assert (colour[:, 0] != colour[:, 2]).any()
