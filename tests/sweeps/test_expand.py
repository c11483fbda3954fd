"""The points of a sweep: which there are, what they are called, and that every one is sound before any is trained."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.config.experiment import can_name_a_folder, load_experiment
from nnexp.config.keys import SWEEP_KEYS
from nnexp.config.loading import dump
from nnexp.config.overrides import Override
from nnexp.config.sweep import load_sweep, parse_axis
from nnexp.config.sweep.reading import VARIANT_KEYS
from nnexp.errors import ConfigError, InputError
from nnexp.sweeps.baseline import baseline_of, without_baseline
from nnexp.sweeps.expand import Point, expand, identity, load_points, noticed

CONFIG = """\
dataset: digits
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 3
seed: 7
"""
# Wrong in two ways that only show once the model is thought through.
WRONG = "dataset: digits\nlayers:\n  - dense: 9\ncallbacks:\n  - stop_when: val_loss < 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    (tmp_path / "other.yaml").write_text(CONFIG.replace("32", "16"))
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def points(folder: Path, text: str, *axes: tuple[str, str], **options: Any) -> tuple[Point, ...]:
    (folder / "study.yaml").write_text(text)
    given = [parse_axis(name, values, f"--{name}") for name, values in axes]
    return load_points(folder / "study.yaml", given, **options)[1]


def labels(folder: Path, text: str, *axes: tuple[str, str], **options: Any) -> list[str]:
    return [point.label for point in points(folder, text, *axes, **options)]


def refused(folder: Path, text: str, *axes: tuple[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        points(folder, text, *axes)
    return str(caught.value).replace(f"{folder}/", "")


# Which points, and their names.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base: small.yaml", ["small"]),
        ("base: small.yaml\nrepeats: 2", ["small_seed=7", "small_seed=8"]),
        ("base: small.yaml\ngrid: {hidden: [8, 16]}", ["hidden=8", "hidden=16"]),
        ("base: small.yaml\ngrid: {hidden: [8], epochs: [1, 2]}", ["epochs=1", "epochs=2"]),
        (
            "base: small.yaml\ngrid: {hidden: [8, 8x4], optimizer.learning_rate: [0.1, 1e-2]}",
            ["hidden=8_learning_rate=0.1", "hidden=8_learning_rate=0.01",
             "hidden=8x4_learning_rate=0.1", "hidden=8x4_learning_rate=0.01"],
        ),
        (
            "base: small.yaml\nzip: {epochs: [1, 2], batch_size: [8, 16]}",
            ["epochs=1_batch_size=8", "epochs=2_batch_size=16"],
        ),
        (
            "base: small.yaml\nzip: {epochs: [1, 2], batch_size: [8, 16]}\ngrid: {hidden: [4, 5]}",
            ["epochs=1_batch_size=8_hidden=4", "epochs=1_batch_size=8_hidden=5",
             "epochs=2_batch_size=16_hidden=4", "epochs=2_batch_size=16_hidden=5"],
        ),
        ("base: [small.yaml, other.yaml]\nrepeats: 1", ["small", "other"]),
        (
            "base: [small.yaml, other.yaml]\nvariants: [{name: a}, {name: b, base: small.yaml, set: {epochs: 9}}]",
            ["a_small", "a_other", "b"],
        ),
        (
            "base: small.yaml\nvariants: [{name: a}, {name: b, set: {epochs: 9}, repeats: 2}]\nseed: [5, 3, 4]",
            ["a_seed=5", "a_seed=3", "a_seed=4", "b_seed=5", "b_seed=3"],
        ),
        (
            "base: small.yaml\ngrid: {optimizer: [adam, {sgd: {momentum: 0.9}}, {sgd: 0.1}]}",
            ["optimizer=adam", "optimizer=sgd,momentum=0.9", "optimizer=sgd=0.1"],
        ),
        (
            "base: small.yaml\ngrid: {callbacks: [[], [{stop_when: loss < 1}], [{stop_when: loss > 1}]]}",
            ["callbacks=empty", "callbacks=stop_when=loss___1", "callbacks=stop_when=loss___1-2"],
        ),
        ("base: small.yaml\nvariants: [{name: a}, {name: table.csv, set: {epochs: 9}}]", ["a", "table.csv_"]),
    ],
)  # fmt: skip
def test_a_label_says_what_differs_and_nothing_else(folder: Path, text: str, expected: list[str]) -> None:
    assert labels(folder, text) == expected


def test_a_long_label_is_cut_and_stays_unique(folder: Path) -> None:
    values = ", ".join(f"[{{stop_when: loss < 1}}, {{csv_logger: {'é' * 90}{end}}}]" for end in "ab")
    found = labels(folder, f"base: small.yaml\ngrid: {{callbacks: [{values}]}}\nrepeats: 2", ("epochs", "1,2"))
    assert len(set(found)) == 8
    assert all(170 < len(label.encode()) <= 200 for label in found)


def test_every_point_has_the_same_seeds_in_its_config(folder: Path) -> None:
    made = points(folder, "base: [small.yaml, other.yaml]\ngrid: {epochs: [1, 2]}", repeats=3, seed="100")
    assert [point.seed for point in made] == [100, 101, 102] * 4
    for point in made:
        assert point.experiment is not None
        assert point.experiment.seed == point.config["seed"] == point.seed
        assert point.config == point.experiment.plain()


def test_a_point_is_what_one_run_with_the_same_options_is(folder: Path) -> None:
    text = (
        "base: small.yaml\nvariants: [{name: a, set: {optimizer.learning_rate: 0.5}}]\ngrid: {optimizer: [sgd, adam]}"
    )
    for point, optimizer in zip(points(folder, text, ("hidden", "16x8")), ("sgd", "adam"), strict=True):
        changes = {"optimizer": optimizer, "--hidden": "16x8", "optimizer.learning_rate": "0.5", "name": "a"}
        alone = load_experiment(folder / "small.yaml", [Override(path, value, "") for path, value in changes.items()])
        assert point.experiment == alone


def test_the_parameters_of_a_point_are_those_that_differ(folder: Path) -> None:
    text = (
        "base: small.yaml\nvariants: [{name: a}, {name: b, set: {batch_size: 8}}]\ngrid: {hidden: [4, 8x4], epochs: 1}"
    )
    assert [dict(point.parameters) for point in points(folder, text)] == [
        {"variant": "a", "hidden": 4},
        {"variant": "a", "hidden": "8x4"},
        {"variant": "b", "hidden": 4},
        {"variant": "b", "hidden": "8x4"},
    ]


# What is wrong is told before anything begins.


def test_all_that_is_wrong_at_any_point_is_told_once_and_says_where(folder: Path) -> None:
    text = "base: small.yaml\nvariants: [{name: a}, {name: b, base: wrong.yaml}, {name: c, base: wrong.yaml}]"
    told = refused(folder, text, ("batch_size", "8,no"))
    beginnings = (
        "--batch_size no: batch_size must",
        "wrong.yaml:3:5: ",
        "wrong.yaml:3:5: layers.0",
        "wrong.yaml:5:5: stop_",
    )
    at_b_and_c = "(in 2 of 6 points: b_batch_size=8, c_batch_size=8)"
    ends = ("(in 3 of 6 points: a_batch_size=no, b_batch_size=no, c_batch_size=no)", *[at_b_and_c] * 3)
    lines = [line for line in told.splitlines() if not line.startswith("    ")]
    for line, beginning, end in zip(lines, beginnings, ends, strict=True):
        assert line.startswith(beginning)
        assert line.endswith(end)


def test_what_is_wrong_within_a_value_is_told_at_its_own_line_and_in_the_order_of_the_file(folder: Path) -> None:
    told = refused(
        folder,
        """base: small.yaml
variants:
  - {name: late, set: {batch_size: no}}
  - name: conv
    set:
      layers:
        - flatten
        - dense: {units: 3, activaton: relu}
grid:
  optimizer: [adam, {sgd: {momentm: 1}}]
epoch: 3
""",
    )
    lines = [line for line in told.splitlines() if not line.startswith("    ")]
    beginnings = (
        "study.yaml:3:36: batch_size must be",
        "study.yaml:8:29: dense has no parameter 'activaton'",
        "study.yaml:10:28: sgd has no parameter 'momentm'",
        "study.yaml:11:1: a sweep file has no key 'epoch'",
    )
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)


def test_what_is_wrong_with_each_value_of_a_set_is_told_once(folder: Path) -> None:
    (folder / "study.yaml").write_text("base: small.yaml")
    with pytest.raises(ConfigError) as caught:
        expand(load_sweep(folder / "study.yaml", [parse_axis("layers.1.rate", "0,0.2,0.5", "--set")]))
    [told] = caught.value.problems
    assert str(told).startswith("--set layers.1.rate=…: dense has no parameter 'rate'")
    assert "points" not in told.message


def test_what_is_wrong_everywhere_is_told_without_a_list(folder: Path) -> None:
    told = refused(folder, "base: wrong.yaml\ngrid: {epochs: [1, 2]}\nrepeats: 3")
    assert "points" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "base: small.yaml\ngrid: {hidden: [8, 16, 8]}",
            "study.yaml: 'hidden=8-2' is the same experiment as 'hidden=8'",
        ),
        ("base: small.yaml\ngrid: {hidden: [32, 32x32x32, '32']}", "'hidden=32-2' is the same experiment"),
        (
            "base: [small.yaml, other.yaml]\ngrid: {hidden: [8, 9]}",
            "'other_hidden=8' is the same experiment as 'small_hidden=8'; 1 more like that",
        ),
        ("base: small.yaml\nvariants: [{name: a}, {name: b, set: {seed: 1}}]", "the seed cannot be varied here"),
        ("base: small.yaml\nvariants: [{name: a}, {name: b, set: {epochs: 3}}]", "'b' is the same experiment as 'a'"),
        ("base: small.yaml\ngrid: {description: [one, two]}", "'description=two' is the same experiment"),
    ],
)
def test_the_same_experiment_twice_is_refused(folder: Path, text: str, told: str) -> None:
    assert told in refused(folder, text)


def test_points_that_differ_only_in_how_they_are_run_are_one_experiment(folder: Path) -> None:
    told = refused(folder, "base: small.yaml\ngrid: {engine: [xla, graph]}")
    assert "'engine=graph' is the same experiment as 'engine=xla'" in told
    assert labels(folder, "base: small.yaml\ngrid: {engine: graph, hidden: [2, 3]}") == ["hidden=2", "hidden=3"]


def test_whole_keys_are_set_before_their_parts_however_deep(folder: Path) -> None:
    decay = "{exponential_decay: {initial_learning_rate: 0.1, decay_steps: 1, decay_rate: 0.5}}"
    rates = {"optimizer.learning_rate.decay_steps": [10, 20], "optimizer.learning_rate": [decay, decay]}
    text = "base: small.yaml\nzip:\n" + "".join(
        f"  {path}: [{', '.join(map(str, values))}]\n" for path, values in rates.items()
    )
    found = [point.experiment.optimizer.get("learning_rate").get("decay_steps") for point in points(folder, text)]
    assert found == [10, 20]


def test_more_runs_than_anyone_means_are_refused_at_once(folder: Path) -> None:
    many = ",".join(str(number) for number in range(1, 1001))
    with pytest.raises(InputError, match="more than 10,000 runs"):
        points(folder, "base: small.yaml", ("hidden", many), ("epochs", many), ("batch_size", many))
    with pytest.raises(InputError, match="more than"):
        points(folder, "base: small.yaml", ("hidden", many), repeats=11)


@pytest.mark.parametrize("baseline", ["hidden=9", "wrong", "hidden=8_seed=7"])
def test_a_baseline_is_a_point_that_is_trained(folder: Path, baseline: str) -> None:
    text = "base: small.yaml\nvariants: [{name: a}, {base: wrong.yaml, expect: error}]\ngrid: {hidden: [8, 16]}\n"
    told = refused(folder, f"{text}baseline: {baseline}")
    assert told.startswith(f"study.yaml:4:11: the baseline '{baseline}' is no point that is trained\n")
    assert told.endswith("points: a_hidden=8, a_hidden=16")
    assert len(points(folder, f"{text}baseline: a_hidden=8")) == 4


@pytest.mark.parametrize("baseline", ["hidden=8_batch_size=32", "hidden=8, batch_size=32", "hidden=8,batch_size=32"])
def test_a_baseline_is_named_as_folders_or_as_tables_name_it(folder: Path, baseline: str) -> None:
    text = f"base: small.yaml\ngrid: {{hidden: [8, 16], batch_size: [32, 64]}}\nbaseline: '{baseline}'\n"
    assert baseline_of(points(folder, text), baseline) == "hidden=8_batch_size=32"


def test_a_baseline_goes_by_the_short_names_of_verdicts_too(folder: Path) -> None:
    layers = "[flatten, {dropout: 0.1}, {dense: {units: 10, activation: softmax}}]"
    text = f"base: {{dataset: digits, layers: {layers}}}\ngrid: {{layers.dropout.rate: [0, 0.5], batch_size: [8, 9]}}\n"
    stem = "layers.dropout.rate=0.5_batch_size=8"
    assert baseline_of(points(folder, text), "dropout.rate=0.5, batch_size=8") == stem


def test_a_metric_is_one_that_a_point_measures(folder: Path) -> None:
    text = "base: small.yaml\ngrid: {hidden: [8, 16]}\nset: {validation: 0.2}\n"
    for metric in ("loss", "accuracy", "val_loss", "train_accuracy", "seconds"):
        assert len(points(folder, f"{text}metric: {metric}\n")) == 2
    numbers = "base: {dataset: diabetes, layers: [{dense: 1}]}\ngrid: {epochs: [1, 2]}\n"
    for metric in ("mean_absolute_error", "root_mean_squared_error", "r2_score"):  # of the test part, unasked
        assert len(points(folder, f"{numbers}metric: {metric}\n")) == 2
    for metric in ("RMSE", "rmse", "root mean squared error"):  # as tables call it
        (folder / "study.yaml").write_text(f"{numbers}metric: {metric}\n")
        plan, _ = load_points(folder / "study.yaml")
        assert plan.metric == "root_mean_squared_error"
    assert load_points(folder / "study.yaml", metric="train_MAE")[0].metric == "train_mean_absolute_error"
    told = refused(folder, f"{text}metric: acuracy\n")
    assert told.startswith(
        "study.yaml:4:9: no figure is called acuracy\n    did you mean 'accuracy'? there are: loss, "
    )
    with pytest.raises(ConfigError, match="--metric auc: no figure is called auc"):
        points(folder, text, metric="auc")
    variants = "variants: [{name: a}, {name: b, set: {metrics: [accuracy, top_k_categorical_accuracy]}}]\n"
    measured = f"{text}{variants}metric: top_k_categorical_accuracy\n".replace("validation: 0.2", "loss: poisson")
    assert len(points(folder, measured)) == 4


@pytest.mark.parametrize(
    ("named", "baseline"),
    [
        ("hidden=8", "hidden=8"),
        ("layers.dropout.rate = 0.5", "layers.dropout.rate=0.5"),
        ("rate=0.5", "layers.dropout.rate=0.5"),
        ("rate=0.7", ""),
        ("epochs=2", ""),
    ],
)
def test_values_that_several_points_have_are_a_baseline_by_the_names_of_the_axes(
    folder: Path, named: str, baseline: str
) -> None:
    layers = "[flatten, {dense: {units: 8}}, {dropout: 0.1}, {dense: {units: 10, activation: softmax}}]"
    text = f"base: {{dataset: digits, layers: {layers}}}\n"
    text += "grid: {hidden: [8, 16], layers.dropout.rate: [0, 0.5]}\nrepeats: 3\n"
    assert baseline_of(points(folder, text), named) == baseline
    if named != "hidden=8" and baseline:
        (folder / "study.yaml").write_text(f"{text}baseline: {named}\n")
        for rates, left in (("0,0.5,0.7", baseline), ("0,0.7", "")):
            plan, _ = load_points(folder / "study.yaml", [parse_axis("layers.dropout.rate", rates, "--set")])
            assert plan.baseline == left
            assert bool(without_baseline(plan)) is (not left)


@pytest.mark.parametrize(
    ("axes", "baseline"),
    [
        ([("epochs", "9")], "hidden=8_activation=tanh"),
        ([("hidden", "4,8")], "hidden=8_activation=tanh"),
        ([("activation", "tanh")], "hidden=8"),
        ([("hidden", "8"), ("epochs", "9")], "activation=tanh"),
        ([("epochs", "1,3")], "hidden=8_activation=tanh_epochs=3"),  # as the base has it
        ([("batch_size", "32,64"), ("activation", "tanh"), ("validation", "0.2")], "hidden=8_batch_size=32"),
        ([("activation", "relu")], ""),
        ([("hidden", "4,16")], ""),
        ([("epochs", "1,2")], ""),
    ],
)
def test_the_baseline_is_the_same_point_whatever_the_command_line_calls_it(
    folder: Path, axes: list[tuple[str, str]], baseline: str
) -> None:
    text = "base: small.yaml\ngrid: {hidden: [8, 16], activation: [relu, tanh]}\nbaseline: hidden=8, activation=tanh\n"
    (folder / "study.yaml").write_text(text)
    plan, found = load_points(folder / "study.yaml", [parse_axis(name, values, "--set") for name, values in axes])
    assert plan.baseline == baseline
    assert baseline in ["", *(point.stem for point in found)]
    assert ("hidden=8, activation=tanh, is none of these points" in without_baseline(plan)) is (not baseline)


def test_a_wrong_baseline_is_told_with_wrong_repeats(folder: Path) -> None:
    told = refused(folder, "base: small.yaml\ngrid: {hidden: [8, 16]}\nrepeats: five\nbaseline: hidden=9\n")
    places = [line.partition(": ")[0] for line in told.splitlines() if not line.startswith(" ")]
    assert places == ["study.yaml:3:10", "study.yaml:4:11"]


@pytest.mark.parametrize("axis", ["hiddden: [8, 16]", "epochs: [1, 2], hidden: []"])
def test_where_not_all_points_are_known_nothing_is_said_of_the_baseline(folder: Path, axis: str) -> None:
    told = refused(folder, f"base: small.yaml\ngrid: {{{axis}}}\nbaseline: hidden=8\n")
    assert "baseline" not in told


def test_a_baseline_that_axes_may_rename_is_not_told_with_what_else_is_wrong(folder: Path) -> None:
    text = "base: small.yaml\ngrid: {hidden: [8, 16]}\nrepeats: five\nbaseline: hidden=8\n"
    assert "baseline" not in refused(folder, text, ("epochs", "1,2"))


def test_a_baseline_that_no_file_could_mean_is_told_beside_axes_too(folder: Path) -> None:
    text = "base: small.yaml\ngrid: {hidden: [8, 16]}\nbaseline: hiden=8\n"
    told = refused(folder, text, ("epochs", "1,2"))
    assert told.startswith(
        "study.yaml:3:11: the baseline 'hiden=8' is no point that is trained\n    points: hidden=8_epochs=1"
    )


def test_runs_are_described_as_their_sweep_is_and_not_as_the_one_base_alone(folder: Path) -> None:
    (folder / "small.yaml").write_text(f"description: Small\n{CONFIG}")
    (folder / "other.yaml").write_text(f"description: Other\n{CONFIG.replace('32', '16')}")
    own = "variants: [{name: a}, {name: b, set: {description: Mine, epochs: 4}}, other.yaml]"
    for text, told in (
        ("base: small.yaml", ["Small"]),
        ("description: Which?\nbase: small.yaml\ngrid: {hidden: [8, 16]}", ["Which?", "Which?"]),
        (f"description: Which?\nbase: small.yaml\n{own}", ["Which?", "Mine", "Other"]),
        ("description: Which?\nbase: [small.yaml, other.yaml]", ["Small", "Other"]),
    ):
        assert [point.config["description"] for point in points(folder, text)] == told


# Errors that are expected.


def test_a_variant_that_is_wrong_on_purpose_is_a_point_with_its_message(folder: Path) -> None:
    text = "variants: [small.yaml, {base: wrong.yaml, expect: error}]\nrepeats: 2"
    sound, _, wrong = points(folder, text)
    assert (sound.refusal, sound.label) == ("", "small_seed=7")
    assert (wrong.label, wrong.stem, wrong.experiment) == ("wrong_seed=7", "wrong", None)
    assert "wrong.yaml:3:5: the model ends in (None, 8, 9)" in wrong.refusal
    assert wrong.config == {"dataset": "digits", "layers": [{"dense": 9}], "name": "wrong",
                            "callbacks": [{"stop_when": "val_loss < 1"}]}  # fmt: skip


def test_a_variant_that_is_sound_after_all_is_a_problem(folder: Path) -> None:
    told = refused(folder, "variants: [small.yaml, {base: other.yaml, expect: error}]")
    assert told.startswith("study.yaml:1:24: an error is expected here, but nothing is wrong (in 1 of 2 points: other)")
    assert told.endswith("remove `expect: error`")


# Identity.


def test_the_identity_of_a_sweep_changes_with_all_that_changes_a_result_and_with_nothing_else(folder: Path) -> None:
    text = "variants: [small.yaml, {base: wrong.yaml, expect: error}]\nrepeats: 2\n"
    before = identity(points(folder, text))
    assert before == identity(points(folder, f"{text}workers: 2\ndescription: other words\nname: other"))
    assert before != identity(points(folder, text, repeats=3))
    assert before != identity(points(folder, text, seed="8"))
    assert before != identity(points(folder, text, ("epochs", "4")))
    (folder / "wrong.yaml").write_text(WRONG.replace("9", "8"))
    assert before != identity(points(folder, text))


def test_what_will_likely_go_wrong_is_noticed_once_for_all_repeats(folder: Path) -> None:
    made = points(folder, "base: small.yaml\ngrid: {validation: [none, test], hidden: [4, 8]}\nrepeats: 3")
    [(finding, stems)] = noticed(made)
    assert finding.code == "validation_on_test"
    assert stems == ["validation=test_hidden=4", "validation=test_hidden=8"]


def test_the_sweep_file_in_the_documents_is_one(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "sweeps.md").read_text(encoding="utf-8")
    shutil.copytree(root / "configs", tmp_path, dirs_exist_ok=True)
    made = points(tmp_path, page.partition("```yaml title=")[2].partition("\n")[2].partition("```")[0])
    # plain and 30_epochs five times, decayed three times, and the error once, at 2 × 3 settings each
    assert len(made) == (5 + 5 + 3 + 1) * 2 * 3
    assert {key for key in (*SWEEP_KEYS, *VARIANT_KEYS) if f"`{key}`" not in page} == set()


# Any sweep at all.

NAMES = st.text(max_size=25).filter(can_name_a_folder)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "hidden": st.integers(1, 99) | st.sampled_from(["8x4", "4x8"]),
    "activation": st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]),
    "learning_rate": st.floats(1e-6, 1),
    "optimizer": st.sampled_from(["sgd", "adam", {"sgd": {"momentum": 0.3}}, {"rmsprop": {"rho": 0.5}}]),
    "batch-size": st.integers(1, 99),
    "epochs": st.integers(1, 99),
    "layers.1.kernel_initializer": st.sampled_from(["zeros", {"constant": 0.1}, "glorot_uniform"]),
    "callbacks": st.sampled_from([[], [{"stop_when": "loss <= 0.4"}], [{"stop_when": "loss >= 0.4"}]]),
}


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, Any]:
    """A sweep file as plain data."""
    names = draw(st.permutations(list(VALUES)))
    cuts = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    rows = draw(st.integers(1, 3))
    bases: dict[str, Any] = {
        "small": {"dataset": "digits", "layers": ["flatten", {"dense": 32}, {"dense": 10}], "epochs": 1000},
        "drop": {"dataset": "digits", "layers": ["flatten", {"dense": 32}, {"dropout": 0.5}, {"dense": 10}]},
    }
    content: dict[str, Any] = {
        "base": [{**bases[name], "name": name} for name in draw(st.sampled_from([["small"], ["small", "drop"]]))],
        "grid": {
            name: draw(st.lists(VALUES[name], min_size=1, max_size=3, unique_by=str)) for name in names[: cuts[0]]
        },
        "zip": {
            name: draw(st.lists(VALUES[name], min_size=rows, max_size=rows, unique_by=str))
            for name in names[cuts[0] : cuts[1]]
        },
        "repeats": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 2**32 - 4)),
    }
    if variants := draw(st.lists(NAMES, max_size=3, unique_by=str.casefold)):
        content["variants"] = [
            {"name": name, "set": {"validation": 0.1 + number / 10}} for number, name in enumerate(variants)
        ]
    return content


@settings(max_examples=40)
@given(sweeps())
def test_a_sweep_written_out_gives_the_same_points_under_names_for_any_file_system(content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.yaml"
        path.write_text(dump(content))
        sweep = load_sweep(path)
        made = expand(sweep)
        path.write_text(sweep.yaml())
        again = load_sweep(path)
    assert expand(again) == made
    assert again.yaml() == sweep.yaml()
    assert len({point.label.casefold() for point in made}) == len(made)
    for point in made:
        assert can_name_a_folder(point.label)
        assert len(point.label.encode()) <= 200
        assert not point.label.endswith((".", " "))
