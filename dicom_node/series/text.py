"""What people and vendors call an image: its weighting, contrast agent and fat suppression by name.

Names are searched in the form that :func:`dicom_node.series.facts.words` gives: small letters, no
accents, underscores as spaces. The languages are those of the descriptions that scanners in Europe
and the Americas are delivered with; a name in any other language says nothing, and nothing said is
nothing confirmed.
"""

import re
from collections.abc import Iterable
from typing import Literal

from dicom_node.series.facts import Header, series_texts, words
from dicom_node.series.findings import Label

__all__ = ["agent_named", "fat_suppressed", "named", "weightings"]

_T1 = re.compile(
    r"t1(?!\d)(?! ?-?(rho|map))|mp.?rage|bravo|spgr|\btfl\b|tfl3d|vibe|thrive|lava|\bgre fsp"
)
_T2 = re.compile(r"t2(?!\d)(?! ?w?i? ?\*| ?-?(star|map|prep)|s\b| s\b)|haste|ssfse")
_PD = re.compile(r"\bpdw?(?: ?-?fs)?\b|\bdp\b|proton|densit")
_FLAIR = re.compile(r"flair|dark.?fluid|fluid.?att")
_STIR = re.compile(r"stir\b|tirm|short.?t(i|au)\b")
_INVERTED = re.compile(r"flair|tirm")

_FAT = re.compile(
    r"\bfs\b|fat.?s(at|up)|\bsp(a)?ir\b|\bspair|\bfatsat|\bchess\b|fett(unterdr|satt|gesatt)|"
    r"(t1|t2|pd)w?-?fs\b|sat.?(de )?(grasa|graisse)|\bwater\b|water.?only"
)
_DIXON = re.compile(r"dixon|\bflex\b|\bideal\b|\blavaflex")
_IN_PHASE = re.compile(r"\bin.?phase|\binph|\bip\b|\bin\b")

_POST = re.compile(r"post(?!er|ur)")
_AFTER = re.compile(
    r"\+ ?(c|gd|km|gad\w*|ce)\b|\bc\+|\bkm\b|\bgd\b|gad(o|av|\b)|dotarem|magnevist|multihance|"
    r"prohance|omniscan|clariscan|primovist|eovist|\bpos\b|\bw/ ?c|\bce\b|\bc\.e\.|"
    r"t1w?-?(ce|c|gd|gad|km)\b|[ck]ontra(st|ste|sto)|\bmdc\b|\bmezzo\b|inject|\binj\b|apres|"
    r"enhanced\b|\bnach\b|контраст|造影|增强|增強"
)
_BEFORE = re.compile(
    r"\bpre\b|\bpre.?(c|contrast\w*|gd|gad\w*|km|inj\w*)\b|\bnativ\w*|\bw/?o\b|without|ohne|"
    r"\bsans\b|\bsin\b|\bsenza\b|\bsem\b|\bnon?.?(contrast\w*|enhanced)|unenhanced|\bvor\b|\bavant\b|"
    r"\bs/c\b|\bbez\b|\bбез\b|平扫|平掃"  # noqa: RUF001 - Cyrillic
)


def weightings(text: str) -> frozenset[Label]:
    """Return the weightings that ``text`` names; several where it names several, none for silence.

    FLAIR and STIR are named before T1 and T2, because they go together: a "T2 FLAIR" is a FLAIR.
    Only "T1 FLAIR" is T1. "PD T2" stays two.
    """
    if _T1.search(text) and _INVERTED.search(text) and not _T2.search(text):
        return frozenset({Label.T1})
    for label, pattern in ((Label.FLAIR, _FLAIR), (Label.STIR, _STIR)):
        if pattern.search(text):
            return frozenset({label})
    several = ((Label.T1, _T1), (Label.T2, _T2), (Label.PD, _PD))
    return frozenset(label for label, pattern in several if pattern.search(text))


def named(header: Header) -> frozenset[Label]:
    """Return the weightings that the series is called by; the vendor's name where people say none.

    All that people wrote counts, so that a description and a protocol that contradict each other
    confirm nothing.
    """
    spoken = [found for text in series_texts(header) if (found := weightings(text))]
    if spoken:
        return frozenset().union(*spoken)
    names = (words(header.get(word)) for word in ("SequenceName", "PulseSequenceName"))
    return frozenset().union(*(weightings(name) for name in names))


def agent_named(header: Header) -> Literal["given", "none"] | None:
    """Return whether the series says that it was taken after, or before, a contrast agent.

    The first text that speaks counts. "Post" means after. Else a word for "without" means none,
    whatever stands beside it: "without contrast" has both.
    """
    for text in series_texts(header):
        if _POST.search(text):
            return "given"
        if _BEFORE.search(text):
            return "none"
        if _AFTER.search(text):
            return "given"
    return None


def fat_suppressed(header: Header) -> bool:
    """Return whether the series is called fat-suppressed, or a Dixon image not said to be in phase.

    The attribute Scan Options alone does not count: it also says ``FS`` for a FLAIR whose contrast
    in the brain is the usual one.
    """
    return any(_suppressed(series_texts(header)))


def _suppressed(texts: Iterable[str]) -> Iterable[bool]:
    for text in texts:
        yield bool(_FAT.search(text)) or bool(_DIXON.search(text) and not _IN_PHASE.search(text))
