"""Kinds of image that are no volume to read a contrast from, each with the signs that tell it.

A kind is told by a value of Image Type, by a word of the description, by an attribute, or by the
vendor's name of the sequence. One sign is enough: what is excluded wrongly is lost, what is taken
wrongly does harm. The first kind found names the series; every kind found is a reason.

References
----------
PS3.3 C.7.6.1.1.2 and C.8.3.1.1.1 (Image Type), C.8.13.3 (Frame Type, Acquisition Contrast).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dicom_node.series.facts import Header, codes, number, series_texts, words
from dicom_node.series.findings import Label
from dicom_node.series.physics import T2STAR_TE, weighting
from engine.reason import Code, Reason

__all__ = ["Sign", "exclusions"]


@dataclass(frozen=True, slots=True)
class Sign:
    """One kind of image that was recognised, and why it is refused."""

    label: Label
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of image is told.

    Parameters
    ----------
    label, code, what
        What it is called, why it is refused, and the same for people.
    values : frozenset of str
        Values of Image Type from the third on.
    pattern : Pattern or None
        The same by pattern.
    text : Pattern or None
        Words of the description or the protocol.
    name : Pattern or None
        The beginning of the vendor's name of the sequence, after an asterisk if there is one.
    attributes : mapping
        Keyword to values that tell it.
    """

    label: Label
    code: Code
    what: str
    values: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None
    text: re.Pattern[str] | None = None
    name: re.Pattern[str] | None = None
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


_ADC = _Kind(
    Label.ADC,
    Code.DERIVED,
    "a map of the diffusion coefficient",
    values=_set("ADC,EADC,EXP_ADC"),
    text=re.compile(r"\be?adc\b"),
)
_DWI = _Kind(
    Label.DWI,
    Code.DIFFUSION,
    "diffusion-weighted",
    values=_set("DIFFUSION,TRACEW,TRACE"),
    pattern=re.compile(r"^(TRACEW|TENSOR)_"),
    text=re.compile(
        r"\bdwi|\bdti|\bd[ks]i\b|(?<!phase)(?<!phase.)diff|\bdw\b|hardi|noddi|ivim|\btracew?\b|"
        r"\bb ?=? ?\d{3,4}\b|\bresolve\b"
    ),
    name=re.compile(r"ep b|epi dti|resolve|dwi|dti"),
    attributes={"AcquisitionContrast": _set("DIFFUSION")},
)
_PERFUSION = _Kind(
    Label.PERFUSION,
    Code.PERFUSION,
    "perfusion, or a dynamic of a contrast agent",
    values=_set("ASL,PERFUSION,RCBF,RCBV,RELCBF,RELCBV,RELMTT,MTT,TTP,TTD,TMAX,PBP,CBF,CBV"),
    text=re.compile(
        r"perf|\b[p3d]*c?asl\b|\bdsc\b|\bdce\b|\br?(el)?cb[fv]\b|\bmtt\b|\bttp\b|\btmax\b|\bdyn|"
        r"k.?trans|wash.?(in|out)|time.?resolved"
    ),
    name=re.compile(r".*(asl|perf)"),
    attributes={
        "AcquisitionContrast": _set("PERFUSION"),
        "ArterialSpinLabelingContrast": _set("CONTINUOUS,PSEUDOCONTINUOUS,PULSED"),
    },
)
_EPI = _Kind(
    Label.EPI,
    Code.EPI,
    "echo-planar",
    values=_set("FMRI,EPI,BOLD,SBREF"),
    text=re.compile(
        r"\bepi|\bep[23]d|\bepfid|\bepse|\bbold|f-?mri|rest(ing)?.?state|\bfunc|grase|\bsbref|\btask-"
    ),
    name=re.compile(r"ep|seepi|grase|asl|dwi"),
    attributes={"ScanningSequence": _set("EP"), "EchoPlanarPulseSequence": _set("YES")},
)
_FIELD_MAP = _Kind(
    Label.FIELD_MAP,
    Code.FIELD_MAP,
    "a field map",
    values=_set("B0,B1,B0 MAP,B1 MAP,FIELD_MAP,PHASEDIFF"),
    text=re.compile(
        r"field.?map|\bfmap|b[01].?(map|plus|\+|cal)|\bfm2d|phase.?diff|shim|\bafi\b|actual.?flip|topup"
    ),
    name=re.compile(r"fm[23]d"),
)
_PHASE = _Kind(
    Label.PHASE,
    Code.PHASE,
    "a phase, real or imaginary image",
    values=_set("P,PHASE,I,IMAGINARY,R,REAL,VELOCITY,PHASE MAP,VELOCITY MAP,PHASE SUBTRACT"),
    pattern=re.compile(r"^(P|PHASE|R|I)_"),
    text=re.compile(
        r"(?<!in.)(?<!of.)(?<!opp.)(?<!opposed.)\bpha(se)?\b(?!.?(diff|enc|cor|fov|over|dir|contr))"
    ),
    attributes={"ComplexImageComponent": _set("PHASE,REAL,IMAGINARY,MIXED")},
)
_MRA = _Kind(
    Label.MRA,
    Code.ANGIOGRAPHY,
    "an image of vessels or of flow",
    values=_set("TOF,PCA,FLOW_ENCODED,ANGIO"),
    text=re.compile(
        r"\btof|angio|\b(ce.?)?mr[av]\b|\bpca?\b|\bpc[23]d|\bvenc|inhance|\bqiss|twist|tricks|willis|"
        r"phase.?contr|flow|(black|dark).?blood|vessel|native.?(space|true)|venogr|\bfbi\b|carot"
    ),
    attributes={
        "AngioFlag": _set("Y"),
        "TimeOfFlightContrast": _set("YES"),
        "PhaseContrast": _set("YES"),
        "AcquisitionContrast": _set("FLOW_ENCODED,TOF,TAGGING"),
    },
)
_SWI = _Kind(
    Label.SWI,
    Code.SUSCEPTIBILITY,
    "weighted for susceptibility or T2*",
    values=_set("SWI,SWAN,MNIP,SWIP,T2_STAR,QSM"),
    text=re.compile(
        r"\bswi|swan\b|suscept|t2.?w?i? ?\*|t2.?star|\bt2s\b|\bqsm\b|haemo|hemo|\bmedic\b|"
        r"\bmerge\b|gre.?t2|t2.?gre|t2.?ffe|\bmegre|ven.?bold|r2\*|\bfsbb"
    ),
    name=re.compile(r"swi|qswi|swan"),
    attributes={"AcquisitionContrast": _set("T2_STAR")},
)
_MAPPING = _Kind(
    Label.MAPPING,
    Code.DERIVED,
    "an image or a map of a measurement of relaxation",
    values=_set("UNI,T1_MAP,T2_MAP"),
    pattern=re.compile(r"\bMAP$"),
    text=re.compile(
        r"\bq-?t[12]\b|relax|t[12]\*?.?map|\bt1.?rho|(?<!field.)mapping|map.?it|mp2.?rage|\buni\b|"
        r"\binv.?[12]\b|\bmrf\b|fingerprint|symri|\bmagic\b|\bmdme|qalas|\bmpm\b|despot|molli\b|\bvfa\b|"
        r"multi.?(echo|flip|angle)|look.?locker|fgatir|matter.?null|\bwmn|\bpsir|\bdir\b(?!-)|"
        r"double.?(ir\b|inv)|\bme.?mp.?rage|synthetic|\bmt.?(on|off|r|sat|w|c)\b"
    ),
    name=re.compile(r"se2d([3-9]|1\d)|tfl me"),
)
_UNWEIGHTED = _Kind(
    Label.OTHER,
    Code.SEQUENCE_UNKNOWN,
    "of a sequence without one of the weightings",
    text=re.compile(
        r"\bciss|fiesta|true?.?fi(sp)?\b|\bb.?(ffe|tfe|ssfp)\b|\bdess\b|\bpsif\b|\bssfp\b|\bzte\b|"
        r"petra\b|\bute\b|pointwise|black.?bone|elastogr|\bmre\b|spectro|\bcsi\b|\bcest\b|\bapt\b"
    ),
    name=re.compile(r"ci[23]d|tfi[23]d|de3d|ps[23]d|petra|ute|zte"),
)
_LOCALIZER = _Kind(
    Label.LOCALIZER,
    Code.LOCALIZER,
    "a localizer, a survey or a calibration",
    values=_set("LOCALIZER,SCOUT"),
    text=re.compile(
        r"locali[sz]|\bloc\b|3.?(pl|plane)\b|three.?plane|scout|survey|surview|aahead|topogram|scanogra|"
        r"plan.?scan|smart.?brain|\bpilot\b|lokali|ubersicht|reperage|centr(atura|age)|calib|\bcal\b|"
        r"ref.{0,2}scan|coil.?sens|setter|navigator|prescan"
    ),
    attributes={"ScanOptions": _set("SURVIEW,SCOUT MODE,SCOUT,TOPOGRAM")},
)
_DERIVED = _Kind(
    Label.DERIVED,
    Code.DERIVED,
    "calculated from other images",
    values=_set(
        "MPR,CSA MPR,CSA 3D,PROJECTION IMAGE,MIP,MINIP,SUBTRACTION,SUB,SUBTRACT,MEAN,AVERAGE,RMS,"
        "STDDEV,T_TEST,Z SCORE,ADD,ADDITION,IMAGE ADDITION,MODULUS SUBTRACT,COMPOSED,COMP_SP,"
        "COLLAGE,SCREEN SAVE,REFORMATTED,RESAMPLED,VOLREN,VRT,RENDERED,DERIVED,SECONDARY,FA,TENSOR,"
        "W,WATER,F,FAT,OP,OPP,OPP_PHASE,OUT_PHASE,OPPOSED_PHASE,FF,FAT_FRACTION,CURVE"
    ),
    pattern=re.compile(r"\b(MPR|MIP|MINIP|VRT|SSD)\b|^(W|F|OP|FF)_"),
    text=re.compile(
        r"(?<!t1w )\bmpr\b|\bm(in)?ip\b|projection|subtr|\bsub\b(?!-)|reformat|\brfmt\b|rendered|"
        r"\bvrt\b|collage|composed|\bfus(ed|ion)|tensor|colou?r|\brms\b|\bmean\b|average\b|\bfa.?map|"
        r"opp(osed)?.?phase|out.?of.?phase|\bopp\b|\bfat\b(?!.?s)|registered|\bcoreg|resampl|"
        r"segmentation|screen.?(save|shot)|skull.?strip|brain.?extr"
    ),
)
_MOSAIC = _Kind(
    Label.EPI,
    Code.MOSAIC,
    "many slices tiled into one image",
    values=_set("MOSAIC,VFRAME,GRID"),
)
_KINDS_OF_MR = (
    _ADC, _DWI, _PERFUSION, _EPI, _FIELD_MAP, _PHASE, _MRA, _SWI, _MAPPING, _UNWEIGHTED, _LOCALIZER,
    _DERIVED, _MOSAIC,
)  # fmt: skip
_KINDS_OF_OTHERS = (_LOCALIZER, _DERIVED)


def exclusions(header: Header, *, magnetic: bool) -> list[Sign]:
    """Return every kind that the header shows, the one that names the series first.

    Parameters
    ----------
    header : mapping
        Of one slice.
    magnetic : bool
        Whether it is an MR image; of CT and PET only localizers and derived images are told.
    """
    found = []
    for kind in _KINDS_OF_MR if magnetic else _KINDS_OF_OTHERS:
        if seen := next(_seen(header, kind), None):
            text = f"{kind.what}: {seen}; an acquired volume is wanted"
            found.append(Sign(kind.label, Reason(kind.code, text)))
    measured = list(_measured(header)) if magnetic else []
    if magnetic and not found and not measured and weighting(header) is Label.SWI:
        text = f"weighted for T2*: a gradient echo after {T2STAR_TE:g} ms or more"
        measured.append(Sign(Label.SWI, Reason(Code.SUSCEPTIBILITY, text)))
    return [*found, *measured]


def _seen(header: Header, kind: _Kind) -> Iterator[str]:
    """Yield what gives the kind away, in words that repeat nothing but our own vocabulary."""
    for value in _values(header):
        if value in kind.values or (kind.pattern and kind.pattern.search(value)):
            yield f"Image Type has {value}"
    if kind is _DERIVED:
        yield from _not_original(header)
    for keyword, told in kind.attributes.items():
        if hit := told & set(codes(header, keyword)):
            yield f"{keyword} is {min(hit)}"
    yield from _called(header, kind)


def _called(header: Header, kind: _Kind) -> Iterator[str]:
    if kind.text:
        for text in series_texts(header):
            if match := kind.text.search(text):
                yield f"it is called '{match.group(0).strip()}'"
    if kind.name:
        for keyword in ("SequenceName", "PulseSequenceName"):
            if kind.name.match(words(header.get(keyword)).lstrip("*")):
                yield f"{keyword} is one of that kind"


def _values(header: Header) -> list[str]:
    """Values of Image Type from the third on: the first two are the same words for every kind."""
    vendor = header.get("VendorImageType")
    both = (header.get("ImageType"), vendor)
    return [
        value.strip().upper()
        for values in both
        if isinstance(values, tuple)
        for value in values[2:]
        if isinstance(value, str)
    ]


def _not_original(header: Header) -> Iterator[str]:
    """Yield what the first two values of Image Type say, and that the image was captured."""
    for keyword in ("ImageType", "VendorImageType"):
        first_two = codes({keyword: header.get(keyword)}, keyword)[:2]
        for value in ("DERIVED", "MIXED", "SECONDARY"):
            if value in first_two:
                yield f"Image Type has {value}"
    if words(header.get("ConversionType")):
        yield "it has a Conversion Type, as captured images do"


def _measured(header: Header) -> Iterator[Sign]:
    """Yield kinds told by a number or by the nucleus."""
    b_value = number(header, "DiffusionBValue") or 0.0
    if b_value > 0:
        text = "diffusion-weighted: the b-value is above 0; none is wanted"
        yield Sign(Label.DWI, Reason(Code.DIFFUSION, text))
    factor = number(header, "EpiFactor") or 0.0
    if factor > 1:
        text = f"echo-planar: the EPI factor is {factor:g}; 1 is wanted"
        yield Sign(Label.EPI, Reason(Code.EPI, text))
    nuclei = set(codes(header, "ImagedNucleus", "ResonantNucleus"))
    if nuclei and not nuclei <= {"1H", "H1", "1 H", "PROTON", "HYDROGEN"}:
        text = "an image of another nucleus than 1H, which has none of the weightings"
        yield Sign(Label.OTHER, Reason(Code.SEQUENCE_UNKNOWN, text))
