"""Which part of the body a series shows: attributes first, then clear words.

Body Part Examined and Anatomic Region speak first. Where neither does, the descriptions may, if
they name one region and no other. What the description of the series names against the attributes
makes the region wrong: operators register one examination and scan another.

References
----------
PS3.3 C.7.3.1 (Body Part Examined), C.7.6.16.2.8 (Frame Anatomy), PS3.16 Annex L and CID 4.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

from dicom_node.series.facts import Header, codes, series_texts, words
from engine.reason import Code, Reason

__all__ = ["Region", "anatomy_faults", "region_named", "regions_of", "shows_face"]

_Reasons: TypeAlias = tuple[Reason, ...]


class Region(StrEnum):
    """Parts of the body as far as a contract tells them apart."""

    HEAD = "head"
    FACE = "face"
    NECK = "neck"
    SPINE = "spine"
    CHEST = "chest"
    BREAST = "breast"
    ABDOMEN = "abdomen"
    PELVIS = "pelvis"
    EXTREMITY = "extremity"
    WHOLE_BODY = "whole body"
    PHANTOM = "phantom"


_WORDS = {
    Region.HEAD: re.compile(
        r"\bhead(neck)?\b|brain|\bskull|crani(?!o.?(cerv|vert))|encephal|encefal|cerebr|hippocamp|"
        r"kopf\b|schadel|schaedel|gehirn|\btete\b|cerveau|\bcrane\b|cabeza|cabeca|\btesta\b|cervello|"
        r"hersen|hoofd|schedel|hjern|\bhoved|hjarn|\bhuvud|\bglow[ay]\b|\bmozg|czaszk|\bhlav|mozek|"
        r"koponya|\bagy\b|голов|мозг|череп|頭|头|脑|脳|颅|뇌|두부"
    ),
    Region.FACE: re.compile(
        r"orbit|sinus(?!.?ven)|\biac\b|temporal.?bone|felsenbein|\btmj\b|mandib|maxill|\bkiefer|\bdental|"
        r"\bface\b|facial|gesicht|\bear\b|parotis|parotid|\beyes?\b|\bnasal|visage|mastoid"
    ),
    Region.NECK: re.compile(
        r"\b(head)?neck\b|\bhals|\bcou\b|cuello|\bcollo\b|larynx|pharyn|thyroid|schilddr|tongue|szyi|шея|шеи"
    ),
    Region.SPINE: re.compile(
        r"spin[ae]l?\b|[ctl].?spine|\b[ctl]sp\b|vertebr|cervical|thorac(ic|al)|lumb|\bsacr|\b[hbl]ws\b|"
        r"wirbel|rachis|colonna|column|myelo|\bcord\b|\bplexus|позвон|脊|椎"
    ),
    Region.CHEST: re.compile(
        r"chest|thorax|\blungs?\b|\bheart|cardi|\bherz|coeur|corazon|cuore|mediast|aort|torax|胸"
    ),
    Region.BREAST: re.compile(r"breast|mamma|\bsein\b|\bseno\b|\bmama\b|brust|乳"),
    Region.ABDOMEN: re.compile(
        r"abdom|liver|\bleber|\bfoie|higado|fegato|kidney|renal|\bniere|pancrea|spleen|mrcp|bowel|"
        r"enterogr|bauch|adrenal|腹|肝"
    ),
    Region.PELVIS: re.compile(
        r"pelvi|becken|bassin|prostat|\buter|rectum|rectal|bladder|\bblase|cervix|ovar|\bhips?\b|"
        r"huft|hufte|hanche|cadera|盆"
    ),
    Region.EXTREMITY: re.compile(
        r"extremit|\bknee|\bknie|genou|rodilla|ginocchio|shoulder|schulter|epaule|hombro|spalla|elbow|"
        r"ellenbog|coude|wrist|handgelenk|poignet|\bhands?\b|\bfoot\b|\bfeet\b|\bfuss|ankle|sprungg|"
        r"cheville|\blegs?\b|femur|thigh|tibia|\bcalf\b|\barms?\b|humerus|forearm|finger|\btoes?\b|膝|肩"
    ),
    Region.WHOLE_BODY: re.compile(r"whole.?body|ganzkorper|wholebody|corps.?entier|cuerpo.?entero"),
    Region.PHANTOM: re.compile(r"phantom|fantom|\bacr\b|\bqa\b|\bqc\b|test.?object"),
}
_CODES = {
    "T-A0100": Region.HEAD, "12738006": Region.HEAD,
    "T-D1100": Region.HEAD, "69536005": Region.HEAD,
    "T-11100": Region.HEAD, "89546000": Region.HEAD,
    "T-D1600": Region.NECK, "45048000": Region.NECK,
    "T-D1200": Region.FACE, "89545001": Region.FACE,
}  # fmt: skip
"""Codes of CID 4 whose meaning is not always filled in; all others speak by their meaning."""
_STUDY = (
    "StudyDescription",
    "ProtocolName",
    "PerformedProcedureStepDescription",
    "RequestedProcedureDescription",
    "Procedures",
)
"""What describes the examination as a whole; it often lists all that was examined."""
_WITH_FACE = frozenset({Region.HEAD, Region.FACE, Region.WHOLE_BODY})
_SILENT = frozenset({"unknown", "other", "none", "undefined", "any", "default", "no", "n/a", "***"})
"""Body parts that say nothing."""


def region_named(text: str) -> frozenset[Region]:
    """Return the regions that ``text`` names, in the form that ``facts.words`` gives."""
    return frozenset(region for region, pattern in _WORDS.items() if pattern.search(text))


def regions_of(names: Iterable[str]) -> frozenset[Region]:
    """Return the regions that the body parts of a contract stand for."""
    return frozenset().union(*(region_named(words(name)) for name in names))


def shows_face(header: Header, otherwise: tuple[str, ...]) -> bool:
    """Whether a person may be recognised by a series, as by a face.

    Parameters
    ----------
    header : mapping
        Of one slice.
    otherwise : tuple of str
        Body parts that it shows where neither its attributes nor its names tell.
    """
    told = _attributes(header)[0].union(*(region_named(text) for text in series_texts(header)))
    return not _WITH_FACE.isdisjoint(told or regions_of(otherwise))


def anatomy_faults(header: Header, wanted: tuple[str, ...]) -> _Reasons:
    """Return why the series does not show one of the body parts ``wanted``; empty when it does.

    Parameters
    ----------
    header : mapping
        Of one slice.
    wanted : tuple of str
        Body parts as a contract names them, ``HEAD`` or ``BRAIN``.
    """
    allowed, names = regions_of(wanted), ", ".join(wanted)
    study = frozenset().union(*(region_named(words(header.get(word))) for word in _STUDY))
    described = frozenset().union(*(region_named(text) for text in series_texts(header)))
    described |= study & {Region.PHANTOM}
    if described - allowed:
        seen = ", ".join(sorted(described - allowed))
        text = f"the descriptions name {seen}; {names} is wanted"
        return (Reason(Code.ANATOMY_WRONG, text),)
    attributes, foreign = _attributes(header)
    if foreign or attributes - allowed:
        seen = ", ".join(sorted(attributes - allowed)) or "a part that is not known here"
        text = f"Body Part Examined or Anatomic Region is {seen}; {names} is wanted"
        return (Reason(Code.ANATOMY_WRONG, text),)
    return () if attributes or described else _by_study(study, allowed, names)


def _attributes(header: Header) -> tuple[frozenset[Region], bool]:
    """Regions that the attributes name, and whether one of them names a part not known here."""
    body_part = words(header.get("BodyPartExamined"))
    spoken = bool(body_part) and body_part not in _SILENT
    regions = region_named(body_part) if spoken else frozenset()
    coded = codes(header, "AnatomicRegions")
    by_code = {region for code in coded if (region := _CODES.get(code))}
    by_meaning = frozenset().union(*(region_named(words(code)) for code in coded))
    return regions | by_code | by_meaning, spoken and not regions


def _by_study(study: frozenset[Region], allowed: frozenset[Region], names: str) -> _Reasons:
    if not study:
        text = f"nothing in the header names a part of the body; {names} is wanted"
        return (Reason(Code.ANATOMY_UNKNOWN, text),)
    if study <= allowed:
        return ()
    seen = ", ".join(sorted(study))
    if study & allowed:
        text = f"the study names {seen}, the series no part of the body; {names} is wanted"
        return (Reason(Code.ANATOMY_UNKNOWN, text),)
    return (Reason(Code.ANATOMY_WRONG, f"the study is of the {seen}; {names} is wanted"),)
