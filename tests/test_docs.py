"""The documents say what is so: links lead somewhere, commands exist, configs load, lists are complete."""

from __future__ import annotations

import ast
import functools
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from nnexp.cli import application
from nnexp.cli.help import COMMANDS, welcome
from nnexp.config.experiment import FIELDS, parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import describe
from nnexp.preflight import preflight

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
COMMAND = re.compile(r"^(?: {4}|\$ )?((?:python -m )?nnexp .+)$|`((?:python -m )?nnexp [^`]+)`", re.MULTILINE)
YAML_BLOCK = re.compile(r"^```yaml(?: title=\"(.+?)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def first_cells(page: Path) -> list[str]:
    """What stands as code in the first column of the page's tables."""
    lines = text_of(page).splitlines()
    return [name for line in lines if line.startswith("| `") for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@every_page
def test_links_within_the_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_picture_is_shown_on_a_page_and_small() -> None:
    shown = {target for page in PAGES for target in re.findall(r"images/([\w.]+)", text_of(page))}
    pictures = {path.name: path.stat().st_size for path in (DOCS / "images").iterdir()}
    assert shown == set(pictures)
    assert max(pictures.values()) < 300_000


@functools.cache
def whole() -> Any:
    """The command line with all its commands."""
    return typer.main.get_command(application())


def parse(words: list[str], saved: Sequence[str] = ()) -> None:
    """Hold a command line against nnexp's commands and options, with files that its page saved; nothing is run."""
    command = whole()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, words[0]
        command, words = command.commands[words[0]], words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= {*options, "-h", "--help"}
    for word in words:
        if word.startswith("configs/") and "*" not in word:
            assert word in saved or (ROOT / word).exists(), word


@every_page
def test_commands_in_the_documents_exist_with_their_options(page: Path) -> None:
    saved = [name for name, _ in YAML_BLOCK.findall(text_of(page))]
    for shown in COMMAND.findall(text_of(page)):
        words = shlex.split(" ".join(shown).replace("python -m nnexp", "nnexp"), comments=True)
        end = next((place for place, word in enumerate(words) if word in {"|", ">", "&&"}), len(words))
        parse(words[1:end], saved)


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    for line in ("trane configs/fashion_sigmoid128.yaml", "run --epoch 3", "run configs/nothing.yaml"):
        with pytest.raises(AssertionError):
            parse(line.split())


@every_page
def test_whole_configs_in_the_documents_can_be_trained(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = ("setosa", "versicolor", "virginica")
    (tmp_path / "flowers.csv").write_text("petals,species\n" + "".join(f"{n},{kinds[n % 3]}\n" for n in range(30)))
    (tmp_path / "wines.csv").write_text("ash,strong,coloured,barolo\n" + "2.1,0,1,0\n1.9,1,0,1\n" * 15)
    np.savez(tmp_path / "reviews.npz", x=np.arange(2000).reshape(10, 200), y=np.arange(10) % 2)
    for name, array in (("x", np.zeros((10, 784), np.uint8)), ("y", np.arange(10) % 2)):
        np.save(tmp_path / f"{name}.npy", array)
    for name, block in YAML_BLOCK.findall(text_of(page)):
        mistaken = f"$ nnexp check {name}\n" in text_of(page)  # what that says is held against it elsewhere
        if re.search(r"^dataset:", block, re.MULTILINE) and not mistaken:
            experiment = parse_experiment(parse_config(block, page.name), "shown")
            dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
            assert not preflight(experiment, dataset).problems


def test_every_config_has_its_row_in_the_results() -> None:
    rows = re.findall(r"^\| \[(\w+)\]", text_of(DOCS / "results.md"), re.MULTILINE)
    assert sorted(rows) == sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


def test_every_key_of_a_config_is_documented() -> None:
    assert set(FIELDS) <= set(first_cells(DOCS / "config.md"))


def test_every_finding_is_documented_and_no_other() -> None:
    source = [ast.parse(text_of(path)) for path in (ROOT / "src" / "nnexp").rglob("*.py")]
    calls = [node for tree in source for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    made = [
        ast.unparse(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"
    ]
    # A code that is put together, f'{wanted}_missing', stands for all that fit it.
    codes = [re.sub(r"\{\w+\}", r"\\w+", code.removeprefix("f").strip("'")) for code in made]
    documented = first_cells(DOCS / "findings.md")
    assert codes
    assert [code for code in codes if not any(re.fullmatch(code, name) for name in documented)] == []
    assert [name for name in documented if not any(re.fullmatch(code, name) for code in codes)] == []


def test_every_dependency_is_documented_with_its_range() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    page = text_of(DOCS / "dependencies.md")
    for requirement in project["dependencies"]:
        name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        assert f"| {name} | `{bounds}` |" in page
    for requirement in [extra for extras in project["optional-dependencies"].values() for extra in extras]:
        assert re.split(r"[<>=[]", requirement)[0] in page, requirement


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run, one epoch on a small dataset."""
    folder = tmp_path_factory.mktemp("documented")
    config = folder / "small.yaml"
    config.write_text("dataset: iris\nlayers: [{dense: {units: 3, activation: softmax}}]\nepochs: 1\n")
    command = [sys.executable, "-m", "nnexp", "run", config, "--quiet", "--runs-dir", folder / "runs"]
    subprocess.run(command, check=True)
    [made] = (folder / "runs").iterdir()
    return made


def test_every_file_of_a_run_folder_and_field_of_its_metrics_is_documented(run: Path) -> None:
    documented = first_cells(DOCS / "run-folder.md")
    files = {path.name for path in run.iterdir()}
    fields = set(json.loads(text_of(run / "metrics.json")))
    # In failed runs only, with --profile, of own tables, of other tasks, of tracked runs.
    others = {"error", "expected", "profile", "columns.json", "curves.png", "residuals.png", "tracking.json"}
    assert files | fields | others == set(documented)


def test_the_list_of_decisions_has_each_with_its_title() -> None:
    listed = re.findall(r"^- (\d+)\. \[(.+)\]\((.+)\)$", text_of(DOCS / "decisions" / "README.md"), re.MULTILINE)
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    titles = [re.fullmatch(r"# (\d+)\. (.+)", text_of(page).splitlines()[0]).groups() for page in pages]
    assert listed == [(number, title, page.name) for (number, title), page in zip(titles, pages, strict=True)]


def test_the_help_of_every_command_has_examples_that_would_run() -> None:
    def examples_of(command: Any) -> None:
        inner = getattr(command, "commands", {})
        for made in inner.values():
            examples_of(made)
        if not inner:
            examples = re.findall(r"^Example:  (nnexp .+)$", command.help, re.MULTILINE)
            assert examples, command.name
            assert max(map(len, examples)) <= 78  # whole lines on a terminal of 80 columns
            for line in examples:
                parse(shlex.split(line.partition(" > ")[0])[1:])

    examples_of(typer.main.get_command(application()))


@pytest.mark.parametrize(("width", "most"), [(80, 24), (60, 30)])
def test_nnexp_alone_fits_the_terminal_and_its_commands_would_run(width: int, most: int) -> None:
    lines = welcome(width).splitlines()
    assert len(lines) <= most - 2  # the prompts before and after
    assert max(map(len, lines)) <= width
    shown = [re.split(" {2,}", line.strip())[0] for line in lines if line.startswith("  nnexp ")]
    assert len(shown) == 6
    for line in shown:
        parse(shlex.split(line)[1:])
    assert set(COMMANDS) <= set(re.findall(r"\w+", "\n".join(lines[lines.index("Commands:") :])))
