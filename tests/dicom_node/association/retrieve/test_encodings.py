"""Input as it comes: whatever can be stored is served back byte for byte, by C-GET and C-MOVE."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import build_context

from dicom_node.archive import identify, read_part10
from dicom_node.archive.part10 import meta_header
from dicom_node.association import StoreStatus
from dicom_node.association.status import RetrieveStatus
from dicom_node.dicom import derive_uid
from dicom_node.dimse import batches, proposed, sending_to
from dicom_node.errors import NotDicom
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox, Peer
from dicom_node.transcode import Transcoder
from dicom_node.values import Instance
from tests.dicom_node.archive.objects import instance, wire
from tests.dicom_node.association.retrieve.conftest import opened
from tests.support.retrieving import get, identifier, move

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
SIEMENS_CSA_NON_IMAGE = "1.3.12.2.1107.5.9.1"
NOT_TO_BE_FILED = {
    "UN_sequence.dcm", "chrSQEncoding.dcm", "chrSQEncoding1.dcm", "empty_charset_LEI.dcm",
    "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm", "no_meta.dcm", "no_meta_group_length.dcm",
    "priv_SQ.dcm",
}  # fmt: skip
"""None of these has a SOP Class UID."""


@dataclass(frozen=True)
class Object:
    """A data set as somebody sends it."""

    name: str
    content: bytes
    syntax: str

    def kept(self, folder: Path) -> Instance:
        """Return it as a file that our own sender sends."""
        who = identify(self.content, self.syntax)
        path = folder / f"{hashlib.sha256(self.content).hexdigest()}.dcm"
        meta = meta_header(who.sop_class_uid, who.sop_instance_uid, self.syntax)
        path.write_bytes(meta + self.content)
        return Instance(who.sop_instance_uid, who.sop_class_uid, who.study_uid, who.series_uid,
                        self.syntax, hashlib.sha256(self.content).hexdigest(),
                        len(self.content), path)  # fmt: skip


def made() -> list[Object]:
    """Kinds that the folder has none of: frames in sequences, texts, a document, a vendor's own."""
    frames = Dataset()
    frames.PlanePositionSequence = Sequence([Dataset()])
    document = b"%PDF-1.4 not much of one\n%%EOF\n "
    kinds = {
        ENHANCED_MR: {"NumberOfFrames": 2, "PerFrameFunctionalGroupsSequence": [frames, frames]},
        COMPREHENSIVE_SR: {"Modality": "SR", "CompletionFlag": "COMPLETE"},
        ENCAPSULATED_PDF: {"Modality": "DOC", "EncapsulatedDocument": document},
        SIEMENS_CSA_NON_IMAGE: {"ImageComments": "private"},
    }
    found = []
    for uid, values in kinds.items():
        ds = instance(series=uid, SOPClassUID=uid, **values)
        ds.SOPInstanceUID = derive_uid("kind", uid)
        block = ds.private_block(0x0029, "VENDOR", create=True)
        block.add_new(0x10, "OB", b"\x00\x01\x02\x03")
        found.append(Object(uid, wire(ds), str(ExplicitVRLittleEndian)))
    return found


def read(folder: Path) -> tuple[list[Object], list[str]]:
    """Return what has the UIDs to be stored, and the names of what has not."""
    objects, others = made(), []
    for path in sorted((folder / "encodings").rglob("*.dcm")):
        try:
            content, syntax = read_part10(path.read_bytes())
            identify(content, syntax)
        except NotDicom:
            others.append(path.name)
        else:
            objects.append(Object(f"{path.parent.name}/{path.name}", content, syntax))
    return objects, others


def in_groups(objects: list[Object], folder: Path) -> list[dict[str, tuple[Object, Instance]]]:
    """Return them in groups in which no UID comes twice: many are one image, encoded otherwise."""
    groups: list[dict[str, tuple[Object, Instance]]] = []
    for one in objects:
        kept = one.kept(folder)
        group = next((g for g in groups if kept.sop_instance_uid not in g), None)
        if group is None:
            groups.append(group := {})
        group[kept.sop_instance_uid] = (one, kept)
    return groups


def test_everything_that_can_be_stored_is_served_back_byte_for_byte(tmp_path, real_data, receiver):
    objects, others = read(real_data)
    assert len(objects) > 60
    assert set(others) == NOT_TO_BE_FILED
    syntaxes = {one.syntax for one in objects}
    assert len(syntaxes) >= 10, syntaxes
    (tmp_path / "sent").mkdir()
    for number, group in enumerate(in_groups(objects, tmp_path / "sent")):
        (tmp_path / str(number)).mkdir()
        there_and_back(tmp_path / str(number), group, receiver)


def there_and_back(folder, group, receiver) -> None:
    sent = {uid: one.content for uid, (one, _) in group.items()}
    files = [kept for _, kept in group.values()]
    scene = opened(folder, receiver)
    try:
        assert Counter(store(scene, files)) == {StoreStatus.SUCCESS: len(files)}
        pairs = {(one.sop_class_uid, one.transfer_syntax_uid) for one in files}
        studies = identifier("STUDY", StudyInstanceUID=sorted({one.study_uid for one in files}))
        found = get(scene.port, studies, sorted(pairs))
        assert found.last == RetrieveStatus.SUCCESS, found.failed
        assert found.kept == sent
        receiver.kept.clear()
        receiver.contexts = [
            build_context(uid, [syntax for one, syntax in pairs if one == uid])
            for uid in sorted({uid for uid, _ in pairs})
        ]
        receiver.start()
        moved = move(scene.port, studies, "PACS")
        assert moved.last == RetrieveStatus.SUCCESS, moved.failed
        assert receiver.kept == sent
    finally:
        receiver.stop()
        scene.close()


def store(scene, files) -> list[int]:
    """Send files as they are; return how each was answered."""
    peer = Peer(name="node", ae_title="SYNTHNODE", host="127.0.0.1", port=scene.port)
    ourselves = Ourselves("SCANNER", Outbox(connect_s=30.0, answer_s=60.0))
    answers = []
    with Transcoder() as transcoder:
        for part in batches(files):
            with sending_to(ourselves, peer, proposed(part), transcoder) as sender:
                answers += [sender.send(one) for one in part]
    return answers


@pytest.mark.parametrize("name", sorted(NOT_TO_BE_FILED))
def test_what_lacks_a_uid_is_refused_and_named(real_data, name):
    (path,) = (real_data / "encodings").rglob(name)
    with pytest.raises(NotDicom, match=r"has no \w+UID|cannot be parsed|no DICOM file"):
        identify(*read_part10(path.read_bytes()))
