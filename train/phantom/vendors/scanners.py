"""The scanners that styles are of, and what they write whatever the sequence."""

from typing import Any

from train.phantom.vendors.kinds import Private

__all__ = [
    "CANON", "CANON_TYPE", "FFE_TYPE", "FRAME_TYPE", "GE", "GE_OPTIONS", "GE_TYPE", "NO_EPI",
    "PHILIPS", "SE_TYPE", "SIEMENS_TYPE", "SPLIT_TYPE", "UIH", "UIH_TYPE", "VE", "XA",
    "ge_names", "scanner", "without_field",
]  # fmt: skip


def scanner(
    maker: str, model: str, software: str | tuple[str, ...], tesla: float
) -> dict[str, Any]:
    """Return the attributes of an MR scanner (PS3.3 C.7.5.1)."""
    return {
        "Manufacturer": maker,
        "ManufacturerModelName": model,
        "SoftwareVersions": software,
        "DeviceSerialNumber": "00001",
        "StationName": "PHANTOM1",
        "MagneticFieldStrength": tesla,
    }


VE = scanner("SIEMENS", "Prisma_fit", "syngo MR E11", 3.0)
XA = scanner("Siemens Healthineers", "MAGNETOM Prisma Fit", "syngo MR XA30", 3.0)
GE = scanner("GE MEDICAL SYSTEMS", "SIGNA Premier", ("29", "LX", "RX29.1_R01_2111.a"), 3.0)
PHILIPS = scanner("Philips Medical Systems", "Ingenia", ("5.7.1", "5.7.1.1"), 3.0)
CANON = scanner("CANON_MEC", "Galan 3T", "V6.0SP2000*", 3.0)
UIH = scanner("UIH", "uMR 770", "R002", 3.0)

SIEMENS_TYPE = ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D")
SPLIT_TYPE = (*SIEMENS_TYPE, "MFSPLIT")
FRAME_TYPE = ("ORIGINAL", "PRIMARY", "M", "NONE")
GE_TYPE = ("ORIGINAL", "PRIMARY", "OTHER")
FFE_TYPE = ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE")
SE_TYPE = ("ORIGINAL", "PRIMARY", "M_SE", "M", "SE")
CANON_TYPE = ("ORIGINAL", "PRIMARY", "GDC")
UIH_TYPE = ("ORIGINAL", "PRIMARY", "M", "UCA", "IF")
GE_OPTIONS = ("FAST_GEMS", "EDR_GEMS", "ACC_GEMS")


def ge_names(name: str) -> tuple[Private, ...]:
    """GE names the pulse sequence, and the program behind it, in private elements alone."""
    return (
        Private(0x0019, "GEMS_ACQU_01", 0x9C, "LO", name),
        Private(0x0019, "GEMS_ACQU_01", 0x9E, "LO", name.upper()),
    )


NO_EPI = (Private(0x2001, "Philips Imaging DD 001", 0x13, "SL", 1),)


def without_field(maker: str, model: str, software: str) -> dict[str, Any]:
    """Return the attributes of a scanner that has no magnet."""
    facts = scanner(maker, model, software, 0.0)
    return {word: value for word, value in facts.items() if word != "MagneticFieldStrength"}
