"""A gate file says all that is asked of a candidate, or is refused by its name."""

import pytest

from train.errors import GateInvalid
from train.verdict import read_gate_file

TEXT = """
[changes]
model = "head-ct"
parts = ["weights"]

[proof]
better_by = 0.0
fewest = 20
worst = 60.0
stratum = 20.0
bias = 10.0
shift_mm = 0.3
blur = 0.1
lesions = 0.8
leak = 5.0
held = 0.05
phantoms = 5.0

[impact]
benefit = "A smaller error."
harm = "Another dose."
watched_by = "The physicist."
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "head.gate.toml"


def test_it_is_read_with_the_digest_of_its_text(path):
    path.write_text(TEXT, encoding="utf-8")
    found = read_gate_file(path)
    assert (found.changes.parts, found.proof.fewest, len(found.sha256)) == (("weights",), 20, 64)
    path.write_text(TEXT + "# another", encoding="utf-8")
    assert read_gate_file(path).sha256 != found.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[impact]", "[impact", "not readable as TOML"),
        ("[impact]", "[effect]", r"its sections are \[changes\], \[proof\], \[effect\]; \[changes"),
        ('["weights"]', '["weight"]', r"\[changes\] parts names 'weight'; parts of a model are w"),
        ("fewest = 20", "fewest = 2", r"\[proof\] fewest = 2; 5 to 1e\+06 is wanted"),
        ("fewest = 20", "fewest = 20\nmost = 3", r"\[proof\] unknown key 'most'"),
        ("bias = 10.0", "bias = -1.0", r"\[proof\] bias = -1; 0 or more is wanted"),
        ("lesions = 0.8", "lesions = 0.0", r"\[proof\] lesions = 0; 0.3 to 1 is wanted"),
        ("blur = 0.1", "", r"\[proof\] key 'blur' is missing"),
        ('"Another dose."', '" "', r"\[impact\] harm is blank; write a sentence"),
    ],
)
def test_a_mistake_is_named_with_what_is_wanted(path, old, new, said):
    assert old in TEXT
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(GateInvalid, match=said):
        read_gate_file(path)


def test_a_file_that_is_not_there_is_one_line(path):
    with pytest.raises(GateInvalid, match="not readable"):
        read_gate_file(path)
