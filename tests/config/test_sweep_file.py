"""Sweep files and the options of a sweep: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnexp
from nnexp.config.experiment import load_experiment
from nnexp.config.sweep import SweepFile, load_sweep, parse_axis
from nnexp.errors import ConfigError, InputError

CONFIG = """\
dataset: digits
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 3
seed: 7
"""
SHIPPED = Path(nnexp.__file__).parent / "configs" / "fashion_sigmoid128.yaml"
OURS = Path(__file__).parents[2] / "configs" / "fashion_sigmoid128.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    (tmp_path / "other.yaml").write_text(CONFIG.replace("32", "16"))
    return tmp_path


def sweep(folder: Path, text: str, *axes: tuple[str, str], **options: object) -> SweepFile:
    (folder / "widths.yaml").write_text(text)
    given = [parse_axis(name, values, f"--{name}") for name, values in axes]
    return load_sweep(folder / "widths.yaml", given, **options)  # type: ignore[arg-type]


def axes(found: SweepFile) -> dict[str, list[object]]:
    return {axis.name: axis.values for axis in found.grid}


# Options.


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("128", [128]),
        ("128,512, 1024", [128, 512, 1024]),
        ("256x128,512", ["256x128", 512]),
        ("0.1,1e-2", [0.1, 0.01]),
        ("adam,{sgd: {learning_rate: 0.1, momentum: 0.9}}", ["adam", {"sgd": {"learning_rate": 0.1, "momentum": 0.9}}]),
        ("[],[{stop_when: loss <= 0.4}]", [[], [{"stop_when": "loss <= 0.4"}]]),
        ("'a,b',\"c,d\"", ["a,b", "c,d"]),
        ("it's,one", ["it's", "one"]),
        ("'it''s, so',x", ["it's, so", "x"]),
        ("f(1,2),3", ["f(1,2)", 3]),
        ("none,test,0.1", ["none", "test", 0.1]),
        ("null", [None]),
    ],
)
def test_the_values_of_an_axis_stand_between_commas(text: str, values: list[object]) -> None:
    assert parse_axis("description", text, "--set").values == values


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("hidden", "hidden"),
        ("--hidden", "hidden"),
        ("learning-rate", "learning_rate"),
        ("optimizer.learning_rate", "learning_rate"),
        ("batch-size", "batch_size"),
        ("layers.-1.kernel_initializer", "layers.-1.kernel_initializer"),
    ],
)
def test_a_part_has_one_name_however_it_is_written(path: str, name: str) -> None:
    assert parse_axis(path, "1", "--set").name == name


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("hidden", "128,,512", "--hidden 128,,512: a value is empty\n    write values with commas between"),
        ("hidden", "", "--hidden : a value is empty"),
        ("epochs", "[1", "--epochs [1: not YAML"),
        ("optimizer", "adam,{a: 1, a: 2}", "--optimizer {a: 1, a: 2}: the key 'a' stands twice"),
        ("seed", "1,2", "every point gets the same seeds\n    use --repeats 5, and --seed 42"),
        ("name", "a,b", "the name cannot be varied"),
        ("hiden", "1", "'hiden' is no part of a config\n    did you mean 'hidden'?"),
        ("layer.1.units", "1", "did you mean 'layers'?"),
    ],
)
def test_an_option_that_makes_no_axis_is_refused_with_its_fix(path: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axis(path, text, f"--{path}")
    assert told in str(caught.value)


# What is swept.


def test_without_a_config_the_main_experiment_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [base] = load_sweep(None, [parse_axis("hidden", "128,512", "--hidden")]).bases
    assert base.config.plain()["dataset"] == "fashion_mnist"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "fashion_sigmoid128.yaml").write_text(CONFIG)
    [base] = load_sweep(None).bases
    assert base.config.plain()["dataset"] == "digits"


def test_the_config_that_nnexp_ships_is_the_one_in_configs() -> None:
    assert SHIPPED.read_bytes() == OURS.read_bytes()


def test_an_experiment_is_the_base_of_a_sweep(folder: Path) -> None:
    found = load_sweep(folder / "small.yaml", [parse_axis("hidden", "8,16", "--hidden")], repeats=3)
    assert (found.name, axes(found), found.seeds()) == ("small", {"hidden": [8, 16]}, (7, 8, 9))


def test_a_sweep_file_says_all_of_it(folder: Path) -> None:
    found = sweep(
        folder,
        """
        description: Wide or long?
        name: wide_or_long
        base: [small.yaml, {name: inline, dataset: iris, layers: [dense: 3]}]
        grid: {hidden: [8, 16], learning-rate: 0.1}
        zip: {epochs: [1, 2], batch_size: [32, 64]}
        variants:
          - {name: plain}
          - other.yaml
          - {name: l2, set: {layers.1.kernel_regularizer: {l2: 0.01}, metrics: [accuracy]}, repeats: 2, expect: error}
        repeats: 4
        seed: 10
        workers: 2
        baseline: plain
        """,
    )
    assert (found.name, found.description, found.workers) == ("wide_or_long", "Wide or long?", 2)
    assert found.baseline == "plain"
    assert [base.name for base in found.bases] == ["small", "inline"]
    assert axes(found) == {"hidden": [8, 16], "learning_rate": [0.1]}
    assert {axis.name: axis.values for axis in found.zip} == {"epochs": [1, 2], "batch_size": [32, 64]}
    assert [(variant.name, variant.expects_error) for variant in found.variants] == [
        ("plain", False),
        ("other", False),
        ("l2", True),
    ]
    assert [axis.values[0] for axis in found.variants[2].changes] == [{"l2": 0.01}, ["accuracy"]]
    assert (found.seeds(), found.seeds(2)) == ((10, 11, 12, 13), (10, 11))


def test_what_is_set_holds_for_all_points_as_one_value_that_may_be_a_list(folder: Path) -> None:
    text = "base: small.yaml\nset: {epochs: 5, metrics: [accuracy, auc]}\ngrid: {hidden: [8, 16]}\nmetric: auc\n"
    found = sweep(folder, text)
    assert axes(found) == {"hidden": [8, 16], "epochs": [5], "metrics": [["accuracy", "auc"]]}
    again = sweep(folder, found.yaml())
    assert (axes(again), again.metric, again.runs) == (axes(found), "auc", 2)
    assert axes(sweep(folder, text, ("epochs", "1,2"))) == axes(found) | {"epochs": [1, 2]}
    assert sweep(folder, text, metric="loss").metric == "loss"


# The command line over the file.


def test_an_axis_of_the_command_line_takes_the_place_of_the_files(folder: Path) -> None:
    text = """
    base: small.yaml
    grid: {hidden: [8, 16]}
    zip: {epochs: [1, 2], batch_size: [8, 16]}
    variants: [{name: a}, {name: b, set: {activation: tanh, validation: 0.1}}]
    """
    found = sweep(folder, text, ("hidden", "4"), ("epochs", "9"), ("activation", "relu,elu"), ("optimizer", "sgd"))
    assert axes(found) == {"hidden": [4], "epochs": [9], "activation": ["relu", "elu"], "optimizer": ["sgd"]}
    assert found.title == "widths, hidden 4, epochs 9, activation relu,elu, optimizer sgd"
    assert [axis.name for axis in found.zip] == ["batch_size"]
    assert [axis.name for axis in found.variants[1].changes] == ["validation"]


def test_one_axis_given_in_two_options_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="'learning_rate' is given twice"):
        load_sweep(
            folder / "small.yaml",
            [parse_axis("learning_rate", "1", "--learning-rate"), parse_axis("optimizer.learning_rate", "2", "--set")],
        )


@pytest.mark.parametrize(
    ("file", "options", "seeds", "of_the_variant"),
    [
        ("", {}, (7,), (7, 8)),
        ("repeats: 3", {}, (7, 8, 9), (7, 8)),
        ("seed: 0", {"repeats": 2}, (0, 1), (0, 1)),
        ("repeats: 3\nseed: 1", {"seed": "20"}, (20, 21, 22), (20, 21)),
        ("repeats: 3", {"seed": "5,1"}, (5, 1), (5, 1)),
        ("seed: [3, 1, 2]", {}, (3, 1, 2), (3, 1)),
        ("seed: [3, 1, 2]", {"repeats": 1}, (3,), (3,)),
        ("seed: [3, 1, 2]", {"seed": "9"}, (9, 10, 11), (9, 10)),
        ("repeats: 3", {"workers": 4, "repeats": 4}, (7, 8, 9, 10), (7, 8, 9, 10)),
    ],
)
def test_seeds_are_the_same_everywhere_and_the_command_line_decides(
    folder: Path, file: str, options: dict[str, object], seeds: tuple[int, ...], of_the_variant: tuple[int, ...]
) -> None:
    found = sweep(folder, f"base: small.yaml\nvariants: [{{name: a}}, {{name: b, repeats: 2}}]\n{file}\n", **options)
    assert found.seeds() == seeds
    assert found.seeds(found.variants[1].repeats) == of_the_variant


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": "one"}, "--seed one: a seed is a whole number from 0 to 4294967295; write 42, or 1,2,3"),
        ({"seed": "-1"}, "a whole number"),
        ({"seed": "4294967296"}, "a whole number"),
        ({"seed": "1,1"}, "a seed stands twice"),
        ({"seed": "1,2", "repeats": 3}, "--repeats 3, but --seed lists 2 seeds"),
        ({"repeats": 0}, "--repeats 0"),
        ({"repeats": 4}, "the sweep file lists 3 seeds; give --seed as well"),
        ({"seed": "4294967295", "repeats": 2}, "go beyond the greatest seed"),
    ],
)
def test_seeds_that_cannot_be_are_refused(folder: Path, options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        sweep(folder, "base: small.yaml\nseed: [1, 2, 3]\n", **options)
    assert told in str(caught.value)


# What is wrong with a file.


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grid: {hidden: [8]}", "widths.yaml:1:1: the sweep has no 'base'\n    write `base:` and the path"),
        ("bas: small.yaml\nrepeats: 3", "widths.yaml:1:1: a sweep file has no key 'bas'\n    did you mean 'base'?"),
        (
            "dataset: digits\nlayers: [{{dense: 10}}]\nepochs: 2\ngrid: {{hidden: [8]}}",
            "widths.yaml:4:1: 'grid' makes this a sweep file, in which the config stands below `base`\n    write",
        ),
        ("base: smal.yaml", "widths.yaml:1:7: {folder}/smal.yaml: no such file\n    did you mean {folder}/small.yaml?"),
        ("base: 3", "widths.yaml:1:7: a base is a path or a config, not 3"),
        ("base: []", "the list of bases is empty"),
        ("base: widths.yaml", "widths.yaml is a sweep file itself"),
        ("base: twice.yaml", "twice.yaml:2:1: the key 'dataset' stands twice"),
        ("base: [small.yaml, small.yaml]", "two bases are named 'small'"),
        ("base: small.yaml\nepochs: 3", "2:1: a sweep file has no key 'epochs'\n    write it under `set`, such as"),
        (
            "base: small.yaml\nset: {epochs: 3}\ngrid: {epochs: [3]}",
            "2:1: 'epochs' stands under `set` and under `grid`",
        ),
        ("base: small.yaml\nset: 3", "set is a mapping, not 3"),
        ("base: small.yaml\nset: {seed: 3}", "2:7: the seed cannot be varied here"),
        ("base: small.yaml\nset: {track: none}\ntrack: mlflow", "'track' stands under `track` and under `set`"),
        ("base: small.yaml\nzip: {track: [none]}\ntrack: mlflow", "'track' stands under `track` and under `zip`"),
        (
            "base: small.yaml\nset: {epochs: 3}\nvariants: [{name: a, set: {epochs: 2}}]",
            "the variant 'a' sets 'epochs', which is set for all",
        ),
        (
            "base: small.yaml\nset: {hidden: 4}\nspace: {hidden: [4, 8]}\nsampler: tpe",
            "'hidden' stands under `space`, and is set for all",
        ),
        ("base: small.yaml\nmetric: 3", "metric is text, not 3"),
        ("base: small.yaml\nrepeat: 3", "no key 'repeat'\n    did you mean 'repeats'?"),
        ("base: small.yaml\nrepeats: many", "repeats must be a whole number from 1 to 10000, not 'many'"),
        (
            "base: small.yaml\nrepeats: '5'",
            "widths.yaml:2:10: repeats must be a whole number from 1 to 10000, not '5'\n    write it without quotes: 5",
        ),
        ("base: small.yaml\nseed: [1, '2']", "not '2'\n    write it without quotes: 2"),
        ("base: small.yaml\nworkers: 0", "workers must be a whole number from 1 to 1024, not 0"),
        ("base: small.yaml\nname: a/b", "'a/b' cannot name a folder"),
        ("base: small.yaml\nname: 3", "name is text, not 3\n    put it in quotes"),
        (
            "base: small.yaml\ngrid: [hidden]",
            "grid is a mapping, not a list\n    such as  grid: {{hidden: [128, 512]}}",
        ),
        ("base: small.yaml\ngrid: {hiden: [8]}", "widths.yaml:2:8: 'hiden' is no part of a config\n    did you mean"),
        (
            "base: small.yaml\ngrid: {seed: [1, 2]}",
            "the seed cannot be varied here: every point gets the same seeds\n    use `rep",
        ),
        ("base: small.yaml\ngrid: {hidden: []}", "'hidden' has no values"),
        ("base: small.yaml\ngrid: {learning_rate: 1, optimizer.learning_rate: 2}", "'learning_rate' stands twice"),
        ("base: small.yaml\nzip: {epochs: [1, 2], batch_size: [8]}", "epochs has 2, batch_size has 1\n    give each"),
        ("base: small.yaml\nzip: {epochs: [1]}\ngrid: {epochs: [2]}", "'epochs' stands under `grid` and under `zip`"),
        ("base: small.yaml\nvariants: []", "the list of variants is empty"),
        ("base: small.yaml\nvariants: {a: 1}", "variants are a list, not a mapping"),
        ("base: small.yaml\nvariants: [3]", "a variant is a mapping or the path of a config, not 3"),
        ("base: small.yaml\nvariants: [{set: {hidden: 8}}]", "the variant has no name"),
        ("base: small.yaml\nvariants: [{name: a, grid: {}}]", "a variant has no key 'grid'"),
        ("base: small.yaml\nvariants: [{name: a, epochs: 3}]", "no key 'epochs'\n    write it under `set`"),
        ("base: small.yaml\nvariants: [{name: a, expect: failure}]", "expect can only be 'error', not 'failure'"),
        ("base: small.yaml\nvariants: [{name: a}, {name: A}]", "two variants are named 'a'"),
        ("base: small.yaml\nvariants: [{name: ../a}]", "'../a' cannot name a folder"),
        ("variants: [{name: a}]", "there is no base to make 'a' from"),
        ("base: small.yaml\nvariants: [other.yaml]", "no variant uses this base: each has its own"),
        (
            "base: small.yaml\ngrid: {hidden: [8]}\nvariants: [{name: a, set: {hidden: 9}}]",
            "the variant 'a' sets 'hidden', which is varied for all",
        ),
        ("base: small.yaml\nseed: []", "the list of seeds is empty"),
        ("base: small.yaml\nseed: [1, 1]", "the seed 1 stands twice"),
        ("base: small.yaml\nseed: [1, x]", "seed must be a whole number from 0 to 4294967295, not 'x'"),
        ("base: small.yaml\nseed: [1, 2]\nrepeats: 3", "repeats is 3, but 2 seeds are listed"),
        ("base: small.yaml\nrepeats: 1000000000", "repeats must be a whole number from 1 to 10000, not 1000000000"),
        (
            f"base: small.yaml\ngrid: {{hidden: {[8] * 3000}, epochs: {[1] * 3000}}}",
            "widths.yaml:2:7: the grid has 9,000,000 points\n    more than 10,000 runs are refused",
        ),
        (
            f"base: small.yaml\ngrid: {{{', '.join(f'layers.{axis}.units: [1, 2]' for axis in range(5000))}}}",
            "the grid has more than 10^1505 points",
        ),
        (f"base: small.yaml\nzip: {{hidden: {[8] * 20_000}}}", "the zip has 20,000 points"),
        (f"base: small.yaml\nvariants: [{'{name: a}, ' * 2000}]", "2,000 variants: at most 1,000 can be listed"),
        (f"base: [{'small.yaml, ' * 2000}]", "2,000 bases: at most 1,000 can be listed"),
        ('base: "small\\0.yaml"', "the control character U+0000 is not allowed"),
        ("base: /dev/zero", "/dev/zero: this is a device, not a config"),
        (
            "base: small.yaml\nseed: [1]\nvariants: [{name: a, repeats: 2}]",
            "'a' has 2 repeats, but `seed` lists only 1",
        ),
    ],
)
def test_a_sweep_file_that_is_wrong_is_told_where_and_how_to_mend_it(folder: Path, text: str, told: str) -> None:
    (folder / "twice.yaml").write_text(CONFIG.replace("epochs", "dataset").replace("layers", "dataset", 1))
    with pytest.raises(ConfigError) as caught:
        sweep(folder, text)
    assert told.format(folder=folder) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("grid: {hidden: [8, 9], epochs: [1, 2, 3]}\nrepeats: 10000", "60,000"),
        ("variants: [{name: a}, {name: b, repeats: 9999}, {name: c, expect: error}]\nrepeats: 2", "10,002"),
        ("zip: {epochs: [1, 2], batch_size: [1, 2]}\nrepeats: 6000", "12,000"),
    ],
)
def test_more_runs_than_anyone_means_are_counted_and_refused(folder: Path, text: str, runs: str) -> None:
    with pytest.raises(InputError, match=f"the sweep would be {runs} runs; more than 10,000 runs are refused"):
        sweep(folder, f"base: small.yaml\n{text}\n")


def test_many_points_of_a_huge_config_are_refused(folder: Path) -> None:
    layers = ", ".join(["relu"] * 2000)
    (folder / "huge.yaml").write_text(f"dataset: digits\nlayers: [{layers}]\n")
    with pytest.raises(InputError, match="too many points of too large a config"):
        sweep(folder, f"base: huge.yaml\ngrid: {{epochs: {list(range(1, 5000))}}}\n")


def test_all_that_is_wrong_with_a_file_is_told_at_once_in_its_order(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        sweep(folder, "base: no.yaml\nreapets: 3\ngrid: {hiden: [8], seed: 3}\nvariants:\n- {name: 3}\nseed: -1\n")
    assert [problem.place.line for problem in caught.value.problems] == [1, 2, 3, 3, 5, 6]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("bas: no.yaml\ngrid:\n  epochs: []\nrepeat: 0", [1, 1, 3, 4, 4]),
        ("base: small.yaml\ngrid:\n  hiden: [8, -4]\n  epoch: []\n  sed:\n    [3]", [3, 4, 4, 5]),
        ("base: small.yaml\nrepeat: 0\nrepeats: 2", [2]),
        ("base: small.yaml\nvariants:\n- name: a\n  st: 3\n- nam: b\n  repeat:\n    0", [4, 4, 5, 6, 7]),
    ],
)
def test_what_stands_under_a_misspelled_key_is_read_all_the_same(folder: Path, text: str, lines: list[int]) -> None:
    with pytest.raises(ConfigError) as caught:
        sweep(folder, text)
    assert [problem.place.line for problem in caught.value.problems] == lines


def test_one_run_of_a_sweep_file_is_refused_with_the_command_for_it(folder: Path) -> None:
    sweep(folder, "base: small.yaml\n")
    with pytest.raises(ConfigError, match=r"this is a sweep file.*\n.*run it with  nnexp sweep .*widths.yaml"):
        load_experiment(folder / "widths.yaml")
