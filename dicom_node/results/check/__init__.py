"""The gate before anything may leave: what was encoded is held against what it has to be.

What enters: the objects of a series as bytes, and what they were made of. What leaves: nothing, or
an error that names what is absent, changed or too much. Each module says what one part has to be,
from source, task and synthesis, and none of them asks the modules that wrote it; that the words for
a result are compared with those of ``words`` is the exception, and they are judged besides.
"""

from dicom_node.results.check.gate import FORBIDDEN, WITH_VALUE, check_series

__all__ = ["FORBIDDEN", "WITH_VALUE", "check_series"]
