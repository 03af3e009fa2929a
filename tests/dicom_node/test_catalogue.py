"""Tasks and models: the site's own folders where it has them, else those of the program."""

import json
import shutil

import pytest

from dicom_node import catalogue
from dicom_node.catalogue import load_catalogue
from dicom_node.errors import NotKnown, SettingsError
from dicom_node.settings import shipped
from tests.support.bundle import write_bundle

TASK = 'needs = ["T1"]\nmakes = "CT"\nmodel = "{}"\n'


def write_task(folder, name="ct_from_mr", model="tiny", text=TASK):
    (folder / "tasks").mkdir(parents=True, exist_ok=True)
    (folder / "tasks" / f"{name}.toml").write_text(text.format(model))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def site(tmp_path, bundle):
    """A configuration folder with a task and a model of its own."""
    shutil.copytree(bundle, tmp_path / "conf" / "models" / "tiny")
    write_task(tmp_path / "conf")
    return tmp_path / "conf"


@pytest.fixture
def program(tmp_path, bundle, monkeypatch):
    """What comes with the program, as if it were other than it is."""
    shutil.copytree(bundle, tmp_path / "program" / "models" / "shipped-model")
    write_task(tmp_path / "program", "shipped_task", "shipped-model")
    monkeypatch.setattr(catalogue, "shipped", lambda name: tmp_path / "program" / name)


@pytest.mark.usefixtures("program")
def test_the_sites_own_folders_are_taken_alone(site):
    found = load_catalogue(site)
    assert (list(found.tasks), list(found.models)) == (["ct_from_mr"], ["tiny"])
    assert found.tasks["ct_from_mr"].bundle is found.models["tiny"]


@pytest.mark.usefixtures("program")
def test_folders_that_the_site_does_not_have_come_with_the_program(tmp_path):
    (tmp_path / "conf").mkdir()
    found = load_catalogue(tmp_path / "conf")
    assert (list(found.tasks), list(found.models)) == (["shipped_task"], ["shipped-model"])


@pytest.mark.usefixtures("program")
def test_each_folder_is_decided_on_its_own(site):
    shutil.rmtree(site / "models")
    write_task(site, model="shipped-model")
    found = load_catalogue(site)
    assert (list(found.tasks), list(found.models)) == (["ct_from_mr"], ["shipped-model"])


@pytest.mark.usefixtures("program")
def test_an_empty_folder_of_the_site_means_nothing(site):
    shutil.rmtree(site / "tasks")
    (site / "tasks").mkdir()
    assert load_catalogue(site).tasks == {}


def test_what_comes_with_the_program_is_valid(tmp_path):
    found = load_catalogue(tmp_path)
    assert set(found.tasks) == {path.stem for path in shipped("tasks").glob("*.toml")}
    assert set(found.models) == {
        path.parent.name for path in shipped("models").glob("*/contract.json")
    }


def test_a_folder_without_a_contract_is_no_model(site):
    (site / "models" / "notes").mkdir()
    assert list(load_catalogue(site).models) == ["tiny"]


def test_every_mistake_of_every_file_is_told(site):
    broken = site / "models" / "broken"
    shutil.copytree(site / "models" / "tiny", broken)
    (broken / "configs" / "metadata.json").write_text("{}")
    gone = site / "models" / "gone"
    shutil.copytree(site / "models" / "tiny", gone)
    (gone / "configs" / "inference.json").unlink()
    write_task(site, "wrong_label", text='needs = ["MR"]\nmakes = "CT"\nmodel = "tiny"\n')
    write_task(site, "wrong_key", text=TASK + "zzz = 1\n")
    write_task(site, "no_model", model="tinny")
    write_task(site, "no_toml", text="needs = [")
    with pytest.raises(SettingsError) as caught:
        load_catalogue(site)
    wrong = (
        "broken",
        "gone",
        "no_model.toml",
        "no_toml.toml",
        "wrong_key.toml",
        "wrong_label.toml",
    )
    told = [[name for name in wrong if name in mistake] for mistake in caught.value.mistakes]
    assert sorted(told) == [[name] for name in wrong]


def test_the_name_of_a_task_fits_where_jobs_are_kept(site):
    write_task(site, "t" * 56)
    assert "t" * 56 in load_catalogue(site).tasks
    write_task(site, "t" * 57)
    with pytest.raises(SettingsError, match=r"t\.toml: its name has 57 characters, 56 is the most"):
        load_catalogue(site)


def test_a_task_whose_model_makes_something_else_is_a_mistake(site):
    write_task(site, text='needs = ["T1"]\nmakes = "STIR"\nmodel = "tiny"\n')
    with pytest.raises(SettingsError, match="makes CT from T1; name another model"):
        load_catalogue(site)


def test_one_changed_byte_of_a_bundle_is_another_model(site):
    before = load_catalogue(site).models["tiny"].identity.digest
    contract = site / "models" / "tiny" / "contract.json"
    changed = json.loads(contract.read_text())
    changed["accepts"]["min_slices"] += 1
    contract.write_text(json.dumps(changed))
    assert load_catalogue(site).models["tiny"].identity.digest != before


def version(site, version, *, folder=None):
    return write_bundle(site / "models" / (folder or f"tiny@{version}"), version=version)


def test_versions_lie_side_by_side_and_adding_one_switches_nothing(site):
    version(site, "0.9.0")
    version(site, "2.0.0")
    found = load_catalogue(site)
    assert [one.version for one in found.versions] == ["1.0.0", "0.9.0", "2.0.0"]
    assert {name: one.version for name, one in found.models.items()} == {"tiny": "1.0.0"}
    assert found.version("tiny@2.0.0").version == "2.0.0"
    digest = found.version("tiny@0.9.0").identity.digest
    assert found.version(digest).version == "0.9.0"


@pytest.mark.parametrize("name", ["tiny", "tiny@3.0.0", "sha256:00", ""])
def test_what_names_no_version_is_not_taken_for_one(site, name):
    version(site, "2.0.0")
    with pytest.raises(NotKnown, match=r"NAME@VERSION of: tiny@1\.0\.0, tiny@2\.0\.0"):
        load_catalogue(site).version(name)


def test_a_folder_that_says_another_version_than_its_bundle_is_a_mistake(site):
    version(site, "2.0.0", folder="tiny@3.0.0")
    with pytest.raises(SettingsError, match=r"version is '2\.0\.0'; 3\.0\.0, as its folder says"):
        load_catalogue(site)


def test_one_version_twice_is_a_mistake(site):
    version(site, "1.0.0")
    with pytest.raises(
        SettingsError, match=r"tiny and tiny@1\.0\.0 are both tiny@1\.0\.0; take one"
    ):
        load_catalogue(site)


@pytest.mark.parametrize("bad", ["1 0", "../1", "1@2", "", "v" * 49])
def test_a_version_is_a_word(site, bad):
    version(site, bad, folder="other")
    with pytest.raises(SettingsError, match="version is "):
        load_catalogue(site)


def test_a_task_may_pin_a_version(site):
    version(site, "2.0.0")
    write_task(site, model="tiny@2.0.0")
    task = load_catalogue(site).tasks["ct_from_mr"]
    assert (task.bundle.version, task.pinned) == ("2.0.0", True)
    write_task(site)
    task = load_catalogue(site).tasks["ct_from_mr"]
    assert (task.bundle.version, task.pinned) == ("1.0.0", False)
