"""``dicom-node models recall``: done once, told in the end, honest about what is left."""

import json

from tests.dicom_node.cli.test_commands import call, conf
from tests.dicom_node.cli.test_request import routed, study

__all__ = ["call", "conf", "routed", "study"]

BY = ("--by", "A. Physicist", "--why", "shifted", "--wait", "0")


def test_what_is_no_version_or_was_never_here_is_not_recalled(call, routed):
    wrong = call("models", "recall", "tiny", *BY)
    assert (wrong.exit_code, "NAME@VERSION is wanted" in wrong.output) == (2, True)
    unknown = call("models", "recall", "tiny@9.9", *BY)
    assert (unknown.exit_code, "no model tiny 9.9 is installed" in unknown.output) == (1, True)


def test_a_version_that_has_left_nothing_anywhere_is_confirmed_at_once(call, routed):
    assert call("request", routed.study_uid, "ct_from_mr").exit_code == 0
    version = json.loads(call("models", "list", "--json").output)[0]["version"]
    told = call("models", "recall", f"tiny@{version}", *BY, "--json")
    about = json.loads(told.output)
    assert (told.exit_code, about["confirmed"], about["series"]) == (0, True, [])
    (job,) = about["jobs"]
    assert (job["state"], job["reasons"][0]["code"]) == ("refused", "MODEL_RECALLED")
    refused = call("request", routed.study_uid, "ct_from_mr")
    assert (refused.exit_code, "MODEL_RECALLED" in refused.output) == (1, True)
    again = call("models", "recall", f"tiny@{version}", "--by", "B", "--why", "x", "--wait", "0")
    assert "is recalled by A. Physicist" in again.output
