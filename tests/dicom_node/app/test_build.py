"""A configuration folder becomes a node, or every mistake in it is told."""

import pytest

from dicom_node.app import open_node
from dicom_node.app.build import load_all
from dicom_node.errors import SettingsError
from tests.support.node import NodeConf

PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}


def test_a_node_has_a_stage_per_destination(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers += [PACS, {**PACS, "name": "archive", "port": 4243}]
    node = open_node(conf.write(), {})
    names = set(node.stages())
    node.database.close()
    assert names == {"completion", "rules", "destination pacs", "destination archive"}


def test_nothing_unsigned_goes_to_a_clinical_destination(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers.append({**PACS, "use": "clinical"})
    with pytest.raises(SettingsError) as caught:
        load_all(conf.write(), {})
    (mistake,) = caught.value.mistakes
    assert "rule 'sct-head' sends to pacs, which is for clinical use" in mistake
    assert 'use = "research"' in mistake


def test_mistakes_of_all_files_are_told_at_once(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers.append({**PACS, "prot": 1})
    folder = conf.write()
    (folder / "tasks" / "ct_from_mr.toml").write_text("needs = 1")
    (folder / "rules" / "rules.toml").write_text("[[rule]]\nname = 7")
    with pytest.raises(SettingsError) as caught:
        load_all(folder, {})
    told = "\n".join(caught.value.mistakes)
    assert all(name in told for name in ("peers.toml", "ct_from_mr.toml", "rules.toml"))
