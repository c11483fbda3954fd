"""From YAML to a validated experiment: defaults, problems, identity, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnexp.config.experiment import FIELDS, Experiment, load_experiment, parse_experiment
from nnexp.config.loading import dump, parse_config
from nnexp.config.overrides import Override
from nnexp.config.sweep.axes import meant, refusal
from nnexp.errors import ConfigError

MINIMAL = "dataset: digits\nlayers: [flatten, dense: {units: 10, activation: softmax}]\n"


def read(text: str) -> Experiment:
    return parse_experiment(parse_config(text, "a.yaml"), "a")


def refused(text: str) -> list[str]:
    """What is told about a config that is wrong: place, message and hint of each problem."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


# Defaults.


def test_all_but_dataset_and_layers_has_a_default() -> None:
    made = read(MINIMAL)
    assert (made.name, made.description, made.seed, made.threads) == ("a", "", 42, None)
    assert (made.batch_size, made.epochs, made.validation) == (32, 10, "none")
    assert (made.on_divergence, made.engine, made.callbacks) == ("stop", "auto", ())
    assert made.checkpoint is True
    assert (made.optimizer.name, made.optimizer.get("learning_rate")) == ("adam", 0.001)
    assert [metric.name for metric in made.metrics] == ["accuracy"]


def test_a_config_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "my_run.yaml"
    path.write_text(MINIMAL)
    assert load_experiment(path, [Override.parse("epochs=2")]).name == "my_run"
    path.write_text(MINIMAL + "name: other\n")
    assert load_experiment(path).name == "other"


@pytest.mark.parametrize(("dataset", "normalization"), [("mnist", "divide_by_255"), ("iris", "standardize")])
def test_the_default_normalization_suits_the_data(dataset: str, normalization: str) -> None:
    assert read(MINIMAL.replace("digits", dataset)).normalization.name == normalization


@pytest.mark.parametrize(
    ("dataset", "layers", "loss", "from_logits"),
    [
        ("digits", "[dense: {units: 10, activation: softmax}]", "sparse_categorical_crossentropy", False),
        ("digits", "[dense: 10, softmax]", "sparse_categorical_crossentropy", False),
        ("digits", "[dense: 10]", "sparse_categorical_crossentropy", True),
        ("breast_cancer", "[dense: {units: 1, activation: sigmoid}]", "binary_crossentropy", False),
        ("breast_cancer", "[dense: 1]", "binary_crossentropy", True),
        ("breast_cancer", "[dense: 1, sigmoid]", "binary_crossentropy", False),
        ("breast_cancer", "[dense: {units: 2, activation: softmax}]", "sparse_categorical_crossentropy", False),
    ],
)
def test_the_default_loss_follows_from_labels_and_output(
    dataset: str, layers: str, loss: str, from_logits: bool
) -> None:
    made = read(f"dataset: {dataset}\nlayers: {layers}\n")
    assert (made.loss.name, made.loss.get("from_logits")) == (loss, from_logits)


@pytest.mark.parametrize("written", ["none", "~", ""])
def test_a_key_without_a_value_has_its_default(written: str) -> None:
    assert read(f"{MINIMAL}validation: {written}\n") == read(MINIMAL)


# Problems.

BAD = {
    "unknown key": ("epoch: 3", "a.yaml:3:1: unknown key 'epoch'\n    did you mean 'epochs'?"),
    "unknown key without a like": ("zzz: 3", "allowed: name, description, dataset"),
    "a sweep's key": ("repeats: 5", "write it in one, beside `base`, or:  nnexp sweep a.yaml --repeats …"),
    "a sweep's key without an option": ("baseline: x", "is a key of sweep files\n    write it in one, beside"),
    "a sweep's key, nearly ours": ("metric: auc", "is a key of sweep files\n    did you mean 'metrics'? else write"),
    "text for a number": ("epochs: ten", "a.yaml:3:9: epochs must be a whole number of at least 1, not 'ten'"),
    "quoted number": ('epochs: "30"', "at least 1, not '30'\n    write it without quotes: 30"),
    "fraction for a whole number": ("epochs: 2.5", "epochs must be a whole number of at least 1, not 2.5"),
    "true for a number": ("epochs: true", "epochs must be a whole number of at least 1, not true"),
    "zero epochs": ("epochs: 0", "epochs must be a whole number of at least 1, not 0"),
    "negative batch": ("batch_size: -4", "batch_size must be a whole number of at least 1, not -4"),
    "huge number": (f"batch_size: {'9' * 90}", "batch_size must be a whole number of at least 1, not 999"),
    "endless number": ("batch_size: 1e999", "batch_size must be a whole number of at least 1, not inf"),
    "large seed": ("seed: 4294967296", "seed must be a whole number from 0 to 4294967295, not 4294967296"),
    "list for a number": ("seed: [1]", "seed must be a whole number from 0 to 4294967295, not a list"),
    "many threads": ("threads: 2000", "threads must be a whole number from 1 to 1024, not 2000"),
    "unknown engine": ("engine: xlaa", "unknown engine: 'xlaa'\n    did you mean 'xla'? allowed: auto, xla"),
    "unknown on_divergence": ("on_divergence: go_on", "allowed: stop, continue"),
    "a number for checkpoint": (
        "checkpoint: 5",
        "a.yaml:3:13: checkpoint cannot be 5\n    allowed: true (at each epoch's end), false, or every N, such as",
    ),
    "checkpoint of no epochs": ("checkpoint: every 0", "checkpoint cannot be 'every 0'"),
    "checkpoint without a number": ("checkpoint: every", "checkpoint cannot be 'every'"),
    "Keras' own checkpoints": (
        "callbacks: [backup_and_restore: a]", "cannot be used from a config\n    nnexp keeps checkpoints itself",
    ),
    "unknown normalization": ("normalization: standardise", "did you mean 'standardize'?"),
    "validation of all": ("validation: 1.0", "validation cannot be 1.0\n    allowed: none, a fraction"),
    "validation of nothing": ("validation: 0", "validation cannot be 0"),
    "validation that is no number": ("validation: .nan", "validation cannot be nan"),
    "unknown validation": ("validation: train", "validation cannot be 'train'"),
    "train_size of nothing": (
        "train_size: 0",
        "a.yaml:3:13: train_size cannot be 0\n    allowed: none (all), a whole number of examples such as 3000, or a",
    ),
    "negative train_size": ("train_size: -3", "train_size cannot be -3"),
    "train_size of more than all": ("train_size: 1.5", "train_size cannot be 1.5"),
    "train_size that is no number": ("train_size: .nan", "train_size cannot be nan"),
    "true for train_size": ("train_size: true", "train_size cannot be true"),
    "text for train_size": ("train_size: '3000'", "train_size cannot be '3000'"),
    "list for train_size": ("train_size: [1000, 3000]", "train_size cannot be a list"),
    "another name for train_size": ("n_train: 3000", "unknown key 'n_train'\n    did you mean 'train_size'?"),
    "mapping for text": ("description: {a: 1}", "description is text, not a mapping"),
    "a name that is a path": ("name: ../x", "a.yaml:3:7: '../x' cannot name a folder"),
    "a hidden name": ("name: .x", "'.x' cannot name a folder"),
    "a blank name": ("name: ' '", "' ' cannot name a folder"),
    "a long name": (f"name: {'x' * 300}", "a.yaml:3:7: the name is longer than 200 bytes"),
    "unknown optimizer": ("optimizer: adan", "a.yaml:3:12: unknown optimizer 'adan'\n    did you mean 'adam'?"),
    "unknown optimizer parameter": (
        "optimizer: {adam: {lr: 1}}", "a.yaml:3:20: adam has no parameter 'lr'\n    allowed: learning_rate",
    ),
    "two names for one": ("optimizer: {adam: 0.1, sgd: 0.1}", "an optimizer is one name, but 2 keys stand here"),
    "parameters that are not indented": (
        "optimizer:\n  adam:\n  learning_rate: 1", "a.yaml:5:3: an optimizer is one name, but 2 keys",
    ),
    "number for a name": ("optimizer: 3", "an optimizer is a name, not 3"),
    "value out of range": ("optimizer: {sgd: {momentum: 2}}", "a.yaml:3:29: sgd: momentum must be a number"),
    "wrong type of parameter": ("optimizer: {adam: {beta_1: fast}}", "adam: beta_1 must be a number"),
    "quoted parameter": ('optimizer: {adam: {beta_1: "0.9"}}', "not '0.9'\n    write it without quotes: 0.9"),
    "quoted rate": ("optimizer: {adam: '1e-3'}", "one of the schedules, not '1e-3'\n    write it without quotes: 1e-3"),
    "unknown schedule": ("optimizer: {sgd: {cosine: 1}}", "sgd has no parameter 'cosine'"),
    "misspelt schedule": (
        "optimizer: {sgd: {learning_rate: {cosine_decays: {initial_learning_rate: 1, decay_steps: 2}}}}",
        "unknown learning-rate schedule 'cosine_decays'\n    did you mean 'cosine_decay'?",
    ),
    "schedule without its parameters": (
        "optimizer: {sgd: {learning_rate: {cosine_decay: 0.1}}}", "cosine_decay needs 'decay_steps'",
    ),
    "unknown loss": ("loss: crossentropy", "unknown loss 'crossentropy'"),
    "unknown metric": ("metrics: [acuracy]", "unknown metric 'acuracy'\n    did you mean 'accuracy'?"),
    "unknown callback": ("callbacks: [early_stoping]", "did you mean 'early_stopping'?"),
    "wrong condition": ("callbacks: [stop_when: loss]", "a.yaml:3:13: stop_when: 'loss' is not a condition"),
    "custom code": ("callbacks: [lambda_callback]", "the callback 'lambda_callback' cannot be used from a config"),
    "path out of the run folder": (
        "callbacks: [csv_logger: {filename: ../x.csv}]", "csv_logger: filename leads out of the run folder: ../x.csv",
    ),
    "the run's own file": ("callbacks: [csv_logger: history.csv]", "csv_logger: the run writes history.csv itself"),
    "the run's own model": ("callbacks: [model_checkpoint: model.keras]", "the run writes model.keras itself"),
    "absolute path": ("callbacks: [csv_logger: /x.csv]", "csv_logger: filename leads out of the run folder: /x.csv"),
    "path with code": (
        "callbacks: [model_checkpoint: '{epoch.real}.keras']", "filepath has braces that are no figure of an epoch",
    ),
    "path that is padded to gigabytes": (
        "callbacks: [model_checkpoint: '{epoch:999999999d}.keras']", "write figures as {epoch} or {val_loss:.2f}",
    ),
    "path with a long name": (f"callbacks: [csv_logger: {'x' * 300}]", "filename has a name of more than 200 bytes"),
    "too many callbacks": (f"callbacks: [{'terminate_on_nan, ' * 201}]", "201 callbacks: at most 200 can be given"),
    "text that steers a terminal": (
        'description: "\\e[31m"', "a.yaml:3:14: the control character U+001B is not allowed\n    a config is",
    ),
    "text that turns its own direction": ('description: "a\\u202Eb"', "the control character U+202E is not allowed"),
    "checkpoint with an odd ending": ("callbacks: [model_checkpoint: best.h5]", "a filepath that ends in .keras"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_part_is_told_with_its_place_and_what_is_allowed(name: str) -> None:
    text, told = BAD[name]
    [problem] = refused(f"{MINIMAL}{text}\n")
    assert problem.startswith("a.yaml:")
    assert told in problem


BAD_LAYERS = {
    "misspelt layer": ("[dens: 10]", "unknown layer 'dens'\n    did you mean 'dense'?"),
    "layer without its rank": ("[conv]", "did you mean 'conv1d', 'conv2d' or 'conv3d'?"),
    "Keras' other name without its rank": ("[MaxPool]", "'max_pooling2d' or 'max_pooling3d'?"),
    "misspelt layer of a rank": ("[max_poling2d]", "did you mean 'max_pooling2d'?"),
    "misspelt parameter": ("[dense: {units: 9, unit: 10}]", "dense has no parameter 'unit'\n    did you mean 'units'?"),
    "misspelt activation": ("[dense: {units: 1, activation: sofmax}]", "did you mean 'softmax'?"),
    "no units": ("[dense]", "dense needs 'units'"),
    "negative units": ("[dense: -1]", "dense: units must be a whole number of at least 1, not -1"),
    "text units": ("[dense: {units: many}]", "dense: units must be a whole number of at least 1, not 'many'"),
    "rate above one": ("[dropout: 1.5]", "dropout: rate must be a number"),
    "parameters where none are": ("[{flatten: {size: 3}}]", "flatten has no parameter 'size'"),
    "custom code": ("[lambda: x]", "the layer 'lambda' cannot be used from a config"),
    "a number": ("[3]", "a layer is a name, not 3"),
    "no layers": ("[]", "the config has no 'layers'"),
    "unknown input": ("[dense: {units: 3, inputs: [a]}]", "dense: no earlier layer is named 'a'"),
    "two of a name": ("[dense: {units: 3, name: a}, dense: {units: 3, name: a}]", "two layers are named 'a'"),
    "unknown regularizer": ("[dense: {units: 3, kernel_regularizer: l3}]", "unknown regularizer 'l3'"),
}


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_a_wrong_layer_is_told_with_its_place_and_what_is_allowed(name: str) -> None:
    layers, told = BAD_LAYERS[name]
    [problem] = refused(f"dataset: digits\nlayers: {layers}\n")
    assert problem.startswith("a.yaml:2:" if layers != "[]" else "a.yaml:")
    assert told in problem


def test_every_problem_of_a_file_is_told_at_once_in_its_order() -> None:
    told = refused(
        "epochs: 0\ndataset: digitz\nlayers:\n  - flaten\n  - dense: {unit: 3}\nepochs: 3\nlos: x\n"
        "optimizer: !x adan\nbatch_size: a\n"
    )
    assert [problem.split(": ")[0] for problem in told] == [
        "a.yaml:1:9",  # epochs
        "a.yaml:2:10",  # dataset
        "a.yaml:4:5",  # flaten
        "a.yaml:5:5",  # units missing
        "a.yaml:5:13",  # unit
        "a.yaml:6:1",  # epochs again
        "a.yaml:7:1",  # los
        "a.yaml:8:12",  # tag
        "a.yaml:8:12",  # adan
        "a.yaml:9:13",  # batch size
    ]


def test_of_many_problems_the_first_hundred_are_told() -> None:
    told = refused(MINIMAL + "".join(f"key{number}: 1\n" for number in range(5000)))
    assert len(told) == 102
    assert "too much is wrong to go on\n    mend what is told above first" in told[-1]


def test_dataset_and_layers_are_needed() -> None:
    told = refused("epochs: 3\n")
    assert told[0].startswith("a.yaml: the config has no 'dataset'\n    one of: fashion_mnist, mnist")
    assert told[1].startswith("a.yaml: the config has no 'layers'\n    such as")


# Identity.


@pytest.mark.parametrize(
    "line",
    [
        "name: other",
        "description: In other words.",
        "engine: graph",
        "threads: 1",
        "checkpoint: false",
        "checkpoint: every 5",
        "optimizer: adam",
        "optimizer: Adam",
        "optimizer: {adam: 0.001}",
        "optimizer: {adam: {learning_rate: 1e-3}}",
        "optimizer: {adam: {learning_rate: 0.001, beta_1: 0.9}}",
        "normalization: standardize",
        "loss: sparse_categorical_crossentropy",
        "metrics: accuracy",
        "metrics: [accuracy]",
        "batch_size: 32",
        "validation: none",
        "train_size: none",
        "train_size: 1.0",
        "callbacks: []",
        "seed: 0042",
    ],
)
def test_what_changes_no_result_keeps_the_identity(line: str) -> None:
    assert read(f"{MINIMAL}{line}\n").identity == read(MINIMAL).identity


@pytest.mark.parametrize(
    "line",
    [
        "optimizer: {adam: 0.01}",
        "optimizer: sgd",
        "normalization: none",
        "loss: {sparse_categorical_crossentropy: {from_logits: true}}",
        "metrics: [accuracy, sparse_top_k_categorical_accuracy]",
        "batch_size: 33",
        "epochs: 11",
        "validation: 0.1",
        "validation: test",
        "train_size: 100",
        "train_size: 0.1",
        "callbacks: [stop_when: loss < 1]",
        "seed: 43",
        "on_divergence: continue",
    ],
)
def test_what_may_change_the_result_changes_the_identity(line: str) -> None:
    assert read(f"{MINIMAL}{line}\n").identity != read(MINIMAL).identity


def test_the_order_of_keys_is_no_matter() -> None:
    a = read("dataset: digits\nlayers: [dense: {units: 3, activation: relu}]\nseed: 1\n")
    b = read("seed: 1\nlayers: [dense: {activation: relu, units: 3}]\ndataset: digits\n")
    assert a == b
    assert a.identity == b.identity


# There and back.

INITIALIZERS = st.sampled_from(["he_normal", {"random_normal": {"stddev": 0.02, "seed": 3}}])
REGULARIZERS = st.sampled_from(["l2", {"l1": 0.01}, {"l1_l2": {"l1": 1e-5, "l2": 0.001}}])
FRACTIONS = st.floats(0.01, 0.9)
LAYERS = st.one_of(
    st.sampled_from(["flatten", "relu", "softmax", "batch_normalization", "layer_normalization"]),
    st.builds(lambda rate: {"dropout": rate}, FRACTIONS),
    st.builds(
        lambda units, more: {"dense": {"units": units, **more}},
        st.integers(1, 10**6),
        st.fixed_dictionaries(
            {},
            optional={
                "activation": st.sampled_from(["relu", "tanh", "linear", "leaky_relu", None]),
                "use_bias": st.booleans(),
                "kernel_initializer": INITIALIZERS,
                "kernel_regularizer": REGULARIZERS,
            },
        ),
    ),
    st.builds(lambda size: {"conv2d": {"filters": 3, "kernel_size": size}}, st.integers(1, 5) | st.just([3, 1])),
)
SCHEDULES = st.builds(
    lambda rate, steps: {"exponential_decay": {"initial_learning_rate": rate, "decay_steps": steps, "decay_rate": 0.9}},
    FRACTIONS,
    st.integers(1, 10**6),
)
CONFIGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from(["digits", "iris", "breast_cancer", "mnist", "cifar10"]),
        "layers": st.lists(LAYERS, min_size=1, max_size=4),
    },
    optional={
        "name": st.text(st.sampled_from("ab0-_ é.1e"), min_size=1, max_size=8).map(lambda text: f"n{text}n"),
        "description": st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=40),
        "normalization": st.sampled_from(["none", "l2", "min_max"]),
        "loss": st.sampled_from(["categorical_crossentropy", {"huber": {"delta": 0.5}}]),
        "metrics": st.lists(st.sampled_from(["accuracy", {"top_k_categorical_accuracy": {"k": 3}}]), max_size=2),
        "optimizer": st.sampled_from(["sgd", {"adamw": {"weight_decay": 0.01}}])
        | st.builds(lambda rate: {"sgd": {"learning_rate": rate, "momentum": 0.5}}, FRACTIONS | SCHEDULES),
        "batch_size": st.integers(1, 2**31 - 1),
        "epochs": st.integers(1, 2**31 - 1),
        "callbacks": st.lists(
            st.sampled_from([{"stop_when": "loss <= 0.4"}, {"early_stopping": {"patience": 2}}]), max_size=2
        ),
        "validation": st.sampled_from(["none", "test"]) | FRACTIONS,
        "train_size": st.just("none") | st.integers(1, 2**31 - 1) | FRACTIONS,
        "seed": st.integers(0, 2**32 - 1),
        "on_divergence": st.sampled_from(["stop", "continue"]),
        "engine": st.sampled_from(["auto", "xla", "graph", "keras"]),
        "threads": st.none() | st.integers(1, 1024),
        "checkpoint": st.booleans() | st.integers(1, 10**9 - 1).map(lambda epochs: f"every {epochs}"),
    },
)


@given(CONFIGS)
def test_an_experiment_written_out_reads_back_the_same(config: dict[str, Any]) -> None:
    made = read(dump(config))
    back = parse_experiment(parse_config(made.yaml(), "config.yaml"), "another name")
    assert back == made
    assert back.identity == made.identity
    assert back.yaml() == made.yaml()
    json.dumps(made.plain(), allow_nan=False)


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("false", False), ("every 5", 5), ("'every  12'", 12)])
def test_checkpoint_says_how_often(written: str, meant: bool | int) -> None:
    made = read(f"{MINIMAL}checkpoint: {written}\n")
    assert made.checkpoint is meant or (made.checkpoint == meant and not isinstance(meant, bool))
    assert read(made.yaml()).yaml() == made.yaml()


def test_an_experiment_is_written_out_with_every_default() -> None:
    plain = parse_config(read(MINIMAL).yaml(), "config.yaml").plain()
    assert plain["optimizer"]["adam"]["beta_2"] == 0.999
    assert plain["layers"][1]["dense"]["kernel_initializer"] == "glorot_uniform"
    assert (plain["seed"], plain["threads"], plain["validation"]) == (42, None, "none")


def test_a_config_without_train_size_is_written_out_as_before_there_was_one() -> None:
    assert read(MINIMAL).plain().keys() == FIELDS.keys() - {"train_size"}
    assert read(f"{MINIMAL}train_size: 1.0\n") == read(MINIMAL)
    assert read(f"{MINIMAL}train_size: 0.5\n").plain()["train_size"] == 0.5


@pytest.mark.parametrize(
    "word", ["examples", "train_examples", "limit", "subset", "n_train", "samples", "max_examples", "trainsize"]
)
def test_other_names_for_train_size_lead_to_it(word: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'train_size'"):
        read(f"{MINIMAL}{word}: 3000\n")
    assert "did you mean 'train_size'" in str(refusal(word))
    assert meant(word) == "train_size"


@pytest.mark.parametrize("stem", ["a:b", "what?", "50%*", "line\nbreak", "ü b"])
def test_a_run_of_any_file_can_be_repeated_from_what_it_wrote(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.yaml"
    path.write_text(MINIMAL)
    made = load_experiment(path)
    again = tmp_path / "config.yaml"
    again.write_text(made.yaml())
    assert load_experiment(again) == made
