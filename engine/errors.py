"""What the engine raises.

::

    EngineError            code
    ├── ShapeError         OUTPUT_INVALID     an array or tensor of a shape that cannot be taken
    ├── SpecError          OUTPUT_INVALID     a task, bundle or step says something impossible
    ├── DeviceMissing      NO_MEMORY          the device that was asked for is not here
    ├── NoMemory           NO_MEMORY          the device has no room for the work
    ├── ModelMissing       MODEL_MISSING      a bundle or its weights are not where they should be
    ├── ModelTampered      MODEL_TAMPERED     a file of a bundle is not as it was named or signed
    ├── ModelUnsigned      MODEL_UNSIGNED     a bundle lacks the signature that the site wants
    ├── PixelsUnreadable   PIXELS_UNREADABLE  no decoder gave the pixels that the header promises
    ├── InputRefused       (its reasons)      a series is not one sound volume
    └── ResultRefused      QC_FAILED          the result is not an image: NaN, flat, out of range
"""

from collections.abc import Sequence

from engine.reason import Code, Reason

__all__ = [
    "DeviceMissing",
    "EngineError",
    "InputRefused",
    "ModelMissing",
    "ModelTampered",
    "ModelUnsigned",
    "NoMemory",
    "PixelsUnreadable",
    "ResultRefused",
    "ShapeError",
    "SpecError",
]


class EngineError(Exception):
    """Base of all; ``reasons`` is what a job is refused or failed with."""

    code = Code.OUTPUT_INVALID

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The error as reasons."""
        return (Reason(self.code, str(self)),)


class ShapeError(EngineError):
    """An array or tensor has a shape that the callee cannot take."""


class SpecError(EngineError):
    """A task, a bundle or a step says something impossible."""


class DeviceMissing(EngineError):
    """The device that was asked for is not here."""

    code = Code.NO_MEMORY


class NoMemory(EngineError):
    """The device has no room for the work."""

    code = Code.NO_MEMORY


class ModelMissing(EngineError):
    """A bundle, or a file of it, is not where it should be."""

    code = Code.MODEL_MISSING


class ModelTampered(EngineError):
    """The weights are not those that the bundle names, or a file is not as it was signed."""

    code = Code.MODEL_TAMPERED


class ModelUnsigned(EngineError):
    """A bundle has no signature by a key that is trusted, and the site wants one."""

    code = Code.MODEL_UNSIGNED


class PixelsUnreadable(EngineError):
    """The pixels that the header promises could not be decoded."""

    code = Code.PIXELS_UNREADABLE


class InputRefused(EngineError):
    """A series is not one sound volume, or not what the model may be given."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(str(reason) for reason in reasons))
        self._reasons = tuple(reasons)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Everything that was found, not only the first."""
        return self._reasons


class ResultRefused(EngineError):
    """The network's answer is not an image of the kind that was asked for."""

    code = Code.QC_FAILED
