import matplotlib.image
import numpy as np

from train.metrics import tiles, write_png


def test_a_picture_is_read_back_by_others_as_it_was_written(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (13, 29)).astype(np.uint8)
    write_png(tmp_path / "deep" / "one.png", image)
    back = matplotlib.image.imread(tmp_path / "deep" / "one.png")
    np.testing.assert_allclose(back * 255, image, atol=0.01)


def test_tiles_lie_side_by_side_and_row_under_row():
    black, white = np.full((2, 3), -1.0), np.full((2, 3), 1.0)
    sheet = tiles([[black, white], [white, black]])
    assert sheet.shape == (4, 6)
    assert sheet[0, 0] == sheet[3, 5] == 0
    assert sheet[0, 5] == sheet[3, 0] == 255
