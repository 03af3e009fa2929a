"""Which models may serve whom, and which version of each is used.

What enters: a person's word, with what was seen. What leaves: whether a result may go to a
destination, and the digest that a name stands for. Rows are added and never changed.
"""

from dicom_node.models.activations import Activation, Activations
from dicom_node.models.signings import Evidence, Signed, Signings, unsigned

__all__ = ["Activation", "Activations", "Evidence", "Signed", "Signings", "unsigned"]
