"""Rules from files: each mistake names file, rule, key and remedy; all of them at once."""

from dataclasses import replace

import pytest

from dicom_node.catalogue import Catalogue
from dicom_node.errors import SettingsError
from dicom_node.rules import Condition, load_rules
from dicom_node.values import Companion, Priority

GOOD = '[[rule]]\nname = "sct"\ntask = "ct_from_mr"\ndestinations = ["pacs"]\n'


@pytest.fixture
def load(tmp_path, task):
    """Write rule files and load them."""

    def written(*texts: str):
        (tmp_path / "rules").mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (tmp_path / "rules" / f"{number}.toml").write_text(text)
        catalogue = Catalogue({"ct_from_mr": task}, {"tiny": task.bundle})
        return load_rules(tmp_path, catalogue, ("pacs", "share"))

    return written


def mistakes_of(load, *texts: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(*texts)
    return caught.value.mistakes


def test_a_rule_is_read_with_everything_it_says(load, task):
    (rule,) = load(
        GOOD.replace('["pacs"]', '["share", "pacs"]')
        + 'priority = "stat"\ngrid = "rt-axial"\n'
        + 'when.BodyPartExamined.any_of = ["HEAD", "BRAIN"]\n'
        + "when.SeriesDescription.matches = '(?i)\\bt1\\b'\n"
        + "when.MagneticFieldStrength.at_least = 1.5\nwhen.MagneticFieldStrength.at_most = 3\n"
        + "when.StudyDescription.present = false\n"
    )
    assert (rule.name, rule.task, rule.grid) == ("sct", task, "rt-axial")
    assert (rule.destinations, rule.priority) == (("share", "pacs"), Priority.STAT)
    assert rule.when == (
        Condition("BodyPartExamined", "any_of", ("HEAD", "BRAIN")),
        Condition("SeriesDescription", "matches", r"(?i)\bt1\b"),
        Condition("MagneticFieldStrength", "at_least", 1.5),
        Condition("MagneticFieldStrength", "at_most", 3),
        Condition("StudyDescription", "present", False),
    )


@pytest.fixture
def load_with(tmp_path, task):
    """Load one rule where two more models are installed: a like one, and one that makes MR."""
    like = replace(task.bundle, name="like", digest="1" * 64)
    other = replace(
        task.bundle, name="other", contract=replace(task.bundle.contract, makes="FLAIR")
    )
    catalogue = Catalogue({"ct_from_mr": task}, {"tiny": task.bundle, "like": like, "other": other})
    (tmp_path / "rules").mkdir()

    def loaded(text: str):
        (tmp_path / "rules" / "one.toml").write_text(text)
        return load_rules(tmp_path, catalogue, ("pacs",))

    return loaded


def test_a_rule_may_name_another_model_for_its_task(load_with, task):
    (rule,) = load_with(GOOD + 'model = "like"\n')
    assert (rule.task.name, rule.task.bundle.name) == ("ct_from_mr", "like")
    assert rule.asks_otherwise
    (plain,) = load_with(GOOD)
    assert plain.task.bundle is task.bundle
    assert not plain.asks_otherwise


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ('"likes"', "model = 'likes' is not in models/; did you mean 'like'?"),
        ("3", "model = 3 is not in models/"),
        ('"other"', "task ct_from_mr makes CT from T1, its model tiny makes FLAIR"),
    ],
)
def test_a_model_that_is_not_there_or_does_other_work_is_a_mistake(load_with, model, said):
    (mistake,) = mistakes_of(load_with, GOOD + f"model = {model}\n")
    assert said in mistake.replace("model other", "model tiny")


@pytest.mark.parametrize("pin", ["like@1.0.0", "sha256:" + "1" * 64])
def test_a_rule_may_pin_one_version_of_a_model(load_with, pin):
    (rule,) = load_with(GOOD + f'model = "{pin}"\n')
    assert (rule.task.bundle.name, rule.task.pinned) == ("like", True)
    (free,) = load_with(GOOD + 'model = "like"\n')
    assert not free.task.pinned


@pytest.mark.parametrize("pin", ["like@2.0.0", "sha256:" + "2" * 64])
def test_a_pin_on_what_is_not_there_is_a_mistake_with_the_versions_that_are(load_with, pin):
    (mistake,) = mistakes_of(load_with, GOOD + f'model = "{pin}"\n')
    assert f"rules/one.toml: rule sct: model = '{pin}' is not in models/" in mistake
    assert "like@1.0.0" in mistake


def test_what_a_rule_does_not_say_is_routine_and_on_the_grid_of_its_task(load, task):
    (rule,) = load(GOOD)
    assert (rule.priority, rule.grid, rule.when) == (Priority.ROUTINE, task.grid, ())


def test_rules_come_in_the_order_of_their_files(load):
    names = [rule.name for rule in load(GOOD.replace("sct", "b"), GOOD.replace("sct", "a") + GOOD)]
    assert names == ["b", "a", "sct"]


def test_without_rules_there_are_none(load, tmp_path, task):
    assert load("") == ()
    assert load_rules(tmp_path / "missing", Catalogue({"ct_from_mr": task}, {}), ()) == ()


MISTAKES = {
    # what is written: (which rule is named, the key, the remedy)
    GOOD.replace('name = "sct"\n', ""): ("rule 1", "name is missing", "add it"),
    GOOD.replace('"sct"', "3"): ("rule 3", "name = 3", "letters, digits"),
    GOOD.replace('"sct"', '"s ct"'): ("rule s ct", "name = 's ct'", "letters, digits"),
    GOOD.replace('"sct"', '"../x"'): ("rule ../x", "name = '../x'", "letters, digits"),
    GOOD.replace("sct", "s" * 49): ("rule s", "name = ", "at most 48"),
    GOOD.replace('task = "ct_from_mr"\n', ""): ("rule sct", "task is missing", "add it"),
    GOOD.replace("ct_from_mr", "ct_from_nr"): ("sct", "task = ", "did you mean 'ct_from_mr'?"),
    GOOD.replace("ct_from_mr", "zzz"): ("sct", "task = 'zzz'", "known: ct_from_mr"),
    GOOD.replace('"ct_from_mr"', '["ct_from_mr"]'): ("sct", "task = ", "tasks/"),
    GOOD.replace('"ct_from_mr"', "3"): ("sct", "task = 3", "tasks/"),
    GOOD.replace('destinations = ["pacs"]\n', ""): ("sct", "destinations is missing", "add it"),
    GOOD.replace('["pacs"]', '"pacs"'): ("sct", "destinations = 'pacs'", "a list of names"),
    GOOD.replace('["pacs"]', '["pasc"]'): ("sct", "destination 'pasc'", "did you mean 'pacs'?"),
    GOOD.replace('["pacs"]', "[3]"): ("sct", "destination 3", "known: pacs, share"),
    GOOD.replace('["pacs"]', '[["pacs"]]'): ("sct", "destination ['pacs']", "peers.toml"),
    GOOD + 'grid = "axial"': ("sct", "grid = 'axial'", "native, rt-axial is wanted"),
    GOOD + 'priority = "high"': ("sct", "priority = 'high'", "stat, routine, bulk is wanted"),
    GOOD + 'priority = ["stat"]': ("sct", "priority = ", "stat, routine, bulk is wanted"),
    GOOD + 'prioriti = "stat"': ("sct", "unknown key 'prioriti'", "did you mean 'priority'?"),
    GOOD + 'companions = "report"': ("sct", "companions = 'report'", "a list is wanted"),
    GOOD + 'companions = ["reports"]': ("sct", "companion 'reports'", "did you mean 'report'?"),
    GOOD + "companions = [3]": ("sct", "companion 3", "known: uncertainty, report, overlay, pdf"),
    GOOD + 'companions = ["pdf", "pdf"]': ("sct", "'pdf' is named twice", "name it once"),
    GOOD + 'when = "x"': ("sct", "when is no table", "write when.Keyword.test = value"),
    GOOD + "when.BodyPart.present = true": ("sct", "BodyPart", "did you mean 'BodyPartExamined'?"),
    GOOD + 'when.Rows = "x"': ("sct", "when.Rows = 'x'", "write when.Rows.equals = 'x'"),
    GOOD + "when.Rows.equal = 3": ("sct", "when.Rows.equal", "did you mean 'equals'?"),
    GOOD + 'when.Rows.any_of = "x"': ("sct", "when.Rows.any_of", "a list is wanted"),
    GOOD + "when.Rows.any_of = []": ("sct", "when.Rows.any_of", "a list is wanted"),
    GOOD + "when.Rows.none_of = 3": ("sct", "when.Rows.none_of", "a list is wanted"),
    GOOD + "when.Rows.any_of = [[3]]": ("sct", "when.Rows.any_of", "of texts or numbers"),
    GOOD + "when.Rows.any_of = [{a = 3}]": ("sct", "when.Rows.any_of", "of texts or numbers"),
    GOOD + "when.Rows.equals = [3, 4]": ("sct", "when.Rows.equals", "write any_of"),
    GOOD + "when.Rows.equals = {a = 3}": ("sct", "when.Rows.equals", "one text or number"),
    GOOD + "when.Rows.equals = 2026-01-02": ("sct", "when.Rows.equals", "one text or number"),
    GOOD + 'when.Rows.at_least = "3"': ("sct", "when.Rows.at_least", "a number is wanted"),
    GOOD + "when.Rows.at_most = true": ("sct", "when.Rows.at_most", "a number is wanted"),
    GOOD + 'when.Rows.present = "yes"': ("sct", "when.Rows.present", "true or false is wanted"),
    GOOD + 'when.Rows.matches = "("': ("sct", "when.Rows.matches", "no regular expression"),
    GOOD + "when.Rows.matches = 3": ("sct", "when.Rows.matches", "no regular expression"),
    "[[rules]]": ("0.toml", "unknown key 'rules'", "rules stand under [[rule]]"),
    '[rule]\nname = "x"': ("0.toml", "'rule' is no list of tables", "write [[rule]]"),
    "rule = [3]": ("0.toml", "'rule' is no list of tables", "write [[rule]]"),
    "[[rule]": ("0.toml", "not readable as TOML", "line 1"),
    GOOD + GOOD: ("sct", "the name is given twice", "rename one"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_file_rule_key_and_remedy(load, text):
    rule, key, remedy = MISTAKES[text]
    (mistake,) = mistakes_of(load, text)
    assert mistake.startswith("rules/0.toml: ")
    for word in (rule, key, remedy):
        assert word in mistake


def test_a_name_that_another_file_has_is_given_twice(load):
    (mistake,) = mistakes_of(load, GOOD, GOOD)
    assert mistake == "rules/1.toml: rule sct: the name is given twice; rename one"


def test_bytes_that_are_no_text_are_a_mistake_of_their_file(load, tmp_path):
    load(GOOD)
    (tmp_path / "rules" / "9.toml").write_bytes(b"\xff\xfe")
    assert mistakes_of(load)[0].startswith("rules/9.toml: not readable as TOML")


def test_all_mistakes_of_all_files_are_told_at_once(load):
    texts = [text for text in MISTAKES if text.startswith(GOOD[:20])]
    found = mistakes_of(load, *texts)
    files = {mistake.split(":")[0] for mistake in found}
    assert files == {f"rules/{number}.toml" for number in range(len(texts))}


def test_all_mistakes_of_one_rule_are_told_at_once(load):
    found = mistakes_of(
        load,
        '[[rule]]\nname = "s ct"\ntask = "x"\ndestinations = ["y", "z"]\ngrid = "w"\nprio = 1\n'
        "when.Rows.equal = 1\nwhen.Nonsense.equals = 1\n",
    )
    assert len(found) == 8


def test_companions_have_one_order_however_they_are_named(load):
    (rule,) = load(GOOD + 'companions = ["pdf", "uncertainty"]\n')
    assert rule.companions == (Companion.UNCERTAINTY, Companion.PDF)
    (rule,) = load(GOOD)
    assert rule.companions == ()
