"""Sizes of a network as a recipe gives them, into a checked value."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from engine.errors import SpecError

__all__ = ["refuse_misfits", "sizes_of"]

S = TypeVar("S")


def sizes_of(
    kind: type[S], network: str, preset: str, presets: Mapping[str, S], sizes: Mapping[str, Any]
) -> S:
    """Return the sizes of ``preset``, those in ``sizes`` in their place.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are the sizes.
    network : str
        For the message.
    preset, presets : str, mapping
        Which, of what there is.
    sizes : mapping
        What is to differ.

    Raises
    ------
    SpecError
        When the preset or a size is unknown.
    """
    if preset not in presets:
        raise SpecError(f"{network} has no preset '{preset}'; known: {', '.join(presets)}")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(sizes) - set(known)):
        raise SpecError(f"{network} has no size '{unknown[0]}'; known: {', '.join(sorted(known))}")
    of_preset = {name: getattr(presets[preset], name) for name in known}
    return kind(**{**of_preset, **sizes})


def refuse_misfits(network: str, sizes: object, choices: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse a number below 1, a switch that is none, and what is not among ``choices``.

    Raises
    ------
    SpecError
        Naming the size.
    """
    for field in fields(sizes):  # type: ignore[arg-type]
        seen = getattr(sizes, field.name)
        if field.name in choices:
            wanted = "one of " + ", ".join(repr(choice) for choice in choices[field.name])
            fits = type(seen) is not bool and seen in choices[field.name]
        elif field.type is bool:
            wanted, fits = "true or false", type(seen) is bool
        else:
            wanted, fits = "a whole number, at least 1", type(seen) is int and seen >= 1
        if not fits:
            raise SpecError(f"{network}: {field.name} is {wanted}; got {seen!r}")
