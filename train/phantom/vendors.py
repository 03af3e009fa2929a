"""Header styles: one head sequence each, as a vendor's scanner writes it.

Every value here is a fact about how such headers look, so that a classifier meets in tests what it
will meet at work: GE calls an MPRAGE research mode, Siemens XA drops the inversion from its classic
export, Philips leaves the inversion time out, Canon says nothing of spoiling, some name the head
nowhere but in the study. Numbers are typical ones of 1.5 and 3 T.

References
----------
PS3.3 C.8.3.1 (MR Image), C.8.13 (Enhanced MR), C.8.2.1 (CT Image).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["STYLES", "Private", "Sequence", "Style", "style"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """The numbers and names of one pulse sequence.

    Parameters
    ----------
    label : str
        The weighting that it has: ``T1``, ``T2``, ``CT``, ``CBCT``.
    description : str
        Series Description, and Protocol Name unless the style has its own.
    image_type : tuple of str
        (0008,0008).
    tr, te, ti : float or None
        Milliseconds.
    flip : float or None
        Degrees.
    train : int
        Echo train length.
    dimension : str
        ``2D`` or ``3D``.
    scanning, variant, options : tuple of str
        (0018,0020), (0018,0021), (0018,0022); classic objects only.
    vendor_name : str
        (0018,0024) in classic objects, (0018,9005) in Enhanced ones.
    """

    label: str
    description: str
    image_type: tuple[str, ...]
    tr: float | None = None
    te: float | None = None
    ti: float | None = None
    flip: float | None = None
    train: int = 1
    dimension: str = "3D"
    scanning: tuple[str, ...] = ()
    variant: tuple[str, ...] = ("NONE",)
    options: tuple[str, ...] = ()
    vendor_name: str = ""


@dataclass(frozen=True, slots=True)
class Private:
    """One private element: group, creator, element within the creator's block, VR and value."""

    group: int
    creator: str
    element: int
    vr: str
    value: Any


@dataclass(frozen=True, slots=True)
class Style:
    """How one vendor writes one sequence.

    Parameters
    ----------
    name : str
        What it is asked for by.
    modality : str
        ``MR`` or ``CT``.
    equipment : mapping
        Attributes of the scanner.
    sequence : Sequence
        What was acquired.
    enhanced : bool
        One multi-frame object instead of one object a slice.
    body_part : str
        (0018,0015); empty where the vendor leaves it out.
    protocol : str
        (0018,1030); the series description where empty.
    attributes : mapping
        What else stands at the root, by keyword.
    private : tuple of Private
        Private elements that tell a sequence.
    errors : tuple of str
        Keywords by which real objects of this kind break the standard, and these do too.
    """

    name: str
    modality: str
    equipment: Mapping[str, Any]
    sequence: Sequence
    enhanced: bool = False
    body_part: str = "HEAD"
    protocol: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    private: tuple[Private, ...] = ()
    errors: tuple[str, ...] = ()


def _scanner(
    maker: str, model: str, software: str | tuple[str, ...], tesla: float
) -> dict[str, Any]:
    return {
        "Manufacturer": maker,
        "ManufacturerModelName": model,
        "SoftwareVersions": software,
        "DeviceSerialNumber": "00001",
        "StationName": "PHANTOM1",
        "MagneticFieldStrength": tesla,
    }


_VE = _scanner("SIEMENS", "Prisma_fit", "syngo MR E11", 3.0)
_XA = _scanner("Siemens Healthineers", "MAGNETOM Prisma Fit", "syngo MR XA30", 3.0)
_GE = _scanner("GE MEDICAL SYSTEMS", "SIGNA Premier", ("29", "LX", "RX29.1_R01_2111.a"), 3.0)
_PHILIPS = _scanner("Philips Medical Systems", "Ingenia", ("5.7.1", "5.7.1.1"), 3.0)
_CANON = _scanner("CANON_MEC", "Galan 3T", "V6.0SP2000*", 3.0)
_UIH = _scanner("UIH", "uMR 770", "R002", 3.0)

_SIEMENS_TYPE = ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D")
_SPLIT_TYPE = (*_SIEMENS_TYPE, "MFSPLIT")
_FRAME_TYPE = ("ORIGINAL", "PRIMARY", "M", "NONE")
_GE_TYPE = ("ORIGINAL", "PRIMARY", "OTHER")
_FFE_TYPE = ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE")
_SE_TYPE = ("ORIGINAL", "PRIMARY", "M_SE", "M", "SE")
_CANON_TYPE = ("ORIGINAL", "PRIMARY", "GDC")
_UIH_TYPE = ("ORIGINAL", "PRIMARY", "M", "UCA", "IF")
_GE_OPTIONS = ("FAST_GEMS", "EDR_GEMS", "ACC_GEMS")


def _ge_names(name: str) -> tuple[Private, ...]:
    """GE names the pulse sequence, and the program behind it, in private elements alone."""
    return (
        Private(0x0019, "GEMS_ACQU_01", 0x9C, "LO", name),
        Private(0x0019, "GEMS_ACQU_01", 0x9E, "LO", name.upper()),
    )


_NO_EPI = (Private(0x2001, "Philips Imaging DD 001", 0x13, "SL", 1),)

_SIEMENS = (
    Style("siemens-ve-mprage", "MR", _VE, Sequence(
        "T1", "t1_mprage_sag_p2_iso", _SIEMENS_TYPE, 2300.0, 2.98, 900.0, 9.0,
        scanning=("GR", "IR"), variant=("SK", "SP", "MP"), options=("IR",),
        vendor_name="*tfl3d1_16ns"), body_part="BRAIN"),
    Style("siemens-ve-flash2d", "MR", _VE, Sequence(
        "T1", "t1_fl2d_tra", _SIEMENS_TYPE, 250.0, 2.46, None, 70.0, dimension="2D",
        scanning=("GR",), variant=("SP", "OSP"), vendor_name="*fl2d1"), body_part="BRAIN"),
    Style("siemens-ve-se", "MR", _VE, Sequence(
        "T1", "t1_se_tra", _SIEMENS_TYPE, 550.0, 9.1, None, 90.0, dimension="2D",
        scanning=("SE",), variant=("SP", "OSP"), vendor_name="*se2d1")),
    Style("siemens-ve-t2-tse", "MR", _VE, Sequence(
        "T2", "t2_tse_tra", _SIEMENS_TYPE, 5530.0, 108.0, None, 150.0, 17, "2D",
        scanning=("SE",), variant=("SK", "SP", "OSP"), vendor_name="*tse2d1_17")),
    Style("siemens-xa-mprage", "MR", _XA, Sequence(
        "T1", "t1_mprage_sag", _SPLIT_TYPE, 1800.0, 2.41, 900.0, 9.0,
        scanning=("GR",), variant=("SK",), options=("PER",), vendor_name="*tfl3d1_16ns"),
        body_part="BRAIN", errors=("InversionTime",)),
    Style("siemens-xa-space", "MR", _XA, Sequence(
        "T1", "t1_space_sag", _SPLIT_TYPE, 700.0, 11.0, None, 120.0, 42,
        scanning=("SE",), variant=("SP", "SK"), options=("PER",), vendor_name="*spcR_42ns"),
        body_part="BRAIN"),
    Style("siemens-xa-mprage-enhanced", "MR", _XA, Sequence(
        "T1", "t1_mprage_sag", _FRAME_TYPE, 1800.0, 2.41, 900.0, 9.0, 0,
        vendor_name="*tfl3d1_16ns"), enhanced=True, body_part="BRAIN",
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "UNKNOWN"}),
    Style("siemens-xa-space-enhanced", "MR", _XA, Sequence(
        "T1", "t1_space_sag", _FRAME_TYPE, 700.0, 11.0, None, 120.0, 42,
        vendor_name="*spcR_42ns"), enhanced=True, body_part="BRAIN",
        attributes={"EchoPulseSequence": "SPIN", "AcquisitionContrast": "UNKNOWN"}),
)  # fmt: skip
_GENERAL_ELECTRIC = (
    Style("ge-irspgr", "MR", _GE, Sequence(
        "T1", "Accelerated Sag IR-SPGR", _GE_TYPE, 6.964, 2.832, 400.0, 11.0,
        scanning=("GR",), variant=("SS", "SP", "SK"), options=_GE_OPTIONS),
        body_part="", protocol="ADNI", private=_ge_names("efgre3d"), errors=("InversionTime",)),
    Style("ge-mprage", "MR", _GE, Sequence(
        "T1", "3D Ax T1 MP-RAGE", _GE_TYPE, 2217.66, 3.172, 1000.0, 8.0,
        scanning=("RM", "IR"), options=(*_GE_OPTIONS, "IR_GEMS")),
        body_part="BRAIN", protocol="Brain Advanced", private=_ge_names("mprage")),
    Style("ge-fspgr", "MR", _GE, Sequence(
        "T1", "Ax 3D FSPGR", _GE_TYPE, 5.5, 2.012, None, 12.0,
        scanning=("GR",), variant=("SS", "SP", "SK"), options=_GE_OPTIONS),
        body_part="BRAIN", protocol="Brain Routine", private=_ge_names("efgre3d")),
    Style("ge-se", "MR", _GE, Sequence(
        "T1", "Ax T1 SE", _GE_TYPE, 600.0, 10.0, None, 90.0, dimension="2D",
        scanning=("SE",), options=("FC",)),
        body_part="", protocol="Brain Routine", private=_ge_names("se")),
    Style("ge-t2-fse", "MR", _GE, Sequence(
        "T2", "Ax T2 FSE", _GE_TYPE, 4500.0, 101.5, None, 142.0, 16, "2D",
        scanning=("SE",), variant=("SK",), options=_GE_OPTIONS),
        body_part="BRAIN", protocol="Brain Routine", private=_ge_names("fse-xl")),
)  # fmt: skip
_PHILIPS_STYLES = (
    Style("philips-tfe", "MR", _PHILIPS, Sequence(
        "T1", "sT1W_3D_TFE", _FFE_TYPE, 8.1, 3.7, None, 8.0, 225,
        scanning=("GR",), variant=("MP",), options=("OTHER",)), body_part="HEAD",
        protocol="sT1W_3D_TFE SENSE", private=_NO_EPI),
    Style("philips-ffe", "MR", _PHILIPS, Sequence(
        "T1", "T1W_FFE_tra", _FFE_TYPE, 200.0, 4.6, None, 80.0, dimension="2D",
        scanning=("GR",)), body_part="", protocol="WIP T1W_FFE_tra", private=_NO_EPI),
    Style("philips-se", "MR", _PHILIPS, Sequence(
        "T1", "T1W_SE", _SE_TYPE, 550.0, 12.0, None, 90.0, dimension="2D",
        scanning=("SE",)), body_part="BRAIN", protocol="T1W_SE", private=_NO_EPI),
    Style("philips-t2-tse", "MR", _PHILIPS, Sequence(
        "T2", "T2W_TSE", _SE_TYPE, 3000.0, 80.0, None, 90.0, 15, "2D",
        scanning=("SE",), variant=("SK",)), body_part="BRAIN", private=_NO_EPI),
    Style("philips-tfe-enhanced", "MR", _PHILIPS, Sequence(
        "T1", "sT1W_3D_TFE", ("ORIGINAL", "PRIMARY", "T1", "NONE"), 8.1, 3.7, None, 8.0, 225,
        vendor_name="T1TFE"), enhanced=True, body_part="HEAD",
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "T1"}),
)  # fmt: skip
_OTHERS = (
    Style("canon-mprage", "MR", _CANON, Sequence(
        "T1", "T1 3D MPRAGE", _CANON_TYPE, 1900.0, 3.1, 900.0, 9.0,
        scanning=("GR", "IR"), vendor_name="FFE3D_ir")),
    Style("canon-ffe3d", "MR", _CANON, Sequence(
        "T1", "T1 FFE3D", _CANON_TYPE, 5.7, 2.3, None, 12.0, scanning=("GR",),
        options=("PFP",), vendor_name="FFE3D")),
    Style("canon-se", "MR", _CANON, Sequence(
        "T1", "T1 SE AX", _CANON_TYPE, 500.0, 15.0, None, 90.0, dimension="2D",
        scanning=("SE",), vendor_name="SE2D")),
    Style("canon-mprage-enhanced", "MR", _CANON, Sequence(
        "T1", "T1 3D MPRAGE", _FRAME_TYPE, 1900.0, 3.1, 900.0, 9.0,
        vendor_name="FFE3D_ir"), enhanced=True,
        attributes={"EchoPulseSequence": "GRADIENT", "AcquisitionContrast": "T1"}),
    Style("uih-gre-fsp", "MR", _UIH, Sequence(
        "T1", "t1_gre_fsp_3d_sag", _UIH_TYPE, 7.25, 3.1, 750.0, 10.0,
        scanning=("GR", "IR"), vendor_name="gre_fsp"),
        attributes={"SpecificCharacterSet": "ISO_IR 192"}),
    Style("uih-fse", "MR", _UIH, Sequence(
        "T1", "t1_fse_tra", _UIH_TYPE, 620.0, 11.2, None, 90.0, 3, "2D",
        scanning=("SE",), variant=("SK",), vendor_name="fse"),
        attributes={"SpecificCharacterSet": "ISO_IR 192"}),
)  # fmt: skip


def _ct(maker: str, model: str, software: str) -> dict[str, Any]:
    facts = _scanner(maker, model, software, 0.0)
    return {word: value for word, value in facts.items() if word != "MagneticFieldStrength"}


_X_RAYS = (
    Style("siemens-ct", "CT", _ct("SIEMENS", "SOMATOM Definition AS", "syngo CT VA48A"), Sequence(
        "CT", "Head 3.0 H31s", ("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI")),
        protocol="HeadSpi", attributes={
            "KVP": 120, "ConvolutionKernel": "H31s", "GantryDetectorTilt": 0,
            "SpiralPitchFactor": 0.55, "TableFeedPerRotation": 10.5}),
    Style("ge-ct", "CT", _ct("GE MEDICAL SYSTEMS", "Revolution CT", "revo_ct_21a.26"), Sequence(
        "CT", "Head Std", ("ORIGINAL", "PRIMARY", "AXIAL"), options=("HELICAL MODE",)),
        body_part="", protocol="Routine Head", attributes={
            "KVP": 120, "ConvolutionKernel": "STANDARD", "GantryDetectorTilt": 0}),
    Style("varian-cbct", "CT", _ct("Varian Medical Systems", "On-Board Imager", "2.7"), Sequence(
        "CBCT", "kV_CBCT_1a01", ("ORIGINAL", "PRIMARY", "AXIAL")),
        protocol="Head", attributes={"KVP": 100}),
)  # fmt: skip

STYLES: tuple[Style, ...] = (
    *_SIEMENS, *_GENERAL_ELECTRIC, *_PHILIPS_STYLES, *_OTHERS, *_X_RAYS,
)  # fmt: skip
"""All of them, by vendor."""


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
