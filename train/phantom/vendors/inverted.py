"""Proton density, FLAIR and STIR as makers write them."""

from train.phantom.vendors.kinds import Sequence, Style
from train.phantom.vendors.scanners import (
    CANON,
    CANON_TYPE,
    GE,
    GE_OPTIONS,
    GE_TYPE,
    NO_EPI,
    PHILIPS,
    SE_TYPE,
    SIEMENS_TYPE,
    SPLIT_TYPE,
    UIH,
    UIH_TYPE,
    VE,
    XA,
    ge_names,
)

__all__ = ["PD_FLAIR_STIR"]

_SIEMENS = (
    Style("siemens-ve-pd-tse", "MR", VE, Sequence(
        "PD", "pd_tse_tra", SIEMENS_TYPE, 2800.0, 12.0, None, 150.0, 7, "2D",
        scanning=("SE",), variant=("SK", "SP", "OSP"), vendor_name="*tse2d1_7")),
    Style("siemens-ve-flair", "MR", VE, Sequence(
        "FLAIR", "t2_tirm_tra_dark-fluid", SIEMENS_TYPE, 9000.0, 86.0, 2500.0, 150.0, 16, "2D",
        scanning=("SE", "IR"), variant=("SK", "SP", "MP", "OSP"), options=("IR", "PFP"),
        vendor_name="*tir2d1_16")),
    Style("siemens-ve-stir", "MR", VE, Sequence(
        "STIR", "t2_tirm_sag", SIEMENS_TYPE, 4000.0, 45.0, 220.0, 150.0, 9, "2D",
        scanning=("SE", "IR"), variant=("SK", "SP", "MP", "OSP"), options=("IR", "PFP"),
        vendor_name="*tir2d1_9")),
    Style("siemens-xa-flair-space", "MR", XA, Sequence(
        "FLAIR", "t2_space_dark-fluid_sag", SPLIT_TYPE, 5000.0, 387.0, 1800.0, 120.0, 282,
        scanning=("SE", "IR"), variant=("SK", "SP", "MP"), options=("IR", "PFP"),
        vendor_name="*spcir_282ns"), body_part="BRAIN"),
)  # fmt: skip
_GENERAL_ELECTRIC = (
    Style("ge-pd-fse", "MR", GE, Sequence(
        "PD", "Ax PD FSE", GE_TYPE, 2600.0, 15.1, None, 125.0, 8, "2D",
        scanning=("SE",), variant=("SK",), options=GE_OPTIONS),
        body_part="BRAIN", protocol="Brain Routine", private=ge_names("fse-xl")),
    Style("ge-flair", "MR", GE, Sequence(
        "FLAIR", "Ax T2 FLAIR", GE_TYPE, 9000.0, 118.2, 2474.0, 160.0, 20, "2D",
        scanning=("SE", "IR"), variant=("SK",), options=(*GE_OPTIONS, "IR_GEMS")),
        body_part="BRAIN", protocol="Brain Routine", private=ge_names("t2flair")),
    Style("ge-stir", "MR", GE, Sequence(
        "STIR", "Sag STIR", GE_TYPE, 4500.0, 42.3, 210.0, 160.0, 12, "2D",
        scanning=("SE", "IR"), variant=("SK",), options=(*GE_OPTIONS, "IR_GEMS")),
        body_part="BRAIN", protocol="Brain Routine", private=ge_names("fse-xl")),
)  # fmt: skip
_PHILIPS_STYLES = (
    Style("philips-pd-tse", "MR", PHILIPS, Sequence(
        "PD", "PDW_TSE", SE_TYPE, 2500.0, 16.0, None, 90.0, 8, "2D",
        scanning=("SE",), variant=("SK",)), body_part="BRAIN", private=NO_EPI),
    Style("philips-flair", "MR", PHILIPS, Sequence(
        "FLAIR", "FLAIR_longTR", ("ORIGINAL", "PRIMARY", "M_IR", "M", "IR"),
        11000.0, 125.0, 2800.0, 90.0, 27, "2D", scanning=("IR",), variant=("SK",)),
        body_part="BRAIN", private=NO_EPI),
    Style("philips-stir", "MR", PHILIPS, Sequence(
        "STIR", "STIR_TSE", ("ORIGINAL", "PRIMARY", "M_IR", "M", "IR"),
        3500.0, 60.0, 200.0, 90.0, 12, "2D", scanning=("IR",), variant=("SK",)),
        body_part="BRAIN", private=NO_EPI),
)  # fmt: skip
_OTHERS = (
    Style("canon-flair", "MR", CANON, Sequence(
        "FLAIR", "FLAIR AX", CANON_TYPE, 10000.0, 105.0, 2700.0, 90.0, 19, "2D",
        scanning=("SE", "IR"), variant=("SK",), vendor_name="FSE2D_ir")),
    Style("uih-stir", "MR", UIH, Sequence(
        "STIR", "t2_fse_stir_sag", UIH_TYPE, 3800.0, 48.0, 210.0, 90.0, 11, "2D",
        scanning=("SE", "IR"), variant=("SK",), vendor_name="fse"),
        attributes={"SpecificCharacterSet": "ISO_IR 192"}),
)  # fmt: skip

PD_FLAIR_STIR = (*_SIEMENS, *_GENERAL_ELECTRIC, *_PHILIPS_STYLES, *_OTHERS)
