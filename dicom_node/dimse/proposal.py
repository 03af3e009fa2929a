"""Presentation contexts that we propose where instances are to be sent (PS3.8 7.1.1.13)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from dicom_node.dicom import VERIFICATION
from dicom_node.scu import plainly
from dicom_node.transcode import can_become_native

__all__ = ["batches", "proposed"]

_MOST = 127
"""Context IDs are the odd numbers of a byte (PS3.8 9.3.2.2); one is for Verification."""
_ALWAYS = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


class _Encoded(Protocol):
    """Whatever has a SOP class and a transfer syntax."""

    @property
    def sop_class_uid(self) -> str: ...

    @property
    def transfer_syntax_uid(self) -> str: ...


Item = TypeVar("Item", bound=_Encoded)


def proposed(instances: Iterable[_Encoded]) -> list[PresentationContext]:
    """Return the contexts for ``instances``, each syntax in one of its own.

    In one context the peer would choose, and many choose implicit: then nothing would go out as it
    is. The native little endian ones are there for peers that take nothing else. Verification is
    there so that a peer that takes none of the classes gives an association all the same: one
    without any context would look like a peer that is away.
    """
    pairs = dict.fromkeys(pair for one in instances for pair in _pairs(one))
    return [*plainly(VERIFICATION), *(build_context(*pair) for pair in sorted(pairs))]


def batches(instances: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield ``instances`` in parts, each of which one association has contexts enough for."""
    parts: list[tuple[set[tuple[str, str]], list[Item]]] = []
    for one in instances:
        pairs = _pairs(one)
        part = next((part for part in parts if len(part[0] | pairs) <= _MOST), None)
        if part is None:
            part = (set(), [])
            parts.append(part)
        part[0].update(pairs)
        part[1].append(one)
    for _, items in parts:
        yield items


def _pairs(one: _Encoded) -> set[tuple[str, str]]:
    """Return class and syntax of the contexts that an instance may go on."""
    natives = _ALWAYS if can_become_native(one.transfer_syntax_uid) else ()
    return {(one.sop_class_uid, syntax) for syntax in (one.transfer_syntax_uid, *natives)}
