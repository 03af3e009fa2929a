"""Where the code changes what is durable, read from the code itself.

A site is a function, as ``archive.files:Files.write``: one that opens a transaction, or one that
changes the disk. Whoever writes a new one has to have it killed in the matrix, or to say in
:data:`tests.support.matrix.elsewhere` where else that is done.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3] / "dicom_node"
COMMITS = {"transaction", "writing"}
OF_OS = {"link", "remove", "rename", "replace", "rmdir", "truncate", "ftruncate", "unlink", "utime",
         "write", "writev", "fsync", "mkdir"}  # fmt: skip
OF_PATH = {"rename", "rmdir", "unlink", "mkdir", "write_bytes", "write_text"}
OF_LAYER = {"sync_file", "sync_folder"}


def commit_sites() -> set[str]:
    """Return every function that opens a transaction which may write."""
    return {site for site, call in _calls() if _method(call) in COMMITS}


def disk_sites() -> set[str]:
    """Return every function that changes files or folders, or makes that last."""
    return {site for site, call in _calls() if _changes_disk(call)}


def _changes_disk(call: ast.Call) -> bool:
    name = _method(call)
    if isinstance(call.func, ast.Name):
        return call.func.id in OF_LAYER
    if isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "os":
        return name in OF_OS
    if name == "replace":  # text has one too, with two arguments
        return len(call.args) == 1 and not call.keywords
    return name in OF_LAYER | OF_PATH or (name == "open" and _writes(call))


def _writes(call: ast.Call) -> bool:
    """Whether the mode of ``Path.open`` is one for writing."""
    modes = [one.value for one in call.args[:1] if isinstance(one, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) & set("wax+") for mode in modes)


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        inner = path.relative_to(ROOT).with_suffix("").parts
        if inner[0] == "db" or inner == ("disk",):  # below all sites: whoever calls it is one
            continue
        module = ".".join(inner[:-1] if inner[-1] == "__init__" else inner)
        yield from _within(ast.parse(path.read_text(encoding="utf-8")), module, ())


def _within(node: ast.AST, module: str, names: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from _within(child, module, (*names, child.name))
            continue
        if isinstance(child, ast.Call) and names:
            yield f"{module}:{'.'.join(names)}", child
        yield from _within(child, module, names)
