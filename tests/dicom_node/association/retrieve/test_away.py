"""The database goes away in the middle: what was sent stays counted, and the rest is named."""

import pytest

from dicom_node.archive.query import Retriever
from dicom_node.association.retrieve import delivery
from dicom_node.association.status import RetrieveStatus
from dicom_node.errors import DatabaseAway
from tests.dicom_node.archive.objects import MR_IMAGE, instance, received, study_uid
from tests.support.retrieving import EXPLICIT, get, identifier, move

STUDY = identifier("STUDY", StudyInstanceUID=study_uid())


@pytest.mark.parametrize("way", ["get", "move"])
@pytest.mark.parametrize(
    ("answers", "status"), [(1, RetrieveStatus.SOME_FAILED), (0, RetrieveStatus.ALL_FAILED)]
)
def test_the_counts_stay_true(either, receiver, monkeypatch, way, answers, status):
    receiver.start()
    sent = [instance(number=number) for number in range(1, 6)]
    for ds in sent:
        either.archive.keep(received(ds))
    real, asked = Retriever.instances, []

    def instances(retriever, uids):
        asked.append(uids)
        if len(asked) > answers:
            raise DatabaseAway("the database does not answer")
        return real(retriever, uids)

    monkeypatch.setattr(Retriever, "instances", instances)
    monkeypatch.setattr(delivery, "_BATCH", 2)
    found = (
        get(either.port, STUDY, [(MR_IMAGE, EXPLICIT)])
        if way == "get"
        else move(either.port, STUDY, "PACS")
    )
    done = 2 * answers
    assert (found.last, found.counts()) == (status, (None, done, 5 - done, 0))
    assert found.failed == [str(ds.SOPInstanceUID) for ds in sent[done:]]
    kept = found.kept if way == "get" else receiver.kept
    assert list(kept) == [str(ds.SOPInstanceUID) for ds in sent[:done]]
    assert not found.ended
