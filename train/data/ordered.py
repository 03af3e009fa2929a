"""Whether the pairs in a folder are what a recipe orders."""

import json
from pathlib import Path

from train.config import Cohort, Phantoms
from train.errors import DataInvalid

__all__ = ["ORDER", "check_order"]

ORDER = "order.json"
"""What was ordered, in the folder of what was made."""
_KEYS = ("anatomy", "sources", "target", "scans", "spacing_mm", "shift_mm")


def check_order(made: Phantoms | Cohort, folder: Path) -> None:
    """Refuse phantoms that were ordered otherwise than a recipe does.

    Of a folder without ``order.json`` nothing is known: its pairs are somebody else's.

    Raises
    ------
    DataInvalid
        Naming what differs.
    """
    path = folder / ORDER
    if not path.is_file():
        return
    if isinstance(made, Cohort):
        text = f"{folder} holds phantoms, the recipe learns from the persons of a cohort"
        raise DataInvalid(f"{text}; name the folder that 'dicom-train pairs' wrote with --data")
    again = "make them with 'dicom-train phantom --recipe' in another folder"
    try:
        seen = json.loads(path.read_text(encoding="utf-8"))["order"]
        there = {key: seen[key] for key in _KEYS}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataInvalid(f"{path} does not say what was ordered ({exc!r}); {again}") from exc
    for key, value in there.items():
        wanted = getattr(made, key)
        if value != (list(wanted) if isinstance(wanted, tuple) else wanted):
            text = f"{folder} holds phantoms of {key} {value}, the recipe wants {wanted}"
            raise DataInvalid(f"{text}; {again}")
