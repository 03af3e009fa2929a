"""One frame as a picture: grey values through a window, colours as they are, cut and scaled."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dicom_node.archive.reader import OBJECT_ERRORS, Pixels, Source, vr_of
from dicom_node.errors import Unreadable

__all__ = ["View", "Window", "picture"]

Array = np.ndarray[Any, Any]
_TAILS = (0.5, 99.5)
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_TABLES = (
    "ModalityLUTSequence",
    "VOILUTSequence",
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)
_TABLE_IN_ITEM, _LONGEST_TABLE = Tag("LUTData"), 2**18
_OF_FRAMES = ("FrameVOILUTSequence", "PixelValueTransformationSequence")


@dataclass(frozen=True, slots=True)
class Window:
    """Which values are shown (PS3.3 C.11.2.1.2): the rest is black or white."""

    center: float
    width: float
    function: str = "LINEAR"

    def apply(self, values: Array) -> Array:
        """Return brightness from 0 to 1."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.center) / self.width, -60, 60)
            return 1 / (1 + np.exp(exponent))
        exact = self.function == "LINEAR_EXACT"
        center, width = self.center - (not exact) * 0.5, self.width - (not exact)
        return np.clip((values - center) / max(width, 1e-9) + 0.5, 0, 1)


@dataclass(frozen=True, slots=True)
class View:
    """How a frame is shown.

    Parameters
    ----------
    window : Window or None
        None: what the object proposes.
    size : (width, height) or None
        What it is scaled to fit in; None leaves it as it is.
    region : (x, y, width, height)
        Of the frame, in its pixels; a size of 0 is up to the end, a negative one mirrors.
    """

    window: Window | None = None
    size: tuple[int, int] | None = None
    region: tuple[float, float, float, float] = (0, 0, 0, 0)


def picture(pixels: Pixels, index: int, view: View, most_bytes: int) -> Image.Image:
    """Return a frame as it is looked at.

    What is synthetic says so in the picture: its header, which says so too, stays behind.

    Raises
    ------
    Unreadable
        When it cannot be decoded.
    """
    frame, about = pixels.decoded(index, raw=False, most_bytes=most_bytes)
    try:
        ds = _of_frame(pixels, index)
        shown = Image.fromarray(
            _eight_bits(frame, str(about["photometric_interpretation"]), ds, view)
        )
    except OBJECT_ERRORS as exc:
        raise Unreadable(f"frame {index + 1} cannot be shown: {type(exc).__name__}") from exc
    shown = _cut(shown, view)
    if _text(ds, "SyntheticData") == "YES":
        ImageDraw.Draw(shown).text(
            (3, 3), "SYNTHETIC", fill="white", stroke_width=1, stroke_fill="black"
        )
    return shown


def _of_frame(pixels: Pixels, index: int) -> Dataset:
    """Return the header with what the functional groups say of this frame put over it."""
    ds = Dataset(pixels.ds)
    implicit, little = pixels.ds.original_encoding  # of a table's words
    ds.set_original_encoding(implicit, little, pixels.ds.original_character_set)
    for tag, number in ((_SHARED, 0), (_PER_FRAME, index)):
        found: Any = ds.get_item(tag, keep_deferred=True) if tag in ds else None
        groups = pixels.source.items(found) if found is not None else ()
        for keyword in _OF_FRAMES:
            items = groups[number].get(keyword) if number < len(groups) else None
            if items:
                ds.update(items[0])
    for keyword in _TABLES:
        _load(pixels.source, ds, Tag(keyword))
    return ds


def _load(source: Source, ds: Dataset, tag: BaseTag) -> None:
    """Have a table in memory that was left in the file for its length."""
    raw: Any = ds.get_item(tag, keep_deferred=True) if tag in ds else None
    if raw is None or not raw.is_raw or raw.value is not None or not raw.length:
        return
    if vr_of(raw, ds) != "SQ":
        if raw.length <= _LONGEST_TABLE:
            ds[tag] = raw._replace(value=source.value(raw))
        return
    items = source.items(raw)[:1]  # the first is what is applied
    for item in items:
        _load(source, item, _TABLE_IN_ITEM)
    ds[tag] = DataElement(tag, "SQ", Sequence(items))


def _eight_bits(frame: Array, interpretation: str, ds: Dataset, view: View) -> Array:
    if interpretation == "PALETTE COLOR":
        frame = apply_color_lut(frame, ds)
    if frame.ndim == 3:
        return _colours(frame)
    values = np.asarray(apply_modality_lut(frame, ds), np.float32)
    window = view.window or next(_proposed(ds), None)
    if window is not None:
        bright = window.apply(values)
    elif "VOILUTSequence" in ds:
        bright = _spread(apply_voi(frame, ds), 0, 100)
    else:
        bright = _spread(values, *_TAILS)
    if interpretation == "MONOCHROME1":
        bright = 1 - bright
    return (bright * 255 + 0.5).astype(np.uint8)


def _colours(frame: Array) -> Array:
    """Return three samples of eight bits."""
    if frame.dtype == np.uint8:
        return frame[..., :3]
    top = max(int(frame.max()), 1) if frame.size else 1
    return (frame[..., :3].astype(np.float32) * (255 / max(top, 255))).astype(np.uint8)


def _spread(values: Array, low: float, high: float) -> Array:
    """Return brightness where nobody says what to show: all but the outermost values."""
    finite = values[np.isfinite(values)]
    ends = np.percentile(finite, (low, high)) if finite.size else (0.0, 1.0)
    spread = (np.asarray(values, np.float32) - ends[0]) / max(float(ends[1] - ends[0]), 1e-9)
    return np.clip(np.nan_to_num(spread), 0, 1)


def _proposed(ds: Dataset) -> Iterator[Window]:
    """Yield the window that the object proposes first, where it is one."""
    try:
        center, width = (_first(ds.get(name)) for name in ("WindowCenter", "WindowWidth"))
    except OBJECT_ERRORS:
        return
    if (
        center is not None
        and width is not None
        and width > 0
        and np.isfinite([center, width]).all()
    ):
        yield Window(center, width, _text(ds, "VOILUTFunction") or "LINEAR")


def _first(value: Any) -> float | None:
    if value in (None, ""):
        return None
    is_many = not isinstance(value, str) and hasattr(value, "__len__")
    return float(value[0] if is_many else value)


def _text(ds: Dataset, keyword: str) -> str:
    try:
        return str(ds.get(keyword) or "").strip().upper()
    except OBJECT_ERRORS:
        return ""


def _cut(shown: Image.Image, view: View) -> Image.Image:
    x, y, width, height = view.region
    left, top = min(max(0.0, x), shown.width - 1), min(max(0.0, y), shown.height - 1)
    right = min(left + (abs(width) or shown.width), shown.width)
    bottom = min(top + (abs(height) or shown.height), shown.height)
    box = (int(left), int(top), max(int(left) + 1, round(right)), max(int(top) + 1, round(bottom)))
    if box != (0, 0, *shown.size):
        shown = shown.crop(box)
    if width < 0:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if height < 0:
        shown = shown.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if view.size is None:
        return shown
    scale = min(view.size[0] / shown.width, view.size[1] / shown.height)
    size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
    return shown.resize(size, Image.Resampling.BILINEAR)
