"""The door to NumPy and CuPy: where arrays are made, moved, and handed to torch.

The array decides which library computes on it (:func:`namespace`), never the process. Between CuPy
and torch nothing is copied: both read the same device memory through DLPack.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from engine.errors import DeviceMissing
from engine.volume import Array

try:  # the one optional import: without it every array is NumPy's
    import cupy
except ImportError:  # pragma: no cover - depends on the machine
    cupy = None

if TYPE_CHECKING:
    import torch

__all__ = ["cupy_version", "from_torch", "has_cupy", "namespace", "put", "to_numpy", "to_torch"]


def namespace(x: Array) -> Any:
    """Return the array-API namespace of ``x``: ``xp.sum``, ``xp.clip`` and so on."""
    return array_api_compat.array_namespace(x)


def has_cupy() -> bool:
    """Whether CuPy is installed and a CUDA device answers."""
    return cupy is not None and bool(cupy.cuda.is_available())


def cupy_version() -> str:
    """Return the version of CuPy; nothing where it is not installed."""
    return "" if cupy is None else str(cupy.__version__)


def put(x: NDArray[Any], *, on_gpu: bool) -> Array:
    """Return ``x`` on the GPU (one copy, host to device), or as it is.

    Raises
    ------
    DeviceMissing
        When the GPU is asked for and CuPy or the device is absent.
    """
    if not on_gpu:
        return x
    if not has_cupy():
        raise DeviceMissing(
            "arrays on the GPU need CuPy and a CUDA device; install the cuda13 extra"
        )
    return cast(ModuleType, cupy).asarray(x)


def to_numpy(x: Array) -> NDArray[Any]:
    """Return ``x`` in host memory; a copy only where it was on a device."""
    if array_api_compat.is_cupy_array(x):
        return cast(NDArray[Any], cast(ModuleType, cupy).asnumpy(x))
    return np.asarray(x)


def to_torch(x: Array) -> "torch.Tensor":
    """Return a tensor over the same memory as ``x``, on the device where it lies.

    A NumPy array that is not contiguous, or may not be written to, is copied: torch takes neither.
    """
    import torch  # here, so that arrays alone do not load torch

    if array_api_compat.is_numpy_array(x):
        return torch.from_numpy(np.require(x, requirements=["C", "W"]))
    return torch.utils.dlpack.from_dlpack(x)


def from_torch(tensor: "torch.Tensor", like: Array) -> Array:
    """Return ``tensor`` as an array of the library of ``like``; no copy where both can share.

    Parameters
    ----------
    tensor : torch.Tensor
        Without gradient.
    like : array
        Decides the library: a CuPy array gives a CuPy array over the tensor's memory.
    """
    if array_api_compat.is_cupy_array(like):
        # made on the CPU where the card had no room: it goes to where the volume lies
        return cast(ModuleType, cupy).from_dlpack(tensor.detach().to("cuda"))
    array = tensor.detach().cpu().numpy()
    return array if array_api_compat.is_numpy_array(like) else namespace(like).asarray(array)
