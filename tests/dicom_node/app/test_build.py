"""A configuration folder becomes a node, or every mistake in it is told."""

import stat

import pytest
from sqlalchemy import select

from dicom_node.app import open_node
from dicom_node.app.build import load_all
from dicom_node.db import DoomedRow, InstanceRow
from dicom_node.errors import SettingsError
from dicom_node.retention import Keep
from dicom_node.rules.wish import wish
from tests.dicom_node.archive.objects import instance, received
from tests.support.node import NodeConf

PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}


def test_a_node_has_a_stage_per_destination(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers += [PACS, {**PACS, "name": "archive", "port": 4243}]
    node = open_node(conf.write(), {})
    names = set(node.stages())
    node.database.close()
    assert names == {
        "audit", "clock", "completion", "rules", "headers", "retention", "destination pacs",
        "destination archive", "receipts pacs", "receipts archive", "notes",
    }  # fmt: skip


def test_a_peer_that_asks_and_is_asked_has_stages_of_its_own(tmp_path):
    conf = NodeConf(tmp_path)
    rights = {"may": ["store", "commit"], "ask": ["find", "move", "commit"]}
    conf.peers += [{**PACS, **rights}, {**PACS, "name": "other", "ae_title": "OTHER"}]
    conf.rules = [{"name": "sct", "task": "ct_from_mr", "destinations": [], "fetch": True}]
    node = open_node(conf.write(), {})
    names = {name for name in node.stages() if name.endswith(" pacs")}
    others = {name for name in node.stages() if name.endswith(" other")}
    node.database.close()
    assert names - others >= {"promises pacs", "questions pacs", "fetches pacs", "sender pacs"}
    assert others == {"destination other", "receipts other"}


def test_peers_are_asked_for_what_somebody_may_ask_for_though_no_rule_makes_it(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers.append({**PACS, "ask": ["find"]})
    conf.rules = []
    node = open_node(conf.write(), {})
    stage, _ = node.stages()["questions pacs"]
    planning, asking = node.rules_stage()._elsewhere, node.requester()._elsewhere
    (first,) = [asking(rule) for rule in wishes(node)]
    node.database.close()
    assert set(planning.inquirers) == set(first.inquirers) == {"pacs"}
    assert stage._inquirer._looks.labels_for(["ct_from_mr"]) == {"CT"}
    assert first.inquirers["pacs"]._looks.labels_for([]) == {"CT"}


def wishes(node):
    offer = node.current().offer
    return [wish(task, (), offer) for task in offer.tasks]


CLOUD = {"name": "cloud", "kind": "dicomweb", "url": "https://pacs.example.org/dicom-web"}


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"ask": ["find"]}, True),
        ({}, False),
        ({"kind": "folder", "path": "out", "url": ""}, True),
        ({"kind": "folder", "path": "out", "url": "", "keeps": False}, False),
    ],
)
def test_retention_waits_for_a_receipt_where_somebody_can_be_asked_for_one(tmp_path, values, asked):
    conf = NodeConf(tmp_path)
    conf.destinations.append({**CLOUD, **values})
    node = open_node(conf.write(), {})
    stages = node.stages()
    node.database.close()
    assert (stages["receipts cloud"][0]._ways.why_not == "") is asked
    assert ("cloud" in Keep.of(node.settings).unable) is not asked
    assert "gone" not in Keep.of(node.settings).unable
    assert ("questions cloud" in stages) is ("ask" in values)


def test_nobody_else_reads_the_data_folder(tmp_path):
    node = open_node(NodeConf(tmp_path).write(), {})
    node.database.close()
    assert stat.S_IMODE(node.settings.data.stat().st_mode) == 0o700


def test_a_rule_that_fetches_needs_somebody_to_fetch_from(tmp_path):
    conf = NodeConf(tmp_path)
    conf.peers.append({**PACS, "ask": ["find", "move"], "may": ["echo"]})  # may not store here
    conf.rules = [{"name": "sct", "task": "ct_from_mr", "destinations": [], "fetch": True}]
    with pytest.raises(SettingsError) as caught:
        load_all(conf.write(), {})
    (mistake,) = caught.value.mistakes
    assert "rule 'sct' has fetch = true" in mistake
    assert '"store" in may' in mistake


def test_a_file_that_a_crash_left_aside_is_back_before_anything_starts(tmp_path, now):
    """Its study was deleted and sent again; the node died while it looked which of the two."""
    node = open_node(NodeConf(tmp_path).write(), {})
    kept = node.archive.keep(received(instance()))
    with node.database.transaction() as session:
        path = session.scalars(select(InstanceRow.path)).one()
        row = {"path": path, "sop_instance_uid": kept.sop_instance_uid, "due": now}
        session.add(DoomedRow(**row))
    file = node.archive.folder / path
    file.rename(file.with_name(f"{file.name}.doomed"))
    node.recover()
    node.database.close()
    assert file.exists()


def test_a_rule_may_name_a_clinical_destination_before_a_model_is_signed_for_it(tmp_path):
    """Whether it is signed is asked when something is about to leave."""
    conf = NodeConf(tmp_path)
    conf.peers.append({**PACS, "use": "clinical"})
    settings, _, _ = load_all(conf.write(), {})
    assert settings.clinical_names() == {"pacs"}


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
