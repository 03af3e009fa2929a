"""Images that are asked for over the web: every way in which pixels are stored, no patient's."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.dicom import derive_uid
from dicom_node.values import Origin
from tests.support.mr import MrSeries

SIZE, FRAMES = 48, 3
SYNTAX_OF = {
    "plain": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "rle": RLELossless,
    "jls": JPEGLSLossless,
    "colour": ExplicitVRLittleEndian,
    "synthetic": ExplicitVRLittleEndian,
    "report": ExplicitVRLittleEndian,
    "broken": JPEGLSLossless,
    "video": "1.2.840.10008.1.2.4.100",
}


def drawn(frames: int = FRAMES) -> np.ndarray:
    lines = np.random.default_rng(3).integers(0, 4096, (frames, SIZE, 1)).astype("<u2")
    return np.repeat(lines, SIZE, axis=2)


def address(name: str) -> str:
    """Return where an image is."""
    ds = image(name)
    return (
        f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{ds.SOPInstanceUID}"
    )


def image(name: str) -> Dataset:
    """Return one image, as a data set in the native encoding that comes next to its own."""
    ds = MrSeries(seed="images", slices=1, size=SIZE).datasets()[0]
    ds.SOPInstanceUID = derive_uid("web image", name)
    ds.SeriesInstanceUID = derive_uid("web series", name)
    ds.NumberOfFrames = FRAMES
    pixels = drawn()
    ds.PixelData = pixels.astype(">u2" if name == "big" else "<u2").tobytes()
    if name == "colour":
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.PixelData = np.repeat(pixels.astype("u1")[..., None], 3, axis=3).tobytes()
        ds["PixelData"].VR = "OB"
    elif name == "synthetic":
        ds.SyntheticData = "YES"
        ds.PixelData = bytes(len(ds.PixelData))
    elif name == "report":
        for keyword in ("PixelData", "Rows", "Columns", "NumberOfFrames"):
            del ds[keyword]
    elif name in ("rle", "jls", "broken", "video"):
        ds.compress(RLELossless if name == "rle" else JPEGLSLossless, generate_instance_uid=False)
    if name == "broken":
        content = bytearray(ds.PixelData)
        content[200:400] = bytes(200)
        ds.PixelData = bytes(content)
    return ds


def keep_images(site) -> None:
    for name, syntax in SYNTAX_OF.items():
        origin = Origin.MADE if name == "synthetic" else Origin.RECEIVED
        ds = Dataset(image(name))
        if name == "big":
            ds["PixelData"].VR = "OW"
        site.store.keep(ds, syntax, origin=origin)
