"""Who tells and who acts is named as the system and the settings have it."""

import os
import pwd
import socket

import pytest

from dicom_node.audit import person_of, remote_of
from dicom_node.audit.here import source_of
from dicom_node.audit.message import summary_of, to_xml
from dicom_node.settings import Peer, load_settings
from tests.support.audit_samples import HERE, samples


def test_the_node_is_its_ae_title_unless_it_has_a_name_of_its_own(tmp_path):
    source = source_of(load_settings(tmp_path, {}))
    assert (source.source_id, source.site_id, source.patient_names) == ("SYNTHNODE", "", False)
    assert (source.host, source.process_id) == (socket.gethostname(), os.getpid())
    named = {"NODE_AUDIT__SOURCE_ID": "ward 3", "NODE_AUDIT__SITE_ID": "north"}
    source = source_of(load_settings(tmp_path, named))
    assert (source.source_id, source.site_id) == ("ward 3", "north")


def test_a_person_is_who_started_the_process_or_who_called_sudo(monkeypatch):
    host = socket.gethostname()
    assert person_of({}).login == f"{pwd.getpwuid(os.getuid()).pw_name}@{host}"
    assert person_of({"SUDO_USER": "mueller"}).login == f"mueller@{host}"
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert person_of({}).login == f"4000000001@{host}"


def test_a_peer_that_may_call_from_anywhere_has_no_address_but_the_one_it_calls_from():
    peer = Peer(name="pacs", ae_title="PACS", host="*")
    assert remote_of(peer).address == ""
    assert remote_of(peer, "192.0.2.7").address == "192.0.2.7"
    assert remote_of(Peer(name="pacs", ae_title="PACS", host="h")).address == "h"


def test_a_message_is_summed_up_for_a_person():
    summary = summary_of(to_xml(samples()["instances_transferred, new"], HERE))
    assert (summary.event, summary.action, summary.outcome) == (
        "DICOM Instances Transferred", "C", "0",
    )  # fmt: skip
    assert summary.who == ("scanner (SCANNER)*", "4711 (SYNTHNODE)")
    assert summary.things == ("1.2.3", "P-4711")
    assert summary_of(to_xml(samples()["node_refused"], HERE)).kinds == ("Node Authentication",)


@pytest.mark.parametrize(
    "text",
    ["", "<open>", "<Other/>", '<!DOCTYPE a [<!ENTITY b "c">]><AuditMessage>&b;</AuditMessage>'],
)
def test_what_is_no_message_has_no_summary(text):
    assert summary_of(text) is None
