import numpy as np
import pytest

from tests.train.conftest import COARSE_MM, protocol
from train.errors import DataInvalid
from train.pair import read_pair, write_pair
from train.phantom import (
    LABELS,
    RECIPE_SHA256,
    Order,
    Tissue,
    draw_subject,
    make_phantoms,
    scan_pair,
)

SOME = Order(sources=("T1", "CBCT", "PT"), target="FLAIR")


def volumes(session):
    labels = (*session.about["labels"], session.about["makes"])
    return dict(zip(labels, (*session.sources, session.target), strict=True))


def of(session, label, tissue):
    """Median of what a contrast shows of a tissue."""
    return float(np.median(volumes(session)[label].voxels[session.tissue == tissue]))


def test_same_seed_same_bytes(template, tmp_path):
    paths = [
        write_pair(tmp_path / name, scan_pair(draw_subject(3, template), 0, SOME, protocol()))
        for name in ("one", "two")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("label", "dark_to_bright"),
    [
        ("T1", (Tissue.CSF, Tissue.GREY, Tissue.WHITE, Tissue.FAT)),
        ("T2", (Tissue.CORTICAL, Tissue.WHITE, Tissue.GREY, Tissue.CSF)),
        ("PD", (Tissue.CORTICAL, Tissue.WHITE, Tissue.GREY)),
        ("FLAIR", (Tissue.CSF, Tissue.WHITE, Tissue.GREY)),
        ("STIR", (Tissue.FAT, Tissue.WHITE, Tissue.GREY, Tissue.CSF)),
        ("CT", (Tissue.CAVITY, Tissue.FAT, Tissue.WHITE, Tissue.CORTICAL)),
        ("CBCT", (Tissue.CAVITY, Tissue.WHITE, Tissue.CORTICAL)),
        ("PT", (Tissue.FAT, Tissue.WHITE, Tissue.GREY)),
    ],
)
def test_every_contrast_orders_tissues_as_it_does_in_life(session, label, dark_to_bright):
    seen = [of(session, label, tissue) for tissue in dark_to_bright]
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]


def test_all_volumes_lie_on_one_grid_in_their_units(session):
    units = {"CT": "HU", "CBCT": "HU", "PT": "SUVR"}
    for label, volume in volumes(session).items():
        assert volume.grid.same_as(session.target.grid)
        assert volume.unit == units.get(label, "1")
        assert volume.voxels.dtype == np.float32


def test_the_first_source_alone_is_the_same_whatever_else_is_ordered(subject):
    """One order's T1 is not another's: but a target changes nothing of its source's tissue."""
    one, other = (scan_pair(subject, 0, Order(target=t), protocol()) for t in ("CT", "FLAIR"))
    np.testing.assert_array_equal(one.tissue, other.tissue)
    np.testing.assert_array_equal(one.body, other.body)


def test_another_scan_of_a_subject_has_the_same_truth(subject):
    one, two = (scan_pair(subject, index, Order(), protocol()) for index in (0, 1))
    np.testing.assert_array_equal(one.target.voxels, two.target.voxels)
    assert np.abs(one.source.voxels - two.source.voxels).max() > 0


def test_what_is_to_be_made_is_acquired_by_one_protocol(subject):
    scans = [scan_pair(subject, index, Order(target="STIR"), protocol()) for index in range(2)]
    assert scans[0].about["timings"][-1] == scans[1].about["timings"][-1]


def test_outside_the_body_there_is_air(session):
    seen, body = volumes(session), session.body
    assert np.median(seen["CT"].voxels[~body]) == -1000
    assert seen["PT"].voxels[~body].mean() < 0.05
    assert (session.tissue[~body] == Tissue.OUTSIDE).mean() > 0.98
    assert (session.tissue[body] != Tissue.OUTSIDE).mean() > 0.95


def test_sources_but_the_first_are_moved_as_far_as_ordered(subject):
    order = Order(sources=("T1", "CT"), target="CT", shift_mm=6.0)
    pair = scan_pair(subject, 1, order, protocol())
    shifts = [np.linalg.norm(one["shift_mm"]) for one in pair.about["timings"]]
    assert shifts[0] == shifts[-1] == 0
    assert 0 < shifts[1] <= 6.0
    assert np.abs(pair.sources[1].voxels - pair.target.voxels).mean() > 5
    still = scan_pair(subject, 1, Order(sources=("T1", "CT"), target="CT"), protocol())
    np.testing.assert_array_equal(still.sources[1].voxels, still.target.voxels)


def test_a_pair_says_how_it_was_made(session):
    about = session.about
    assert about["labels"] == ["T1", "T2", "PD", "FLAIR", "STIR", "CBCT", "PT"]
    assert (about["makes"], about["anatomy"], about["recipe"]) == ("CT", "head", RECIPE_SHA256)
    assert set(about["strata"]) == {"lesion", "disease", "plane", "sequence", "field"}
    assert [one["label"] for one in about["timings"]] == [*about["labels"], "CT"]


@pytest.mark.parametrize("target", LABELS)
def test_a_file_gives_back_its_pair(subject, tmp_path, target):
    pair = scan_pair(subject, 2, Order(target=target), protocol("coronal"))
    back = read_pair(write_pair(tmp_path, pair))
    for one, other in zip((*back.sources, back.target), (*pair.sources, pair.target), strict=True):
        np.testing.assert_allclose(one.voxels, other.voxels, atol=1e-4)
    np.testing.assert_array_equal(back.tissue, pair.tissue)
    assert back.source.grid.same_as(pair.source.grid)
    assert back.about["protocol"]["plane"] == "coronal"


def test_a_spine_is_scanned_as_one(spine):
    pair = scan_pair(spine, 0, Order(anatomy="spine", target="STIR"))
    assert pair.about["protocol"]["plane"] == "sagittal"
    assert Tissue.CORD in pair.tissue


def test_a_head_where_a_spine_is_ordered_is_refused(subject):
    with pytest.raises(DataInvalid, match="subject 7 is a head, a spine is ordered"):
        scan_pair(subject, 0, Order(anatomy="spine"))


@pytest.mark.slow
def test_number_of_workers_changes_no_byte(tmp_path):
    order = Order(spacing_mm=COARSE_MM)
    alone, together = (
        sorted(make_phantoms(tmp_path / str(n), [1, 2], order, workers=n)) for n in (1, 2)
    )
    assert [p.read_bytes() for p in alone] == [p.read_bytes() for p in together]
