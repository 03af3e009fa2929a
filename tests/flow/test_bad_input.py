"""What goes wrong has its status or its reason code, is seen in ``why`` or the log, and leaves
nothing half-written."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.support.dcmtk import storescu
from tests.support.mr import MrSeries
from tests.support.need import data_folder
from tests.support.node import is_sent
from tests.support.sender import send


def codes(answer: dict, series_uid: str | None = None) -> set[str]:
    return {
        reason["code"]
        for series in answer["series"]
        if series_uid in (None, series["series_uid"])
        for reason in series["reasons"]
    }


def routed(answer: dict) -> bool:
    return answer["state"] == "routed"


def incoming(node) -> list:
    return list((node.data / "archive" / "incoming").iterdir())


@pytest.fixture
def node(start, orthanc):
    return start(peers=[orthanc.peer()])


def change(word, value):
    return lambda datasets: [setattr(ds, word, value) for ds in datasets]


def drop(index):
    return lambda datasets: datasets.pop(index)


def shift(datasets):
    datasets[7].ImagePositionPatient = [-90, -90, float(datasets[7].ImagePositionPatient[2]) + 2]


def twice(datasets):
    from copy import deepcopy

    extra = deepcopy(datasets[5])
    extra.SOPInstanceUID += ".1"
    datasets.append(extra)


def tilt(datasets):
    for n, ds in enumerate(datasets):
        ds.ImagePositionPatient = [-90, -90 + 2.0 * n, ds.ImagePositionPatient[2]]


def turn(datasets):
    for ds in datasets[::2]:
        ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def second_echo(datasets):
    for ds in datasets[::2]:
        ds.EchoTime = "90"


def cut_pixels(datasets):
    datasets[4].PixelData = datasets[4].PixelData[:1000]


FAULTS = {
    "GEOM_GAP": drop(9),
    "GEOM_SPACING": shift,
    "GEOM_DUPLICATE": twice,
    "GEOM_TILT": tilt,
    "GEOM_ORIENTATION": turn,
    "GEOM_SINGLE": lambda datasets: datasets.__delitem__(slice(1, None)),
    "MULTI_ECHO": second_echo,
    "MOSAIC": change("ImageType", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
    "PHASE": change("ImageType", ["ORIGINAL", "PRIMARY", "P", "ND"]),
    "DERIVED": change("ImageType", ["DERIVED", "SECONDARY", "MPR"]),
    "PIXELS_UNREADABLE": cut_pixels,
    "NOT_AN_IMAGE": lambda datasets: [
        [delattr(ds, word) for word in ("PixelData", "Rows", "Columns")] for ds in datasets
    ],
    "BURNED_IN": change("BurnedInAnnotation", "YES"),
}


def test_faulty_series_are_refused_each_with_its_code(shared_node):
    """All at once, each in a study of its own: what is wrong with one does not touch another."""
    studies = {}
    for code, plant in FAULTS.items():
        series = MrSeries(seed=code)
        datasets = series.datasets()
        plant(datasets)
        assert set(send(shared_node.port, datasets).values()) == {0}
        studies[code] = series.study_uid
    for code, study_uid in studies.items():
        answer = shared_node.until(study_uid, routed)
        assert code in codes(answer), (code, answer["series"])
        assert answer["series"][0]["verdict"] == "refuse"
        assert answer["jobs"] == []
        (rule,) = answer["rules"]
        assert not rule["fired"]
        assert rule["unmet"]
    assert incoming(shared_node) == []


def test_other_objects_in_the_study_do_not_disturb_it(shared_node, shared_orthanc, tmp_path):
    """A report, a secondary capture and a treatment plan beside the MR: they are filed, and that
    is all."""
    data = data_folder()
    series = MrSeries(seed="others")
    paths = series.write(tmp_path / "mr")
    for number, name in enumerate(
        ("pydicom_test_files/test-SR.dcm", "pydicom_test_files/rtplan.dcm",
         "pydicom_test_files/SC_rgb_small_odd.dcm")
    ):  # fmt: skip
        ds = dcmread(data / "encodings" / name)
        ds.StudyInstanceUID, ds.PatientID = series.study_uid, "TEST-1"
        ds.SeriesInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        paths.append(tmp_path / f"other{number}.dcm")
        ds.save_as(paths[-1])
    said = storescu(shared_node.port, *paths)
    assert said.returncode == 0, said.stderr
    answer = shared_node.until(series.study_uid, is_sent)
    refused = [one for one in answer["series"] if one["verdict"] == "refuse"]
    assert len(refused) == 4, "three others, and the synthetic one"
    assert {"NOT_AN_IMAGE", "COLOUR"} <= codes(answer)


def in_unknown_set(series: MrSeries, folder, name: bytes) -> list:
    """Write a series whose character set nobody knows; ``name`` stands in for the patient's."""
    paths = series.write(folder)
    for path in paths:
        content = path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999")
        path.write_bytes(content.replace(b"Test^Ball", name))
    return paths


def test_an_unknown_character_set_is_no_matter_where_all_text_is_ascii(
    shared_node, shared_orthanc, tmp_path
):
    series = MrSeries(seed="ascii")
    said = storescu(shared_node.port, *in_unknown_set(series, tmp_path / "mr", b"Test^Ball"))
    assert said.returncode == 0, said.stderr
    shared_node.until(series.study_uid, is_sent)
    (study,) = [
        one
        for one in shared_orthanc.get("studies?expand")
        if one["MainDicomTags"]["StudyInstanceUID"] == series.study_uid
    ]
    assert study["PatientMainDicomTags"]["PatientName"] == "Test^Ball"


def test_names_in_an_unknown_character_set_are_not_guessed(shared_node, tmp_path):
    series = MrSeries(seed="unknown set")
    said = storescu(shared_node.port, *in_unknown_set(series, tmp_path / "mr", b"T\xe9st^Ball"))
    assert said.returncode == 0, said.stderr
    answer = shared_node.until(
        series.study_uid, lambda a: a["jobs"] and a["jobs"][0]["state"] == "refused"
    )
    assert {reason["code"] for reason in answer["jobs"][0]["reasons"]} == {"IDENTITY_INVALID"}


def test_pixels_that_no_decoder_reads_refuse_the_job(shared_node, tmp_path):
    """The header and the lengths are sound; only decoding shows that the pixels are not."""
    data = data_folder()
    sources = sorted((data / "encodings" / "triotim_flair_j2k").iterdir())
    series = MrSeries(seed="no codestream")
    from pydicom.encaps import encapsulate

    from tests.support.mr import part10

    template = dcmread(sources[0])
    for ds in series.datasets():
        ds.Rows, ds.Columns = template.Rows, template.Columns
        ds.PixelSpacing = ["0.9", "0.9"]
        ds.BitsStored, ds.HighBit = template.BitsStored, template.HighBit
        ds.PixelData = encapsulate([b"\xff\x4f\xff\x51 this is no codestream "])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = template.file_meta.TransferSyntaxUID
        (tmp_path / "j2k").mkdir(exist_ok=True)
        (tmp_path / "j2k" / f"{ds.InstanceNumber}.dcm").write_bytes(part10(ds))
    said = shared_node.command("ingest", str(tmp_path / "j2k"))
    assert "20 new" in said.stdout
    answer = shared_node.until(
        series.study_uid, lambda a: a["jobs"] and a["jobs"][0]["state"] == "refused", 90
    )
    assert {reason["code"] for reason in answer["jobs"][0]["reasons"]} == {"PIXELS_UNREADABLE"}
    assert answer["deliveries"] == []


def test_two_patients_in_one_study_are_nobodys(shared_node):
    one = MrSeries("two patients")
    other = MrSeries("two patients", plane="sagittal", patient_id="TEST-2")
    send(shared_node.port, [*one.datasets(), *other.datasets()])
    answer = shared_node.until(one.study_uid, routed)
    assert all("IDENTITY_CONFLICT" in codes(answer, s["series_uid"]) for s in answer["series"])
    assert answer["jobs"] == []


def test_the_same_uid_with_other_content_is_reported_and_refused(shared_node):
    series = MrSeries(seed="same UID")
    datasets = series.datasets()
    send(shared_node.port, datasets)
    changed = series.datasets()[3]
    changed.PatientName = "Other^Name"
    send(shared_node.port, [changed])
    shared_node.wait_for("instance conflicts", study_uid=series.study_uid)
    answer = shared_node.until(
        series.study_uid, lambda a: routed(a) and "IDENTITY_CONFLICT" in codes(a)
    )
    (conflict,) = answer["conflicts"]
    assert conflict["sop_instance_uid"] == changed.SOPInstanceUID
    assert (shared_node.data / "archive" / conflict["path"]).is_file()


def children_of(pid: int) -> list[Path]:
    """Return the /proc folders of a process's children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(folder)
    return found


def job_child_of(pid: int) -> int | None:
    """Return the process that runs the jobs: the child of the worker of a serving process."""
    for worker in children_of(pid):
        for child in children_of(int(worker.name)):
            with suppress(OSError):
                if "dicom_node.worker.child" in (child / "cmdline").read_text():
                    return int(child.name)
    return None


def killed_at_work(node, seed: str) -> tuple[str, int]:
    """Kill the child at a job; return the state in which the job ends, and its attempts."""
    series = MrSeries(seed=seed, slices=60, size=160, spacing_mm=1.2, step_mm=2.5)
    send(node.port, series.datasets())
    node.wait_for("job running", 60, study_uid=series.study_uid)
    pid = None
    while pid is None:
        pid = job_child_of(node.process.pid)
    os.kill(pid, signal.SIGKILL)
    (job,) = node.until(series.study_uid, is_sent)["jobs"]
    return job["state"], job["attempts"]


def test_a_killed_child_takes_nothing_with_it_and_the_job_is_tried_again(node):
    node.wait_for("worker started")
    for seed in ("killed", "once more", "and again"):  # on a busy machine it may be done before
        ended = killed_at_work(node, seed)
        assert ended in (("done", 2), ("done", 1))
        if ended == ("done", 2):
            return
    pytest.fail("no job was hit")


@pytest.mark.slow
def test_a_job_that_kills_its_child_each_time_fails_with_its_reason(start, orthanc):
    node = start(peers=[orthanc.peer()], extra={"worker": {"job_limit_s": 0.2, "attempts": 2}})
    series = MrSeries(slices=60, size=160, spacing_mm=1.2, step_mm=2.5)
    send(node.port, series.datasets())
    answer = node.until(
        series.study_uid, lambda a: a["jobs"] and a["jobs"][0]["state"] == "failed", 90
    )
    (job,) = answer["jobs"]
    assert job["attempts"] == 2
    assert {reason["code"] for reason in job["reasons"]} == {"CHILD_DIED"}
    assert answer["deliveries"] == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(lambda path: path.unlink(), "MODEL_MISSING", marks=pytest.mark.slow),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"), "MODEL_TAMPERED"),
    ],
)
def test_weights_that_are_missing_or_changed_fail_the_job_until_they_are_back(node, spoil, code):
    path = node.conf / "models" / "tiny" / "models" / "model.safetensors"
    good = path.read_bytes()
    spoil(path)
    series = MrSeries()
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, lambda a: a["jobs"] and a["jobs"][0]["state"] == "failed")
    assert {reason["code"] for reason in answer["jobs"][0]["reasons"]} == {code}
    assert answer["deliveries"] == []
    assert node.command("models", "list", check=False).returncode == 1
    path.write_bytes(good)
    node.command("jobs", "retry", str(answer["jobs"][0]["id"]))
    node.until(series.study_uid, is_sent)


def test_a_file_damaged_in_the_archive_between_plan_and_job_is_refused(start, orthanc):
    node = start(peers=[orthanc.peer()])
    series = MrSeries()
    path = node.conf / "models" / "tiny" / "models" / "model.safetensors"
    good = path.read_bytes()
    path.unlink()  # hold the job back, so that there is a between
    send(node.port, series.datasets())
    failed = lambda a: a["jobs"] and a["jobs"][0]["state"] == "failed"  # noqa: E731
    answer = node.until(series.study_uid, failed)
    victim = sorted((node.data / "archive").glob("??/*/*.dcm"))[0]
    victim.write_bytes(victim.read_bytes()[:400])
    path.write_bytes(good)
    node.command("jobs", "retry", str(answer["jobs"][0]["id"]))
    answer = node.until(series.study_uid, lambda a: a["jobs"][0]["state"] == "refused")
    assert answer["jobs"][0]["reasons"]
    assert answer["deliveries"] == []


def test_a_full_disk_is_answered_a700_and_the_study_goes_on_when_there_is_room(start, orthanc):
    node = start(peers=[orthanc.peer()], extra={"archive": {"keep_free_mb": 2**40}})
    series = MrSeries()
    assert set(send(node.port, series.datasets()).values()) == {0xA700}
    assert incoming(node) == []
    assert node.stop() == 0
    text = (node.conf / "node.toml").read_text().replace(str(2**40), "1")
    (node.conf / "node.toml").write_text(text)
    node.start()
    assert set(send(node.port, series.datasets()).values()) == {0}
    node.until(series.study_uid, is_sent)


def test_a_node_that_stops_hands_back_what_it_cannot_finish(start, orthanc):
    node = start(peers=[orthanc.peer()])
    series = MrSeries()
    send(node.port, series.datasets())
    node.wait_for("study routed", 30)
    assert node.stop() == 0
    node.start()
    answer = node.until(series.study_uid, is_sent)
    assert [job["state"] for job in answer["jobs"]] == ["done"]
    assert len(orthanc.series()) == 1


def test_a_second_node_on_the_same_data_folder_is_refused_in_one_line(node):
    said = node.command("serve", check=False)
    assert said.returncode == 1
    assert said.stderr.startswith("Error: another node serves")
    assert "Traceback" not in said.stderr
