"""A process is seen while it lives, whatever befalls one of its beats."""

from threading import Event

from structlog.testing import capture_logs

from dicom_node.app import Pulse
from dicom_node.app import pulse as module
from dicom_node.db import Database
from dicom_node.processes import Kind, Processes
from dicom_node.tally import Tally


def test_a_beat_that_meets_a_bug_is_told_and_the_next_one_comes(tmp_path, now, monkeypatch):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    beaten = Event()
    asked = []

    def levels(_):
        asked.append(1)
        if len(asked) == 1:
            raise ZeroDivisionError
        if len(asked) == 3:
            beaten.set()
        return ()

    monkeypatch.setattr(module, "BEAT_S", 0.01)
    with capture_logs() as said, Pulse(database, Kind.WEB, Tally(), now, levels).beating():
        assert beaten.wait(20)
        with database.reading() as session:
            (beat,) = Processes(session).seen_since(now)
    assert beat.kind is Kind.WEB
    (line,) = said
    assert (line["event"], line["stage"], line["log_level"]) == ("bug in a tick", "pulse", "error")
    database.close()
