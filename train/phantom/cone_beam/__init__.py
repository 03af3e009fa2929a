"""What a cone-beam scanner makes of the Hounsfield units of a body.

True Hounsfield units and their grid enter; those that a treatment machine's imager would have shown
leave, on the same grid.
"""

from train.phantom.cone_beam.artefacts import FIGURES, degrade

__all__ = ["FIGURES", "degrade"]
