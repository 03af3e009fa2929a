"""What goes with a result: a map of its uncertainty, reports on it, a warning over its slices.

What enters: a result's making and the series made of it. What leaves: one object each, in a series
of its own of the same study. All are marked as synthetic, for what comes of synthetic images is.
What they are stands here; :mod:`build` makes them, and loads what the worker alone has.
"""

from dicom_node.results.companions.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind"]
