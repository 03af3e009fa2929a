"""What was learned as a bundle on disk, whole or not at all."""

from train.export.bundle import export
from train.export.place import check_place, put

__all__ = ["check_place", "export", "put"]
