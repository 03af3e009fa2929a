"""A bundle to spoil, and the names of its files."""

import json

import pytest

from engine.task import read_bundle


@pytest.fixture
def spoilt(bundle_folder):
    """Set one value of a file, or take it away, and read the bundle again."""

    def spoil(
        file: str, *keys: str | int, to: object = None, drop: bool = False, read: bool = True
    ):
        path = bundle_folder / file
        whole = held = json.loads(path.read_text())
        for key in keys[:-1]:
            held = held[key]
        if drop:
            del held[keys[-1]]
        else:
            held[keys[-1]] = to
        path.write_text(json.dumps(whole))
        return read_bundle(bundle_folder) if read else None

    return spoil
