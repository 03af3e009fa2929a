import pytest

from train.evaluate.whole import beside, write_json


def test_a_crash_leaves_the_old_file(tmp_path):
    path = tmp_path / "one.json"
    write_json(path, {"a": 1})

    def breaks():
        with beside(path) as part:
            part.write_text("half of", encoding="utf-8")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        breaks()
    assert path.read_text("utf-8") == '{\n "a": 1\n}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text("utf-8") == '{\n "a": 1\n}\n'


def test_what_was_written_beside_takes_its_place(tmp_path):
    path = tmp_path / "one.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": "ä"})
    assert "ä" in path.read_text("utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["one.json"]
