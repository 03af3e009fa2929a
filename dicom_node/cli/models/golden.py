"""Golden cases run and recorded; importing this loads what computes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from dicom_node.app.clock import utc_now
from dicom_node.cli.context import Context
from dicom_node.worker.golden import Case, cases_of, record, run_case
from dicom_node.worker.run import load_bench
from engine.task import Bundle

__all__ = ["keep", "run_all"]


def run_all(context: Context, bundle: Bundle) -> list[dict[str, Any]]:
    """Return how each golden case of a model ended."""
    bench = load_bench(context.conf, context.environ)
    return [asdict(run_case(bench, bundle, case)) for case in cases_of(bench, bundle)]


def keep(
    context: Context, bundle: Bundle, source: Path, wanted: tuple[str, str, float], by: str
) -> tuple[Path, list[str]]:
    """Record a golden case; return where it lies, and why the gates would hold its result.

    Parameters
    ----------
    wanted : (str, str, float)
        What it is called, the task, the tolerance.
    """
    name, task, tolerance = wanted
    bench = load_bench(context.conf, context.environ)
    case = Case(Path(name), task, tolerance)
    kept, held = record(bench, bundle, source, case, (by, utc_now()))
    return kept.folder, held
