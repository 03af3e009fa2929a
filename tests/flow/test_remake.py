"""A series that left is made again from its provenance record, byte for byte."""

from io import BytesIO

from pydicom import dcmread

from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries
from tests.support.node import is_sent
from tests.support.sender import send
from tests.support.trail import told_in

SAME = "20 of 20 objects are the same, byte for byte"


def test_what_a_pacs_holds_is_made_again_after_the_task_names_another_model(
    start, orthanc, tmp_path, long_database_url
):
    node = start(peers=[orthanc.peer()], database=long_database_url)
    series = MrSeries(seed="sent, and made again")
    send(node.port, series.datasets())
    (job,) = node.until(series.study_uid, is_sent)["jobs"]
    write_bundle(node.conf / "models" / "other", seed=8)
    task = 'needs = ["T1"]\nmakes = "CT"\nmodel = "other"\nrelease = "by_hand"\n'
    (node.conf / "tasks" / "ct_from_mr.toml").write_text(task)

    said = node.command("jobs", "remake", str(job["id"]), "--into", str(tmp_path / "again"))
    assert SAME in said.stdout
    made = {path.read_bytes() for path in (tmp_path / "again").iterdir()}
    (instances,) = orthanc.series().values()
    there = {dcmread(BytesIO(orthanc.file(one))).PixelData for one in instances}
    assert {dcmread(BytesIO(content)).PixelData for content in made} == there
    archive = {path.read_bytes() for path in (node.data / "archive").rglob("*") if path.is_file()}
    assert made <= archive, "the very files"
    acts = [one for one in told_in(node.data / "audit") if one.event == "Security Alert"]
    assert any("made again, and its files" in text for act in acts for text in act.details.values())
