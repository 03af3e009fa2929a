"""Which processes of the node live, and what each has counted.

What enters: a beat of every process, every few seconds. What leaves: who was seen when, and the
counters of all.
"""

from dicom_node.processes.beats import Beat, Kind, Processes

__all__ = ["Beat", "Kind", "Processes"]
