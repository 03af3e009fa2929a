"""What learning raises.

::

    TrainError
    ├── RecipeInvalid       a recipe says something unknown or impossible
    ├── TemplateMissing     the maps that phantoms are made of are not installed
    ├── DataInvalid         prepared subjects are absent, unreadable or of another layout
    ├── CheckpointInvalid   a checkpoint is absent, unreadable, or of another recipe
    ├── GateInvalid         a gate file does not say what a candidate is held to
    ├── BundleInvalid       a folder where no bundle can go: its name, or what it holds
    ├── NotFinite           a loss is no number: learning has failed
    └── OutOfMemory         the device has no room for the networks and a batch
"""

__all__ = [
    "BundleInvalid",
    "CheckpointInvalid",
    "DataInvalid",
    "GateInvalid",
    "NotFinite",
    "OutOfMemory",
    "RecipeInvalid",
    "TemplateMissing",
    "TrainError",
]


class TrainError(Exception):
    """Base of all; shown as one line by ``dicom-train``."""


class RecipeInvalid(TrainError):
    """A recipe names an unknown key, or a value that cannot be."""


class TemplateMissing(TrainError):
    """The maps that phantoms are made of are not installed."""


class DataInvalid(TrainError):
    """Prepared subjects are absent, unreadable or of another layout."""


class CheckpointInvalid(TrainError):
    """A checkpoint is absent, unreadable, or belongs to another recipe."""


class GateInvalid(TrainError):
    """A gate file does not say what a candidate is held to."""


class BundleInvalid(TrainError):
    """No bundle can go to a folder, because of its name or of what it holds."""


class NotFinite(TrainError):
    """A loss is no number: learning has failed."""


class OutOfMemory(TrainError):
    """The device has no room for the networks and a batch."""
