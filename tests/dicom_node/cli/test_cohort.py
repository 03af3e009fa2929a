"""``dicom-node cohort``: what a file chooses of the archive, shown and written out."""

import json
import sys

import pytest
from pydicom import dcmread

from dicom_node.app import cohort, open_node
from dicom_node.archive import Studies
from tests.dicom_node.cli.test_commands import call, conf
from tests.support.mr import MrSeries, acquired_ct, part10
from tests.support.trail import told_in

__all__ = ["call", "conf"]

FILE = 'name = "heads"\ntask = "ct_from_mr"\n[between]\nfirst = 2025-01-01\n'
PEOPLE = 3


def person(number: int) -> MrSeries:
    return MrSeries(seed=f"person {number}", patient_id=f"MRN-{number}-Q")


@pytest.fixture
def archive(call, conf, tmp_path):
    """An archive with three people, one of whom has but a synthetic CT, and a study on its way."""
    folder = tmp_path / "in"
    for number in range(PEOPLE):
        series = person(number)
        target = acquired_ct(series)
        for ds in target if number == 2 else ():
            ds.SyntheticData = "YES"
        for ds in (*series.datasets(), *target):
            path = folder / f"{ds.SOPInstanceUID}.dcm"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(part10(ds))
    assert call("ingest", folder).exit_code == 0
    node = open_node(conf.folder / "conf", {})
    with node.database.transaction() as session:
        studies = Studies(session, node.archive.folder)
        for waiting in studies.receiving():
            studies.complete(waiting.uid, waiting.revision, "quiet")
    node.database.close()
    person(7).write(tmp_path / "late")
    assert call("ingest", tmp_path / "late").exit_code == 0


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "heads.toml"
    path.write_text(FILE)
    return path


def test_what_is_chosen_and_left_out_is_shown(call, archive, file):
    shown = call("cohort", "show", file)
    assert shown.exit_code == 0, shown.output
    assert shown.output == (
        "heads: 2 pairs of 2 persons; 2 series left out\n"
        "       1 NO_PARTNER: has no source, or no target, beside it\n"
        "       1 SYNTHETIC: made, not acquired\n"
    )
    each = call("cohort", "show", file, "--left").output
    assert f"{person(2).series_uid}: NO_PARTNER: its person has no CT" in each
    told = json.loads(call("cohort", "show", file, "--json").output)
    assert (len(told["pairs"]), told["persons"], len(told["left"])) == (2, 2, 2)
    assert told["pairs"][0]["one_frame"]


def test_it_is_written_and_written_again_it_is_the_same(call, archive, file, tmp_path):
    out = tmp_path / "out"
    done = call("cohort", "write", file, out)
    assert done.exit_code == 0, done.output
    assert f"{out}: 2 pairs of 2 persons, 80 objects; digest " in done.output
    told = json.loads(call("cohort", "write", file, out, "--json").output)
    manifest = json.loads((out / "manifest.json").read_text())
    assert told["digest"] == manifest["digest"]
    ds = dcmread(next(out.glob("series/*/00001.dcm")))
    assert ds.PatientID in {pair["person"] for pair in manifest["pairs"]}
    for path in out.rglob("*.dcm"):
        assert b"MRN-" not in path.read_bytes()


def test_one_person_has_one_pseudonym_in_every_dataset_of_a_node(call, archive, file, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(FILE.replace("heads", "others"))
    people = []
    for one in (file, other):
        assert call("cohort", "write", one, tmp_path / one.stem).exit_code == 0
        manifest = json.loads((tmp_path / one.stem / "manifest.json").read_text())
        people.append([pair["person"] for pair in manifest["pairs"]])
    assert people[0] == people[1]


def test_what_cannot_be_read_is_left_out_and_said(call, archive, conf, file, tmp_path):
    node = open_node(conf.folder / "conf", {})
    with node.database.reading() as session:
        of_study = Studies(session, node.archive.folder).files(person(0).study_uid)
    node.database.close()
    path = of_study[person(0).series_uid][5].path
    path.write_bytes(path.read_bytes()[:-500])
    assert f"{person(0).series_uid}: UNSOUND: " in call("cohort", "show", file, "--left").output
    done = call("cohort", "write", file, tmp_path / "out")
    assert "1 pairs of 1 persons, 40 objects" in done.output


def test_what_was_chosen_and_is_gone_when_it_is_written_is_told(
    call, archive, conf, file, tmp_path, monkeypatch
):
    """Retention may delete it in between: here that comes as soon as it is chosen."""
    real = cohort.chosen

    def chosen_and_gone(node, *rest):
        choice = real(node, *rest)
        uid = choice.pairs[0].sources[0].study_uid
        with node.database.reading() as session:
            of_study = Studies(session, node.archive.folder).files(uid)
        of_study[choice.pairs[0].target.series_uid][0].path.unlink()
        return choice

    commands = sys.modules["dicom_node.cli.cohort.commands"]
    monkeypatch.setattr(commands, "chosen", chosen_and_gone)
    done = call("cohort", "write", file, tmp_path / "out")
    assert done.exit_code == 3
    assert "1 pairs of 1 persons" in done.output
    assert done.output.count("UNREADABLE: an object of it cannot be read") == 2


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('"ct_from_mr"', '"none"', "task = 'none': there is no such task; known are ct_from_mr"),
        (
            "[between]",
            'archive = "pacs"\n[between]',
            "is drawn from day by day; say first and last",
        ),
        (
            "[between]",
            'archive = "pacs"\n[between]\nlast = 2026-12-31',
            "archive = 'pacs': nothing was drawn from there; 'dicom-node cohort draw' does that",
        ),
        ("[between]", "[draw]\npause_s = 1\n[between]", "[draw] is of an archive elsewhere"),
        ("first =", "begins =", "heads.toml: unknown key between.begins"),
    ],
)
def test_a_file_that_cannot_be_followed_is_one_line(call, archive, file, was, now, said):
    file.write_text(FILE.replace(was, now))
    shown = call("cohort", "show", file)
    assert (shown.exit_code, shown.output.count("\n")) == (1, 1)
    assert said in shown.output


def test_the_trail_has_who_wrote_it_out(call, conf, archive, file, tmp_path):
    assert call("cohort", "write", file, tmp_path / "out").exit_code == 0
    said = "the cohort heads was written, 2 pairs were chosen"
    told = told_in(conf.folder / "var" / "audit")
    assert said in [text for one in told for text in one.details.values()]


def test_a_key_that_is_spoilt_is_said(call, archive, file, conf, tmp_path):
    assert call("cohort", "write", file, tmp_path / "out").exit_code == 0
    key = conf.folder / "var" / "cohort.key"
    assert (key.stat().st_mode & 0o777, len(key.read_text().strip())) == (0o600, 64)
    key.write_text("spoilt\n")
    done = call("cohort", "write", file, tmp_path / "other")
    assert (done.exit_code, "cohort.key: holds no key; restore" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [("here", "what is here needs no drawing"), ("none", "no such archive can be drawn from")],
)
def test_what_cannot_be_drawn_from_is_one_line(call, archive, file, name, said):
    file.write_text(FILE.replace("[between]", f'archive = "{name}"\n[between]\nlast = 2026-12-31'))
    done = call("cohort", "draw", file)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert said in done.output


@pytest.mark.parametrize("name", ["pcas", "../../elsewhere", "a/b"])
def test_who_was_never_drawn_from_is_not_forgotten(call, conf, archive, name):
    done = call("cohort", "forget", name)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert f"nothing was drawn from '{name}'; there is something of: nobody" in done.output
    assert not (conf.folder / "var" / "drawn").exists() or not [
        *(conf.folder / "var" / "drawn").iterdir()
    ]
