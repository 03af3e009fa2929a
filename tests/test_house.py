"""The house rules that a linter does not know."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dicom_node", "engine", "train")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
)
FOLDERS = sorted({path.parent for path in MODULES})
LONGEST, MOST_FILES = 400, 12
ERROR_TREES = ("dicom_node.errors", "engine.errors", "train.errors")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_short_and_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_holds_at_most_twelve_files(folder):
    if folder in [ROOT / package for package in PACKAGES]:
        pytest.skip("the ground floor is bounded by its layers")
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_public_is_listed_sorted_and_there(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    listed = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in targets(node)
    ]
    if path.name in ("__main__.py", "env.py"):
        return
    assert listed, f"{name_of(path)} has no __all__"
    names = ast.literal_eval(listed[0])
    module = importlib.import_module(name_of(path))
    assert all(hasattr(module, name) for name in names)
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not is_command(node)
    }
    assert defined <= set(names), f"public, but not listed: {defined - set(names)}"


def targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    found = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {getattr(target, "id", "") for target in found}


def is_command(node: ast.AST) -> bool:
    """A click command is reached through its group, not by its name."""
    return any(
        isinstance(decorator, ast.Call)
        and getattr(decorator.func, "attr", "") in ("command", "group")
        for decorator in getattr(node, "decorator_list", [])
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_forbidden_is_used(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Global), f"global in line {node.lineno}"
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.args.kwarg is None, f"**{node.args.kwarg} in line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "print"), f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert "*" not in {alias.name for alias in node.names}


@pytest.mark.parametrize("name", ERROR_TREES)
def test_the_tree_of_errors_is_drawn_as_it_is(name):
    module = importlib.import_module(name)
    drawn = set(re.findall(r"[├└]── (\w+)", module.__doc__))
    errors = [value for value in vars(module).values() if is_error(value, module)]
    roots = {error.__name__ for error in errors if error.__bases__ == (Exception,)}
    defined = {error.__name__ for error in errors} - roots
    assert len(roots) == 1
    assert drawn == defined


def is_error(value, module) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Exception)
        and value.__module__ == module.__name__
    )


def test_every_node_error_is_on_the_one_tree():
    """A room may have errors of its own; they descend from the tree all the same."""
    from dicom_node.errors import NodeError

    for path in MODULES:
        if not name_of(path).startswith("dicom_node."):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                kind = getattr(importlib.import_module(name_of(path)), node.name)
                if isinstance(kind, type) and issubclass(kind, Exception):
                    assert issubclass(kind, NodeError), kind


def test_torchvision_is_not_there():
    """It has no CPU build, fails on import, and breaks what imports it if it can."""
    assert importlib.util.find_spec("torchvision") is None


def test_folders_of_the_node_are_synced_in_one_place():
    """Whoever does it again, does it with other errors and other gaps."""
    ours = [path for path in MODULES if name_of(path).startswith("dicom_node.")]
    syncing = [name_of(path) for path in ours if "O_DIRECTORY" in path.read_text(encoding="utf-8")]
    assert syncing == ["dicom_node.disk"]


def test_no_path_of_one_machine_is_written_down():
    words = re.compile(rf"/home/\w|/root/|{re.escape(str(ROOT))}")
    for pattern in ("**/*.py", "**/*.md", "**/*.toml", "Makefile", ".ci/*"):
        for path in ROOT.glob(pattern):
            if {".venv", "build"} & set(path.parts) or path == Path(__file__):
                continue
            found = words.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found.group() if found else ''}"
