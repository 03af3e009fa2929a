"""The service: studies in, synthetic series out, every step a committed row.

What enters: DICOM instances over C-STORE or from disk. What leaves: synthetic series to the
destinations that a rule names. Packages are listed top to bottom in pyproject.toml, and import only
downwards.
"""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("dicom-synthesis-node")
except PackageNotFoundError:  # pragma: no cover - run from a folder that was never installed
    __version__ = "0.0.0"
