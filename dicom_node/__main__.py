"""``dicom-node``, which ``python -m dicom_node`` is too."""

import gc

gc.disable()  # what is loaded stays: to look for garbage in it takes a seventh of the start
from dicom_node.cli import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    main()
