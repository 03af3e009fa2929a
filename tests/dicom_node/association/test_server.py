"""Who is let in, what they may do, and how an association's end is kept."""

from datetime import UTC, datetime

import pytest
from pynetdicom import AE, build_context
from sqlalchemy import select

from dicom_node.db import AssociationRow, StudyRow
from dicom_node.dicom import VERIFICATION
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.dcmtk import echoscu, storescu
from tests.support.mr import MR_IMAGE, MrSeries
from tests.support.sender import send
from tests.support.until import until


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def scene(tmp_path, request):
    opened = Scene(tmp_path, data_plane=request.param)
    yield opened
    opened.close()


def associations(scene) -> list[tuple[str, bool]]:
    with scene.database.reading() as session:
        rows = session.scalars(select(AssociationRow))
        return [(row.ended, row.closed_at is not None) for row in rows]


def test_a_known_peer_is_answered_an_echo(scene):
    assert echoscu(scene.port).returncode == 0


def test_an_unknown_calling_title_is_rejected(scene):
    said = echoscu(scene.port, calling="STRANGER")
    assert said.returncode != 0
    assert "Calling AE Title Not Recognized" in said.stdout + said.stderr


def test_a_wrong_called_title_is_rejected(scene):
    said = echoscu(scene.port, called="ANOTHER")
    assert said.returncode != 0
    assert "Called AE Title Not Recognized" in said.stdout + said.stderr


def test_a_known_title_from_another_address_is_rejected(tmp_path):
    scene = Scene(tmp_path, peers=[scanner(host="192.0.2.7", may=("echo",))])
    try:
        said = echoscu(scene.port)
    finally:
        scene.close()
    assert said.returncode != 0
    assert "Calling AE Title Not Recognized" in said.stdout + said.stderr


def test_a_peer_that_may_only_echo_cannot_store(tmp_path):
    scene = Scene(tmp_path, may=("echo",))
    try:
        ae = AE(ae_title="SCANNER")
        contexts = [build_context(VERIFICATION), build_context(MR_IMAGE)]
        assoc = ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")
        accepted = [context.abstract_syntax for context in assoc.accepted_contexts]
        assoc.release()
        assert accepted == [VERIFICATION]
    finally:
        scene.close()


def test_dcmtk_stores_with_every_syntax_it_can_propose(scene, tmp_path):
    series = MrSeries(slices=2)
    said = storescu(scene.port, *series.write(tmp_path / "files"))
    assert said.returncode == 0, said.stderr
    assert len(scene.kept(series.study_uid)) == 2


def test_a_release_is_kept_as_such(scene):
    send(scene.port, MrSeries(slices=1).datasets())
    assert until(lambda: [one for one in associations(scene) if one[1]]) == [("released", True)]


def test_an_abort_marks_its_studies_as_interrupted(scene):
    series = MrSeries(slices=1)
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate(
        "127.0.0.1", scene.port, contexts=[build_context(MR_IMAGE)], ae_title="SYNTHNODE"
    )
    assoc.send_c_store(series.datasets()[0])
    assoc.abort()
    assert until(lambda: [one for one in associations(scene) if one[1]]) == [("aborted", True)]
    with scene.database.reading() as session:
        assert session.get(StudyRow, series.study_uid).interrupted
    send(scene.port, series.datasets())  # the modality tries again, and ends well

    def cleared() -> bool:
        with scene.database.reading() as session:
            return not session.get(StudyRow, series.study_uid).interrupted

    assert until(cleared)


def test_an_association_that_stores_nothing_leaves_no_row(scene):
    for _ in range(5):
        assert echoscu(scene.port).returncode == 0
    assert associations(scene) == []


def test_stopping_ends_open_associations_and_frees_the_port(tmp_path):
    scene = Scene(tmp_path)
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate(
        "127.0.0.1", scene.port, contexts=[build_context(MR_IMAGE)], ae_title="SYNTHNODE"
    )
    assert assoc.is_established
    began = datetime.now(UTC)
    scene.listener.stop(0.2)
    assert (datetime.now(UTC) - began).total_seconds() < 3
    until(lambda: not assoc.is_established)
    assert echoscu(scene.port).returncode != 0
    scene.database.close()
