"""CT, cone-beam CT and PET."""

from train.phantom.vendors.kinds import Sequence, Style
from train.phantom.vendors.scanners import without_field

__all__ = ["RAYS"]

_SOMATOM = without_field("SIEMENS", "SOMATOM Definition AS", "syngo CT VA48A")
_REVOLUTION = without_field("GE MEDICAL SYSTEMS", "Revolution CT", "revo_ct_21a.26")
_IMAGER = without_field("Varian Medical Systems", "On-Board Imager", "2.7")
_BIOGRAPH = without_field("SIEMENS", "Biograph64_mCT", "VG60A")
_DISCOVERY = without_field("GE MEDICAL SYSTEMS", "Discovery MI", "pet_coreload.56")

RAYS = (
    Style("siemens-ct", "CT", _SOMATOM, Sequence(
        "CT", "Head 3.0 H31s", ("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI")),
        protocol="HeadSpi", attributes={
            "KVP": 120, "ConvolutionKernel": "H31s", "GantryDetectorTilt": 0,
            "SpiralPitchFactor": 0.55, "TableFeedPerRotation": 10.5}),
    Style("ge-ct", "CT", _REVOLUTION, Sequence(
        "CT", "Head Std", ("ORIGINAL", "PRIMARY", "AXIAL"), options=("HELICAL MODE",)),
        body_part="", protocol="Routine Head", attributes={
            "KVP": 120, "ConvolutionKernel": "STANDARD", "GantryDetectorTilt": 0}),
    Style("varian-cbct", "CT", _IMAGER, Sequence(
        "CBCT", "kV_CBCT_1a01", ("ORIGINAL", "PRIMARY", "AXIAL")),
        protocol="Head", attributes={"KVP": 100}),
    Style("siemens-pet", "PT", _BIOGRAPH, Sequence(
        "PT", "PET Brain FDG", ("ORIGINAL", "PRIMARY")), protocol="PET_CT_Brain"),
    Style("ge-pet", "PT", _DISCOVERY, Sequence(
        "PT", "Brain FDG 3D", ("ORIGINAL", "PRIMARY")), body_part="BRAIN", protocol="Brain PET"),
)  # fmt: skip
