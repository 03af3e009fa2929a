"""Figures as text that Prometheus reads (exposition format 0.0.4)."""

import math
from collections.abc import Iterable

from dicom_node.web.services import Figure

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "dicom_node_"


def exposition(figures: Iterable[Figure]) -> str:
    """Return all figures, each with its help and its kind."""
    lines = []
    for figure in figures:
        name = _PREFIX + figure.name
        lines += [f"# HELP {name} {_escaped(figure.help)}", f"# TYPE {name} {figure.kind}"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in figure.values]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    pairs = [f'{name}="{_quoted(value)}"' for name, value in labels]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
