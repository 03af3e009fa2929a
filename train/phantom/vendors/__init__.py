"""Header styles: one sequence each, as a vendor's scanner writes it.

Every value here is a fact about how such headers look, so that a classifier meets in tests what it
will meet at work: GE calls an MPRAGE research mode, Siemens XA drops the inversion from its classic
export, Philips leaves the inversion time out, Canon says nothing of spoiling, some name the head
nowhere but in the study. Numbers are typical ones of 1.5 and 3 T.

References
----------
PS3.3 C.8.3.1 (MR Image), C.8.13 (Enhanced MR), C.8.2.1 (CT Image), C.8.9 (PET).
"""

from train.phantom.vendors.inverted import PD_FLAIR_STIR
from train.phantom.vendors.kinds import Private, Sequence, Style
from train.phantom.vendors.rays import RAYS
from train.phantom.vendors.weighted import T1_AND_T2

__all__ = ["STYLES", "USUAL", "Private", "Sequence", "Style", "style"]

STYLES: tuple[Style, ...] = (*T1_AND_T2, *PD_FLAIR_STIR, *RAYS)
"""All of them, by contrast and vendor."""

USUAL = {
    ("T1", "mprage"): "siemens-ve-mprage", ("T1", "flash2d"): "siemens-ve-flash2d",
    ("T1", "se2d"): "siemens-ve-se", ("T1", "spgr3d"): "ge-fspgr", ("T1", "tse2d"): "uih-fse",
    ("T2", "tse2d"): "siemens-ve-t2-tse", ("T2", "tse3d"): "siemens-xa-t2-space",
    ("PD", "pd2d"): "siemens-ve-pd-tse", ("FLAIR", "flair2d"): "siemens-ve-flair",
    ("FLAIR", "flair3d"): "siemens-xa-flair-space", ("STIR", "stir2d"): "siemens-ve-stir",
    ("CT", "ct"): "siemens-ct", ("CBCT", "cbct"): "varian-cbct", ("PT", "pt"): "siemens-pet",
}  # fmt: skip
"""By contrast and sequence (:data:`train.phantom.scanner.TIMINGS`) the style to take where any
will do."""


def style(name: str) -> Style:
    """Return the style of that name.

    Raises
    ------
    KeyError
        Naming the styles that there are.
    """
    for one in STYLES:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in STYLES)
    raise KeyError(f"no style '{name}'; there are {known}")
