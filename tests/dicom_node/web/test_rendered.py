"""Pictures: through the window that is asked for, cut and scaled, and true about what they show."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from tests.dicom_node.web.asking import parts_of
from tests.dicom_node.web.conftest import on_sqlite
from tests.dicom_node.web.images import FRAMES, SIZE, SYNTAX_OF, address, drawn, image, keep_images

STUDY = f"/studies/{image('plain').StudyInstanceUID}"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with on_sqlite(tmp_path_factory.mktemp("images"), now) as site:
        keep_images(site)
        yield site


def seen(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)))


def png(site, path: str, **params) -> np.ndarray:
    found = site.get(path, "image/png", **params)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png"), found.text
    return seen(found.content)


def shown(center: float, width: float, values: np.ndarray) -> np.ndarray:
    """Return what PS3.3 C.11.2.1.2.1 says."""
    grey = ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(grey, 0, 255)


@pytest.mark.parametrize("name", ["plain", "implicit", "big", "rle", "jls"])
def test_an_instance_is_shown_through_its_own_window(images, name):
    found = png(images, address(name) + "/rendered")
    np.testing.assert_allclose(found, shown(450, 900, drawn()[0].astype(float)), atol=1)


def test_a_frame_is_shown_through_the_window_that_is_asked_for(images):
    found = png(images, address("jls") + "/frames/2/rendered", window="2000,3000")
    np.testing.assert_allclose(found, shown(2000, 3000, drawn()[1].astype(float)), atol=1)
    exact = png(images, address("jls") + "/frames/2/rendered", window="2000,3000,linear-exact")
    values = drawn()[1].astype(float)
    np.testing.assert_allclose(exact, np.clip((values - 500) / 3000 * 255, 0, 255), atol=1)
    soft = png(images, address("jls") + "/frames/2/rendered", window="2000,3000,sigmoid")
    np.testing.assert_allclose(soft, 255 / (1 + np.exp(-4 * (values - 2000) / 3000)), atol=1)


def test_a_view_is_cut_and_scaled_to_fit(images):
    path = address("plain") + "/rendered"
    assert png(images, path, viewport="96,200").shape == (96, 96)
    assert png(images, path, viewport="100,20").shape == (20, 20)
    whole = png(images, path)
    part = png(images, path, viewport="8,8,4,2,8,8")
    np.testing.assert_array_equal(part, whole[2:10, 4:12])
    mirrored = png(images, path, viewport=f"{SIZE},{SIZE},0,0,{SIZE},-{SIZE}")
    np.testing.assert_array_equal(mirrored, whole[::-1])


def test_colours_stay_what_they_are(images):
    found = png(images, address("colour") + "/frames/3/rendered")
    np.testing.assert_array_equal(found[..., 0], drawn()[2].astype("u1"))


def test_jpeg_is_what_comes_where_nothing_is_said(images):
    found = images.get(address("plain") + "/rendered", "*/*", quality="100")
    assert found.headers["content-type"] == "image/jpeg"
    assert Image.open(BytesIO(found.content)).size == (SIZE, SIZE)
    small = images.get(address("plain") + "/rendered", "image/jpeg", quality="5")
    assert len(small.content) < len(found.content)


def test_all_frames_of_a_study_come_in_parts_and_what_cannot_be_shown_is_left_out(images):
    found = parts_of(images.get(STUDY + "/rendered", 'multipart/related; type="image/jpeg"'))
    assert {kind for kind, _ in found} == {"image/jpeg"}
    shown_names = set(SYNTAX_OF) - {"report", "broken", "video"}
    assert len(found) >= FRAMES * len(shown_names)


def test_a_thumbnail_is_small(images):
    for path in (STUDY, address("plain"), address("jls") + "/frames/2"):
        found = images.get(path + "/thumbnail", "image/jpeg")
        assert Image.open(BytesIO(found.content)).size == (128, 128)
    found = images.get(STUDY + "/thumbnail", "image/png", viewport="32,32")
    assert seen(found.content).shape[:2] == (32, 32)


def test_a_synthetic_image_says_so_in_the_picture(images):
    """Its pixels are all 0: whatever is bright is the word."""
    for path, least in ((address("synthetic") + "/rendered", 20),
                        (address("synthetic") + "/thumbnail", 20)):  # fmt: skip
        assert (png(images, path) > 128).sum() > least
    plain = png(images, address("plain") + "/rendered", window="100000,2")
    assert plain.max() == 0


def test_what_cannot_be_shown_is_not_acceptable(images):
    for name in ("report", "video", "broken"):
        for what in ("rendered", "thumbnail"):
            assert images.get(f"{address(name)}/{what}", "*/*").status_code == 406


@pytest.mark.parametrize(
    "params",
    [
        {"window": "1"}, {"window": "a,b"}, {"window": "1,2,cubic"}, {"window": "1,0.5"},
        {"window": "1,2,linear,x"}, {"viewport": "0,1"}, {"viewport": "5000,1"},
        {"viewport": "1,2,3"}, {"viewport": "nan,1"}, {"viewport": "-5,5"}, {"quality": "0"},
        {"quality": "101"}, {"quality": "good"}, {"window": "1e9,1"},
    ],
)  # fmt: skip
def test_a_view_that_makes_no_sense_is_refused(images, params):
    found = images.get(address("plain") + "/rendered", "*/*", **params)
    assert found.status_code == 400
    assert found.json()["detail"]


@pytest.mark.parametrize("defined", [True, False])
def test_a_long_table_is_looked_up_wherever_it_lies(sqlite_site, defined):
    ds, table = image("plain"), Dataset()
    table["LUTDescriptor"] = DataElement("LUTDescriptor", "US", [0, 0, 16])
    values = (65535 - np.arange(65536)).astype("<u2")
    table["LUTData"] = DataElement("LUTData", "OW", values.tobytes())
    ds.VOILUTSequence = [table]
    ds["VOILUTSequence"].is_undefined_length = not defined
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in ds:
            del ds[keyword]
    sqlite_site.store.keep(ds)
    found = png(sqlite_site, address("plain") + "/rendered").astype(float)
    shown_values = values[drawn()[0]].astype(float)
    low, high = shown_values.min(), shown_values.max()
    np.testing.assert_allclose(found, (shown_values - low) / (high - low) * 255, atol=1)
