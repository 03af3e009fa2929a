"""How pixels are given: media type, encoding and parts, as the client likes best (PS3.18 8.7.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node.web.accept import ANY, OCTETS, Wanted
from dicom_node.web.problem import Refused

__all__ = ["VIDEO", "Way", "way_of_frames", "way_of_pixels"]

_KIND_OF: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
"""Media types of compressed frames (PS3.18 8.7.3.3)."""
_MPEG2, _MP4 = "video/mpeg2", "video/mp4"
_VIDEO_KIND_OF: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.100": _MPEG2,
    "1.2.840.10008.1.2.4.101": _MPEG2,
    **{f"1.2.840.10008.1.2.4.{number}": _MP4 for number in range(102, 109)},
}
VIDEO = frozenset(
    {syntax + end for syntax in _VIDEO_KIND_OF for end in ("", ".1")}  # .1: fragmentable
)
"""Transfer syntaxes whose fragments are one stream, whatever Number of Frames says."""
_NATIVE = str(ExplicitVRLittleEndian)


@dataclass(frozen=True, slots=True)
class Way:
    """How pixels are given.

    Parameters
    ----------
    kind, syntax : str
        Media type, and transfer syntax UID.
    decoded : bool
        Whether that takes decoding.
    multipart : bool
        Whether in parts.
    joined : bool
        Whether all is one stream, rather than a part for each frame.
    """

    kind: str
    syntax: str
    decoded: bool
    multipart: bool
    joined: bool = False

    @property
    def part_kind(self) -> str:
        """Media type of one part, with its encoding."""
        return f"{self.kind}; transfer-syntax={self.syntax}"


def way_of_frames(wanted: Sequence[Wanted], syntax: str, *, alone: bool) -> Way:
    """Return how to give frames that are stored in ``syntax``.

    Parameters
    ----------
    alone : bool
        Whether it is one, which needs no parts.

    Raises
    ------
    Refused
        With 406 where the client takes them in no way that there is.
    """
    if syntax in VIDEO:
        raise Refused(406, "the frames of a video lie in one stream; bulkdata/7FE00010 gives it")
    stored = _KIND_OF.get(syntax, OCTETS) if UID(syntax).is_encapsulated else ""
    for one in wanted:
        multipart = one.multipart is not False
        if not multipart and not alone:
            continue
        if one.takes(OCTETS, multipart=multipart):
            if stored and one.syntax in (ANY, syntax):
                return Way(OCTETS, syntax, decoded=False, multipart=multipart)
            if one.syntax in ("", ANY, _NATIVE):
                return Way(OCTETS, _NATIVE, decoded=True, multipart=multipart)
        elif stored and one.takes(stored, multipart=multipart) and one.syntax in ("", ANY, syntax):
            return Way(stored, syntax, decoded=False, multipart=multipart)
    name = UID(syntax).name
    raise Refused(
        406,
        f"the frames are stored in {name}; {OCTETS}, with transfer-syntax=* for as they are, takes "
        "them, several in parts",
    )


def way_of_pixels(wanted: Sequence[Wanted], syntax: str, *, frames: int) -> Way:
    """Return how to give all compressed pixels of an object: rather as they are than decoded.

    Parameters
    ----------
    frames : int
        How many there are; 0 where they are one stream.

    Raises
    ------
    Refused
        With 406 where the client takes them in no way that there is.
    """
    stored = _stored_kind(syntax)
    for one in wanted:
        multipart = one.multipart is not False
        kind = _kind_as_stored(one, stored, syntax, is_stream=not frames)
        if kind and (multipart or frames <= 1):
            return Way(kind, syntax, decoded=False, multipart=multipart, joined=not frames)
        is_native = one.takes(OCTETS, multipart=multipart) and one.syntax in ("", ANY, _NATIVE)
        if frames and is_native:
            return Way(OCTETS, _NATIVE, decoded=True, multipart=multipart, joined=True)
    raise Refused(
        406,
        f"the pixels are stored in {UID(syntax).name}; {stored} takes them, several frames in "
        f"parts, and so does {OCTETS} with transfer-syntax=*",
    )


def _stored_kind(syntax: str) -> str:
    return _VIDEO_KIND_OF.get(syntax.removesuffix(".1"), "") or _KIND_OF.get(syntax, OCTETS)


def _kind_as_stored(one: Wanted, stored: str, syntax: str, *, is_stream: bool) -> str:
    """Return the media type in which compressed pixels are taken as they are; empty if in none.

    Bare octets are for a client the decoded pixels; of a stream there are none.
    """
    multipart = one.multipart is not False
    is_told = stored != OCTETS or is_stream or one.syntax or one.kind != OCTETS
    if is_told and one.takes(stored, multipart=multipart) and one.syntax in ("", ANY, syntax):
        return stored
    is_any = one.syntax in (ANY, syntax) or (is_stream and not one.syntax)
    return OCTETS if is_any and one.takes(OCTETS, multipart=multipart) else ""
