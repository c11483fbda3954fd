"""Rules of the source that no linter here holds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

import nnexp
from nnexp.cli import application

SOURCE = Path(nnexp.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
# What takes long to import: only where it is used.
HEAVY = {"tensorflow", "keras", "matplotlib", "pandas", "sklearn", "scipy", "pooch", "plotly", "distributed"}


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_at_the_top(node: ast.AST) -> Iterator[str]:
    """The packages that importing the module imports: functions and `if TYPE_CHECKING` are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (name.name.split(".")[0] for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            yield (child.module or "").split(".")[0]
        yield from imports_at_the_top(child)


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions, classes and methods."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


# A method that a protocol describes needs no second description.
DESCRIBED = {
    found.name for path in FILES for found in ast.walk(tree(path))
    if isinstance(found, ast.FunctionDef) and ast.get_docstring(found)
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_is_light_short_and_says_what_it_is_for(path: Path) -> None:
    module = tree(path)
    assert not HEAVY & set(imports_at_the_top(module))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 400
    assert not lines or ast.get_docstring(module) or path.name == "__init__.py"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_everything_public_has_a_docstring(path: Path) -> None:
    module = tree(path)
    bare = [found for found in public(module) if not ast.get_docstring(found)]
    assert not [found.name for found in bare if found in module.body or found.name not in DESCRIBED]


def test_the_whole_command_line_is_imported_without_anything_heavy() -> None:
    modules = [f"nnexp.cli.{path.stem}" for path in (SOURCE / "cli").glob("*.py") if path.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*HEAVY, "numpy", "rich.progress"} & set(found.stdout.split())


def commands() -> dict[str, typer.main.TyperCommand]:  # type: ignore[name-defined]
    """Every command of the command line by its words, groups' included."""
    found = {}

    def walk(words: str, command: object) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[words] = command
        else:
            for name, child in inner.items():
                walk(f"{words} {name}".strip(), child)

    walk("", typer.main.get_command(application()))
    return found


@pytest.mark.parametrize("words", commands())
def test_each_command_and_each_of_its_options_says_what_it_does(words: str) -> None:
    command = commands()[words]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_version_is_one_and_the_changelog_tells_of_it() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nnexp.__version__)
    assert nnexp.__version__ in (SOURCE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
