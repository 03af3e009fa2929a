"""What only judges and listens loads nothing heavy: said of a fresh interpreter."""

import json
import subprocess
import sys

HEAVY = {"torch", "highdicom", "SimpleITK", "cupy", "monai", "array_api_compat"}
LIGHT = ["io", "task", "volume", "errors", "reason", "provenance"]


def loaded_by(*modules: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter holds after importing ``modules``."""
    imports = "; ".join(f"import engine.{module}" for module in modules)
    code = f"import json, sys; {imports}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return HEAVY & set(json.loads(done.stdout))


def test_judging_a_series_loads_nothing_heavy():
    assert loaded_by(*LIGHT) == set()


def test_what_computes_is_seen_to_load_more():
    assert "array_api_compat" in loaded_by("xp")
