"""The configs that come with nnexp: one for each experiment of the courseworks, each as good as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from nnexp.config.experiment import load_experiment
from nnexp.config.schema import build
from nnexp.config.sweep import load_sweep
from nnexp.config.sweep import schema as sweep_schema
from nnexp.data.datasets import DATASETS
from nnexp.preflight import Preflight, preflight
from nnexp.sweeps.expand import expand

FOLDER = Path(__file__).parent.parent / "configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
STUDIES = sorted((FOLDER / "studies").glob("*_coursework.yaml"))
SEARCHES = sorted((FOLDER / "studies").glob("*_search.yaml"))
EXAMPLES = sorted((FOLDER / "examples").glob("*.yaml"))
EXPERIMENTS = {
    "mnist_raw_relu100",
    "mnist_raw_linear100",
    "mnist_l2_linear100",
    "mnist_l2_relu100",
    "mnist_l2_relu_before_softmax",
    "mnist_l2_deep_mixed",
    "fashion_sigmoid128",
    "fashion_sigmoid512",
    "fashion_sigmoid1024",
    "fashion_no_flatten",
    "fashion_five_outputs",
    "fashion_15_epochs",
    "fashion_30_epochs",
    "fashion_stop_at_loss",
    "fashion_stop_at_accuracy",
}
# Wrong on purpose -> what nnexp says of it: the shapes or numbers that clash, and the fix.
ERRONEOUS = {
    "fashion_no_flatten": ["(None, 28, 10)", "need (None, 10)", "layers.0 (dense)", "add `- flatten`"],
    "fashion_five_outputs": ["layers.2 (dense) gives 5 outputs", "fashion_mnist has 10 classes", "set `units: 10`"],
}
WARNED = {
    "mnist_raw_relu100": ["raw_input"],
    "mnist_raw_linear100": ["raw_input"],
    "mnist_l2_relu_before_softmax": ["relu_before_softmax"],
    "fashion_sigmoid512": ["validation_on_test"],
    "fashion_sigmoid1024": ["validation_on_test"],
}
PARAMETERS = {"mnist_l2_relu100": 79_510, "mnist_l2_deep_mixed": 86_610}

every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return build()


@pytest.fixture(scope="module")
def problems(schema: dict[str, Any]) -> Callable[[Path], list[str]]:
    """What an editor underlines in a file, by the schema that the file names in its first line."""
    schemas = {"experiment.schema.json": schema, "sweep.schema.json": sweep_schema.build()}
    beside = Registry().with_resources([(name, Resource.from_contents(each)) for name, each in schemas.items()])
    validators = {name: Draft202012Validator(each, registry=beside) for name, each in schemas.items()}

    def find(path: Path) -> list[str]:
        text = path.read_text(encoding="utf-8")
        named = path.parent / text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert json.loads(named.read_text(encoding="utf-8")) == schemas[named.name]
        return [error.message for error in validators[named.name].iter_errors(yaml.safe_load(text))]

    return find


def checked(path: Path) -> Preflight:
    experiment = load_experiment(path)
    return preflight(experiment, DATASETS[experiment.dataset.name])


def test_each_experiment_of_the_courseworks_has_its_config() -> None:
    assert {path.stem for path in CONFIGS} == EXPERIMENTS


@pytest.mark.parametrize("path", [*CONFIGS, *STUDIES, *SEARCHES, *EXAMPLES], ids=lambda path: path.stem)
def test_an_editor_finds_the_schema_and_nothing_wrong(path: Path, problems: Callable[[Path], list[str]]) -> None:
    assert problems(path) == []


@every_config
def test_a_config_says_what_it_is_for_and_starts_unless_it_is_wrong_on_purpose(path: Path) -> None:
    assert load_experiment(path).description.endswith(".")
    found = checked(path)
    assert bool(found.problems) == (path.stem in ERRONEOUS)
    assert [warning.code for warning in found.warnings] == WARNED.get(path.stem, [])


def test_the_example_of_numbers_starts_without_a_warning() -> None:
    found = checked(FOLDER / "examples" / "diabetes.yaml")
    assert not found.problems
    assert not found.warnings


@pytest.mark.parametrize("name", ERRONEOUS)
def test_a_config_that_is_wrong_on_purpose_is_explained_with_the_fix(name: str) -> None:
    [problem] = checked(FOLDER / f"{name}.yaml").problems
    for words in ERRONEOUS[name]:
        assert words in str(problem)
    assert problem.place.source.endswith(f"{name}.yaml")
    assert problem.place.line is not None


@pytest.mark.parametrize("name", PARAMETERS)
def test_models_have_as_many_parameters_as_in_the_notebooks(name: str) -> None:
    layers = checked(FOLDER / f"{name}.yaml").layers
    assert layers is not None
    assert sum(layer.parameters for layer in layers) == PARAMETERS[name]


every_study = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)


@every_study
def test_a_study_asks_its_question_and_repeats_every_row_with_the_same_seeds(path: Path) -> None:
    study = load_sweep(path)
    assert study.description.endswith("?")
    points = expand(study)
    seeds = {stem: [point.seed for point in points if point.stem == stem] for stem in {point.stem for point in points}}
    repeated = [found for stem, found in seeds.items() if stem not in ERRONEOUS]
    assert all(found == repeated[0] for found in repeated)
    assert len(repeated[0]) >= 5


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_a_search_that_is_shipped_can_work_and_judges_its_finals_by_five_seeds(path: Path) -> None:
    plan = load_sweep(path)
    assert plan.description.endswith("?")
    assert expand(plan)
    assert plan.repeats >= 5


def test_the_studies_have_every_row_of_the_courseworks_as_its_config_has_it() -> None:
    points = [point for path in STUDIES for point in expand(load_sweep(path))]
    assert {point.stem for point in points} == EXPERIMENTS
    assert {point.stem for point in points if point.refusal} == set(ERRONEOUS)
    for point in points:
        if point.experiment and point.seed == 42:
            assert point.experiment == load_experiment(FOLDER / f"{point.stem}.yaml")
