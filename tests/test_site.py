"""The documents as a site: it builds without a warning, what is broken is noticed, what is generated is up to date."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nnexp import errors
from nnexp.cli.signals import Terminated
from nnexp.config import schema
from nnexp.config.experiment import FIELDS, Experiment, parse_experiment
from nnexp.config.loading import dump, parse_config

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SHOWN = ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "configs")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the documents in `root`; any warning is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", root / "mkdocs.yml", "-d", site]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_site_builds_without_a_warning_and_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    for page in ("index", "changelog/index", "reference/catalogue/layers/index", "configs/fashion_sigmoid128/index"):
        html = (tmp_path / f"{page}.html").read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?https?://", html)


def test_a_broken_link_or_anchor_and_a_page_that_nothing_leads_to_are_noticed(tmp_path: Path) -> None:
    for name in SHOWN:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    with (tmp_path / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("\n[gone](docs/gone.md) [moved](docs/engine.md#moved)\n")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    for told in ("contains a link 'docs/gone.md'", "does not contain an anchor '#moved'", "- lost.md"):
        assert told in done.stderr


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says(reference: ModuleType) -> None:
    folder = DOCS / "reference"
    written = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.md")}
    made = reference.pages()
    differing = sorted(name for name in {*written, *made} if written.get(name) != made.get(name))
    assert not differing, "docs/reference/ is not up to date: write it again with  make reference"


def test_every_error_and_signal_ends_with_a_code_that_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NnexpError)]
    codes = {kind.exit_code for kind in kinds} | {Terminated(number).exit_code for number in (1, 2, 15)}
    assert {0, *codes} == set(errors.EXIT_CODES)


def experiment(**keys: object) -> Experiment:
    layers = ["flatten", {"dense": {"units": 10, "activation": "softmax"}}]
    return parse_experiment(parse_config(dump({"dataset": "mnist", "layers": layers, **keys}), "a.yaml"), "a")


def test_the_table_of_keys_in_the_identity_is_true() -> None:
    page = (DOCS / "determinism.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| (yes|no)\b", page, re.MULTILINE))
    examples = {key: said["examples"][0] for key, said in schema.build()["properties"].items()}
    changed = {key: experiment(**{key: value}) for key, value in examples.items()}
    assert all(getattr(other, key) != getattr(experiment(), key) for key, other in changed.items())
    identity = experiment().identity
    assert table == {key: "no" if changed[key].identity == identity else "yes" for key in FIELDS}
