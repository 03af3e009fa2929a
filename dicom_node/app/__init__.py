"""The only wiring: settings into stores into stages, and the clock that ticks them.

What enters: settings. What leaves: a node that runs, or the parts that a command needs.
"""

from dicom_node.app.asked import told_of
from dicom_node.app.build import Node, open_node
from dicom_node.app.clock import Clock, Stage
from dicom_node.app.peers import web_server
from dicom_node.app.pulse import BEAT_S, Pulse
from dicom_node.app.told import tell_started, tell_stopped
from dicom_node.app.why import explain_study

__all__ = [
    "BEAT_S",
    "Clock",
    "Node",
    "Pulse",
    "Stage",
    "explain_study",
    "open_node",
    "tell_started",
    "tell_stopped",
    "told_of",
    "web_server",
]
