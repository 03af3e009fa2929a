"""T1 and T2 as five makers write them, classic and Enhanced."""

from train.phantom.vendors.kinds import Sequence, Style
from train.phantom.vendors.scanners import (
    CANON,
    CANON_TYPE,
    FFE_TYPE,
    FRAME_TYPE,
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

__all__ = ["T1_AND_T2"]

_SIEMENS = (
    Style("siemens-ve-mprage", "MR", VE, Sequence(
        "T1", "t1_mprage_sag_p2_iso", SIEMENS_TYPE, 2300.0, 2.98, 900.0, 9.0,
        scanning=("GR", "IR"), variant=("SK", "SP", "MP"), options=("IR",),
        vendor_name="*tfl3d1_16ns"), body_part="BRAIN"),
    Style("siemens-ve-flash2d", "MR", VE, Sequence(
        "T1", "t1_fl2d_tra", SIEMENS_TYPE, 250.0, 2.46, None, 70.0, dimension="2D",
        scanning=("GR",), variant=("SP", "OSP"), vendor_name="*fl2d1"), body_part="BRAIN"),
    Style("siemens-ve-se", "MR", VE, Sequence(
        "T1", "t1_se_tra", SIEMENS_TYPE, 550.0, 9.1, None, 90.0, dimension="2D",
        scanning=("SE",), variant=("SP", "OSP"), vendor_name="*se2d1")),
    Style("siemens-ve-t2-tse", "MR", VE, Sequence(
        "T2", "t2_tse_tra", SIEMENS_TYPE, 5530.0, 108.0, None, 150.0, 17, "2D",
        scanning=("SE",), variant=("SK", "SP", "OSP"), vendor_name="*tse2d1_17")),
    Style("siemens-xa-mprage", "MR", XA, Sequence(
        "T1", "t1_mprage_sag", SPLIT_TYPE, 1800.0, 2.41, 900.0, 9.0,
        scanning=("GR",), variant=("SK",), options=("PER",), vendor_name="*tfl3d1_16ns"),
        body_part="BRAIN", errors=("InversionTime",)),
    Style("siemens-xa-space", "MR", XA, Sequence(
        "T1", "t1_space_sag", SPLIT_TYPE, 700.0, 11.0, None, 120.0, 42,
        scanning=("SE",), variant=("SP", "SK"), options=("PER",), vendor_name="*spcR_42ns"),
        body_part="BRAIN"),
    Style("siemens-xa-t2-space", "MR", XA, Sequence(
        "T2", "t2_space_sag", SPLIT_TYPE, 3200.0, 408.0, None, 120.0, 282,
        scanning=("SE",), variant=("SP", "SK"), options=("PER",), vendor_name="*spc_282ns"),
        body_part="BRAIN"),
    Style("siemens-xa-mprage-enhanced", "MR", XA, Sequence(
        "T1", "t1_mprage_sag", FRAME_TYPE, 1800.0, 2.41, 900.0, 9.0, 0,
        vendor_name="*tfl3d1_16ns"), enhanced=True, body_part="BRAIN",
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "UNKNOWN"}),
    Style("siemens-xa-space-enhanced", "MR", XA, Sequence(
        "T1", "t1_space_sag", FRAME_TYPE, 700.0, 11.0, None, 120.0, 42,
        vendor_name="*spcR_42ns"), enhanced=True, body_part="BRAIN",
        attributes={"EchoPulseSequence": "SPIN", "AcquisitionContrast": "UNKNOWN"}),
)  # fmt: skip
_GENERAL_ELECTRIC = (
    Style("ge-irspgr", "MR", GE, Sequence(
        "T1", "Accelerated Sag IR-SPGR", GE_TYPE, 6.964, 2.832, 400.0, 11.0,
        scanning=("GR",), variant=("SS", "SP", "SK"), options=GE_OPTIONS),
        body_part="", protocol="ADNI", private=ge_names("efgre3d"), errors=("InversionTime",)),
    Style("ge-mprage", "MR", GE, Sequence(
        "T1", "3D Ax T1 MP-RAGE", GE_TYPE, 2217.66, 3.172, 1000.0, 8.0,
        scanning=("RM", "IR"), options=(*GE_OPTIONS, "IR_GEMS")),
        body_part="BRAIN", protocol="Brain Advanced", private=ge_names("mprage")),
    Style("ge-fspgr", "MR", GE, Sequence(
        "T1", "Ax 3D FSPGR", GE_TYPE, 5.5, 2.012, None, 12.0,
        scanning=("GR",), variant=("SS", "SP", "SK"), options=GE_OPTIONS),
        body_part="BRAIN", protocol="Brain Routine", private=ge_names("efgre3d")),
    Style("ge-se", "MR", GE, Sequence(
        "T1", "Ax T1 SE", GE_TYPE, 600.0, 10.0, None, 90.0, dimension="2D",
        scanning=("SE",), options=("FC",)),
        body_part="", protocol="Brain Routine", private=ge_names("se")),
    Style("ge-t2-fse", "MR", GE, Sequence(
        "T2", "Ax T2 FSE", GE_TYPE, 4500.0, 101.5, None, 142.0, 16, "2D",
        scanning=("SE",), variant=("SK",), options=GE_OPTIONS),
        body_part="BRAIN", protocol="Brain Routine", private=ge_names("fse-xl")),
)  # fmt: skip
_PHILIPS_STYLES = (
    Style("philips-tfe", "MR", PHILIPS, Sequence(
        "T1", "sT1W_3D_TFE", FFE_TYPE, 8.1, 3.7, None, 8.0, 225,
        scanning=("GR",), variant=("MP",), options=("OTHER",)), body_part="HEAD",
        protocol="sT1W_3D_TFE SENSE", private=NO_EPI),
    Style("philips-ffe", "MR", PHILIPS, Sequence(
        "T1", "T1W_FFE_tra", FFE_TYPE, 200.0, 4.6, None, 80.0, dimension="2D",
        scanning=("GR",)), body_part="", protocol="WIP T1W_FFE_tra", private=NO_EPI),
    Style("philips-se", "MR", PHILIPS, Sequence(
        "T1", "T1W_SE", SE_TYPE, 550.0, 12.0, None, 90.0, dimension="2D",
        scanning=("SE",)), body_part="BRAIN", protocol="T1W_SE", private=NO_EPI),
    Style("philips-t2-tse", "MR", PHILIPS, Sequence(
        "T2", "T2W_TSE", SE_TYPE, 3000.0, 80.0, None, 90.0, 15, "2D",
        scanning=("SE",), variant=("SK",)), body_part="BRAIN", private=NO_EPI),
    Style("philips-tfe-enhanced", "MR", PHILIPS, Sequence(
        "T1", "sT1W_3D_TFE", ("ORIGINAL", "PRIMARY", "T1", "NONE"), 8.1, 3.7, None, 8.0, 225,
        vendor_name="T1TFE"), enhanced=True, body_part="HEAD",
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "T1"}),
)  # fmt: skip
_OTHERS = (
    Style("canon-mprage", "MR", CANON, Sequence(
        "T1", "T1 3D MPRAGE", CANON_TYPE, 1900.0, 3.1, 900.0, 9.0,
        scanning=("GR", "IR"), vendor_name="FFE3D_ir")),
    Style("canon-ffe3d", "MR", CANON, Sequence(
        "T1", "T1 FFE3D", CANON_TYPE, 5.7, 2.3, None, 12.0, scanning=("GR",),
        options=("PFP",), vendor_name="FFE3D")),
    Style("canon-se", "MR", CANON, Sequence(
        "T1", "T1 SE AX", CANON_TYPE, 500.0, 15.0, None, 90.0, dimension="2D",
        scanning=("SE",), vendor_name="SE2D")),
    Style("canon-mprage-enhanced", "MR", CANON, Sequence(
        "T1", "T1 3D MPRAGE", FRAME_TYPE, 1900.0, 3.1, 900.0, 9.0,
        vendor_name="FFE3D_ir"), enhanced=True,
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "T1"}),
    Style("uih-gre-fsp", "MR", UIH, Sequence(
        "T1", "t1_gre_fsp_3d_sag", UIH_TYPE, 7.25, 3.1, 750.0, 10.0,
        scanning=("GR", "IR"), vendor_name="gre_fsp"),
        attributes={"SpecificCharacterSet": "ISO_IR 192"}),
    Style("uih-fse", "MR", UIH, Sequence(
        "T1", "t1_fse_tra", UIH_TYPE, 620.0, 11.2, None, 90.0, 3, "2D",
        scanning=("SE",), variant=("SK",), vendor_name="fse"),
        attributes={"SpecificCharacterSet": "ISO_IR 192"}),
)  # fmt: skip
T1_AND_T2 = (*_SIEMENS, *_GENERAL_ELECTRIC, *_PHILIPS_STYLES, *_OTHERS)
