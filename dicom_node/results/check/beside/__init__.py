"""The gate for what goes with a result: a companion is held against what it has to be.

What enters: one object as bytes, and what its result was made of. What leaves: nothing, or an error
that names what is absent, changed or too much. As for images, each module says what one kind has to
be, and asks none that wrote it; only the setting of lines on pages is taken from there.
"""

from dicom_node.results.check.beside.gate import check_companion

__all__ = ["check_companion"]
