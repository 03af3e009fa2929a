"""What the numbers of the pulse sequence make an image: its weighting, from timing alone.

Times are in milliseconds, angles in degrees. A limit says where a weighting is certain, not where
it begins: between two limits nothing is decided, and an undecided image is refused.

References
----------
PS3.3 C.8.3.1 (MR Image) and C.8.13.4 (MR Pulse Sequence). The limits marked (seen) hold on 211
real series of five vendors, the others follow from relaxation times at 1.5 and 3 T.
"""

import re
from dataclasses import dataclass
from typing import Literal

from dicom_node.series.facts import Header, codes, positive, series_texts, words
from dicom_node.series.findings import Label

__all__ = ["Numbers", "numbers_of", "weighting"]

Echo = Literal["gradient", "spin"]

MIN_TE = 0.5
"""Below lie ultra-short echoes, whose contrast is proton density."""
PREPARED_TE, PREPARED_FLIP = 10.0, 20.0
"""Inversion-prepared gradient echo, the MPRAGE family: echo before, flip angle up to (seen)."""
PREPARED_TI = (300.0, 1500.0)
PREPARED_TI_LONG_TR = (500.0, 1500.0)
"""With a TR from inversion to inversion; a shorter TI nulls white matter and turns the contrast."""
PREPARED_TR_SHORT, PREPARED_TR_LONG = 30.0, (1000.0, 3500.0)
"""TR is the echo spacing (GE, Philips, UIH) or the inversion period (Siemens, GE MPRAGE) (seen).
Longer periods belong to MP2RAGE and to white-matter-nulled images."""
SPOILED_TR, SPOILED_TE, SPOILED_FLIP = 40.0, 8.0, 8.0
"""3D spoiled gradient echo: up to, up to, from (seen)."""
FLASH_TR, FLASH_TE, FLASH_FLIP = (80.0, 500.0), 6.0, 50.0
"""2D spoiled gradient echo: between, up to, from (seen)."""
T2STAR_TE = 12.0
"""A gradient echo this late weighs T2* first (seen: SWI 20-40, BOLD 30)."""
T1_SPIN_TR, T1_SPIN_TE = 1000.0, 35.0
"""Spin echo and its trains: up to, up to (seen: 350/27, 700/11)."""
T1_FLAIR_TI, T1_FLAIR_TR, T1_FLAIR_TE = (500.0, 1300.0), 3500.0, 40.0
STIR_TI, STIR_TR = (80.0, 300.0), 1500.0
"""The null of fat lies at 0.69 T1: 150 ms at 1.5 T, to 230 ms at 3 T (seen: 140)."""
FLAIR_TI, FLAIR_TR, FLAIR_TE = (1500.0, 3200.0), 4000.0, 50.0
"""The null of CSF; from, from (seen: 8000/81/2370, 4800/387/1650)."""
LONG_TR, PD_TE, T2_TE = 1800.0, 40.0, 60.0
"""Spin echo without T1 weighting: from; proton density up to, T2 from. Fat-suppressed images of
joints lie between 40 and 60 and are neither."""
T2_TE_2D, T2_TE_3D = 200.0, 600.0
"""Above lie hydrographs (MRCP, myelography); the effective TE of 3D trains runs higher (seen)."""

_SPIN_NAME = re.compile(r"\*?(tse|se\d|spc|tir|h2d|re2d)")
_GRADIENT_NAME = re.compile(r"\*?(tfl|fl[23]d|gre|fm[23]d|swi|qfl|fe?3d)")
_SPOILED_NAME = re.compile(r"^\*?(tfl|fl[23]d)|spgr|bravo|gre fsp|mp.?rage|vibe|thrive|lava|\bt1")
_BALANCED = {"FREE_PRECESSION", "TRANSVERSE", "TIME_REVERSED"}
_MT = {"ON_RESONANCE", "OFF_RESONANCE", "BOTH"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a pulse sequence, None where the header has none above 0.

    Parameters
    ----------
    tr, te, ti : float or None
        Milliseconds.
    flip : float or None
        Degrees.
    echo : {"gradient", "spin"} or None
        What makes the echo; None where the header does not say, or contradicts itself.
    inverted, prepared, spoiled, balanced, transfer : bool
        An inversion pulse; any magnetisation preparation; spoiling that the header states;
        balanced or reversed steady state; magnetisation transfer.
    dimension : str
        ``2D``, ``3D`` or empty.
    """

    tr: float | None
    te: float | None
    ti: float | None
    flip: float | None
    echo: Echo | None
    inverted: bool
    prepared: bool
    spoiled: bool
    balanced: bool
    transfer: bool
    dimension: str


def numbers_of(header: Header) -> Numbers:
    """Gather the numbers from a header; never fails, whatever stands in it."""
    tr, te, flip = (positive(header, word) for word in ("RepetitionTime", "EchoTime", "FlipAngle"))
    ti = positive(header, "InversionTime")
    sequence, variant = codes(header, "ScanningSequence"), codes(header, "SequenceVariant")
    transfer = "MTC" in variant or "MT" in codes(header, "ScanOptions")
    return Numbers(
        tr=tr,
        te=te,
        ti=ti,
        flip=flip,
        echo=_echo(header) or _echo_by_timing(tr, te, flip),
        inverted=bool(ti) or "IR" in sequence or "YES" in codes(header, "InversionRecovery"),
        prepared="MP" in variant,
        spoiled=_is_spoiled(header),
        balanced=bool(_BALANCED & set(codes(header, "SteadyStatePulseSequence"))),
        transfer=transfer or bool(_MT & set(codes(header, "MagnetizationTransfer"))),
        dimension="".join(codes(header, "MRAcquisitionType")[:1]),
    )


def weighting(header: Header) -> Label | None:
    """Return the weighting that the numbers alone make certain, else None.

    ``SWI`` stands for every T2* weighting. Contrast agent and fat suppression are not looked at.
    """
    n = numbers_of(header)
    if n.tr is None or n.te is None or n.te < MIN_TE or n.balanced:
        return None
    if n.echo == "gradient":
        return _gradient(n, n.tr, n.te)
    if n.echo == "spin":
        return _inverted_spin(n, n.tr, n.te) if n.inverted else _spin(n, n.tr, n.te)
    return None


def _echo(header: Header) -> Echo | None:
    """Return what the header says; a vendor's name for it outranks the Enhanced attribute.

    Siemens XA writes ``GRADIENT`` for spin-echo EPI; Philips writes ``IR`` alone for an inverted
    train of spin echoes.
    """
    sequence = set(codes(header, "ScanningSequence"))
    said: set[Echo] = set()
    if "GR" in sequence:
        said.add("gradient")
    if "SE" in sequence or sequence == {"IR"}:
        said.add("spin")
    name = words(header.get("SequenceName")) or words(header.get("PulseSequenceName"))
    if _GRADIENT_NAME.match(name):
        said.add("gradient")
    elif _SPIN_NAME.match(name):
        said.add("spin")
    if not said:
        pulse = codes(header, "EchoPulseSequence")
        return "gradient" if pulse == ("GRADIENT",) else "spin" if pulse == ("SPIN",) else None
    return said.pop() if len(said) == 1 else None


def _echo_by_timing(tr: float | None, te: float | None, flip: float | None) -> Echo | None:
    """No spin echo is repeated within 40 ms, or excited by a small angle."""
    if te is None or te >= PREPARED_TE:
        return None
    fast = tr is not None and tr <= SPOILED_TR
    small = flip is not None and flip <= PREPARED_FLIP
    return "gradient" if fast or small else None


def _is_spoiled(header: Header) -> bool:
    """Tell spoiling by attributes, else by a name that no balanced sequence bears.

    Canon and Toshiba leave Sequence Variant at ``NONE``, so that only the name is left.
    """
    if {"SP", "MP"} & set(codes(header, "SequenceVariant")):
        return True
    if {"RF", "GRADIENT", "RF_AND_GRADIENT"} & set(codes(header, "Spoiling")):
        return True
    if "T1" in codes(header, "AcquisitionContrast"):
        return True
    if "SS" in codes(header, "SequenceVariant"):
        return False
    names = [words(header.get(word)) for word in ("SequenceName", "PulseSequenceName")]
    return any(_SPOILED_NAME.search(name) for name in (*names, *series_texts(header)))


def _gradient(n: Numbers, tr: float, te: float) -> Label | None:
    if te >= T2STAR_TE:
        return Label.SWI
    flip = n.flip or 0.0
    t1 = False
    if n.inverted or (n.prepared and tr <= PREPARED_TR_SHORT):
        t1 = _is_mprage(n, tr, te)
    elif n.dimension == "3D" and n.spoiled:
        t1 = tr <= SPOILED_TR and te <= SPOILED_TE and flip >= SPOILED_FLIP
    elif n.dimension == "2D":
        t1 = FLASH_TR[0] <= tr <= FLASH_TR[1] and te <= FLASH_TE and flip >= FLASH_FLIP
    return Label.T1 if t1 and not n.transfer else None


def _is_mprage(n: Numbers, tr: float, te: float) -> bool:
    """Inversion-prepared gradient echo with the timing of T1 weighting."""
    if n.dimension == "2D" or te >= PREPARED_TE or (n.flip is None and n.ti is None):
        return False
    if n.flip is not None and n.flip > PREPARED_FLIP:
        return False
    if tr <= PREPARED_TR_SHORT:
        return n.ti is None or PREPARED_TI[0] <= n.ti <= PREPARED_TI[1]
    if not PREPARED_TR_LONG[0] <= tr <= PREPARED_TR_LONG[1]:
        return False
    return n.ti is None or PREPARED_TI_LONG_TR[0] <= n.ti <= PREPARED_TI_LONG_TR[1]


def _inverted_spin(n: Numbers, tr: float, te: float) -> Label | None:
    if n.ti is None:
        return None
    if STIR_TI[0] <= n.ti <= STIR_TI[1] and tr >= STIR_TR:
        return Label.STIR
    if FLAIR_TI[0] <= n.ti <= FLAIR_TI[1] and tr >= FLAIR_TR and te >= FLAIR_TE:
        return Label.FLAIR
    if T1_FLAIR_TI[0] <= n.ti <= T1_FLAIR_TI[1] and tr <= T1_FLAIR_TR and te <= T1_FLAIR_TE:
        return Label.T1
    return None


def _spin(n: Numbers, tr: float, te: float) -> Label | None:
    if tr <= T1_SPIN_TR:
        return Label.T1 if te <= T1_SPIN_TE else None
    if tr < LONG_TR:
        return None
    if te <= PD_TE:
        return Label.PD
    longest = T2_TE_3D if n.dimension == "3D" else T2_TE_2D
    return Label.T2 if T2_TE <= te <= longest else None
