"""The only wiring: settings into stores into stages, and the clock that ticks them.

What enters: settings. What leaves: a node that runs, or the parts that a command needs.
"""

from dicom_node.app.build import Node, open_node
from dicom_node.app.clock import Clock, Stage
from dicom_node.app.why import explain_study

__all__ = ["Clock", "Node", "Stage", "explain_study", "open_node"]
