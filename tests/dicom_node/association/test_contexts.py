"""What is negotiated."""

import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import negotiate_as_acceptor

from dicom_node.association.contexts import contexts_for, is_storage
from dicom_node.dicom import STUDY_ROOT_FIND, VERIFICATION

RETIRED_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6"
PRIVATE = "1.3.46.670589.11.0.0.12.1"
UNKNOWN_SYNTAX = "1.2.826.0.1.3680043.99"


def offer(uid: str, *syntaxes: str, number: int = 1):
    context = build_context(uid, [UID(one) for one in syntaxes] or None)
    context.context_id = number
    return context


def outcome(requested, may=("echo", "store")):
    accepted, _ = negotiate_as_acceptor(requested, contexts_for(requested, may))
    return {c.context_id: (c.result, [str(s) for s in c.transfer_syntax]) for c in accepted}


def test_every_storage_class_is_accepted():
    requested = [
        offer(str(c.abstract_syntax), number=2 * n + 1)
        for n, c in enumerate(AllStoragePresentationContexts[:120])
    ]
    assert {result for result, _ in outcome(requested).values()} == {0}


@pytest.mark.parametrize("uid", [RETIRED_ULTRASOUND, PRIVATE])
def test_retired_and_private_storage_classes_too(uid):
    assert outcome([offer(uid)])[1][0] == 0


@pytest.mark.parametrize("uid", [STUDY_ROOT_FIND, "1.2.840.10008.1.20.1"])
def test_what_is_not_storage_is_not(uid):
    assert not is_storage(uid)
    assert outcome([offer(uid)])[1][0] != 0


def test_rights_decide():
    requested = [offer(VERIFICATION, number=1), offer("1.2.840.10008.5.1.4.1.1.4", number=3)]
    assert outcome(requested, ("store",))[1][0] != 0
    assert outcome(requested, ("echo",))[3][0] != 0
    assert contexts_for(requested, ()) == []


def test_uncompressed_is_preferred_and_anything_is_kept():
    mr = "1.2.840.10008.5.1.4.1.1.4"
    several = offer(mr, JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    assert outcome([several])[1] == (0, [ExplicitVRLittleEndian])
    assert outcome([offer(mr, JPEG2000Lossless)])[1] == (0, [JPEG2000Lossless])
    assert outcome([offer(mr, UNKNOWN_SYNTAX)])[1] == (0, [UNKNOWN_SYNTAX])
