"""What is told before training: each problem and warning by the words that matter, and silence on good experiments."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from nnexp.config import catalog
from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS
from nnexp.preflight import Preflight, preflight
from nnexp.preflight.measures import logged_metrics
from nnexp.preflight.outputs import output_problems
from nnexp.preflight.training import against_overfitting, only_in_training
from nnexp.training.model import build, compile_model, targets
from nnexp.training.parts import make

MLP = "[flatten, dense: {units: 128, activation: sigmoid}, dense: {units: 10, activation: softmax}]"
LINEAR = "[flatten, dense: 10]"
TWO_CLASS = {"dataset": "breast_cancer", "normalization": "standardize"}
TWO = "[dense: {units: 2, activation: softmax}]"
ONE_HOT = {**TWO_CLASS, "loss": "categorical_crossentropy"}


def experiment(layers: str = MLP, **keys: str) -> Experiment:
    """A complete experiment from the text of its parts; Fashion-MNIST unless told otherwise."""
    lines = {"dataset": "fashion_mnist", "layers": layers, **keys}
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    return parse_experiment(parse_config(text, "a.yaml"), "a")


def checked(layers: str = MLP, **keys: str) -> Preflight:
    one = experiment(layers, **keys)
    return preflight(one, DATASETS[one.dataset.name])


def schedule(optimizer: str, name: str, **parameters: object) -> str:
    return json.dumps({optimizer: {"learning_rate": {name: parameters}}})


def codes(found: Preflight) -> list[str]:
    return [finding.code for finding in found.warnings]


# The rows of the coursework: (layers, keys, expected warnings).
SGD = {"dataset": "mnist", "optimizer": "{sgd: 0.01}", "batch_size": "32"}
ADAM = {"optimizer": "adam", "batch_size": "64"}
RELU512 = "[flatten, dense: {units: 512, activation: relu}, dense: {units: 10, activation: softmax}]"
ROWS = {
    "mnist_raw_relu100": (
        MLP.replace("128, activation: sigmoid", "100, activation: relu"), {**SGD, "normalization": "none"},
        ["raw_input"],
    ),
    "mnist_raw_linear100": (
        MLP.replace("128, activation: sigmoid", "100"), {**SGD, "normalization": "none"}, ["raw_input"],
    ),
    "mnist_l2_linear100": (MLP.replace("128, activation: sigmoid", "100"), {**SGD, "normalization": "l2"}, []),
    "mnist_l2_relu100": (
        MLP.replace("128, activation: sigmoid", "100, activation: relu"), {**SGD, "normalization": "l2"}, [],
    ),
    "mnist_l2_relu_before_softmax": (
        "[flatten, dense: {units: 100, activation: relu}, dense: 10, relu, softmax]", {**SGD, "normalization": "l2"},
        ["relu_before_softmax"],
    ),
    "mnist_l2_deep_mixed": (
        MLP.replace("sigmoid}", "sigmoid}, dense: {units: 50, activation: relu}, dense: {units: 50, activation: tanh}")
        .replace("128", "100"),
        {**SGD, "normalization": "l2"}, [],
    ),
    "fashion_sigmoid128": (MLP, ADAM, []),
    "fashion_sigmoid512": (MLP.replace("128", "512"), {**ADAM, "validation": "0.1"}, []),
    "fashion_sigmoid1024": (MLP.replace("128", "1024"), {**ADAM, "validation": "test"}, ["validation_on_test"]),
    "fashion_30_epochs": (MLP, {**ADAM, "epochs": "30", "loss": "categorical_crossentropy"}, []),
    "fashion_stop_at_loss": (RELU512, {**ADAM, "callbacks": "[stop_when: loss <= 0.40]"}, []),
    "fashion_stop_at_accuracy": (RELU512, {**ADAM, "callbacks": "[stop_when: accuracy > 0.85]"}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_run_have_no_problem(name: str) -> None:
    layers, keys, warnings = ROWS[name]
    found = checked(layers, **keys)
    assert found.problems == ()
    assert codes(found) == warnings
    assert found.output == (10,)


def test_parameters_are_counted() -> None:
    layers = checked(ROWS["mnist_l2_deep_mixed"][0], dataset="mnist").layers
    assert layers is not None
    assert sum(layer.parameters for layer in layers) == 86_610


PROBLEMS = {
    # name: (layers, keys, place, words of the message, words of the hint)
    "no flatten": (
        MLP.replace("flatten, ", ""), {}, "a.yaml:2:10",
        ("the model ends in (None, 28, 10), but the labels of fashion_mnist need (None, 10): layers.0 (dense) works on "
        "the last axis only, so each of the 28 rows got its own answer"),
        "add `- flatten` as the first layer, before layers.0 (dense)",
    ),
    "five outputs": (
        MLP.replace("10", "5"), {}, "a.yaml:2:61",
        "layers.2 (dense) gives 5 outputs, but fashion_mnist has 10 classes", "set `units: 10` in this layer",
    ),
    "images not flattened before the head": (
        "[reshape: [28, 28, 1], conv2d: {filters: 4, kernel_size: 3}, relu, dropout: 0.1, dense: 10]", {},
        "a.yaml:2", "(None, 26, 26, 10)", "before layers.4 (dense)",
    ),
    "many positions": (
        "[reshape: [28, 28, 1], conv2d: {filters: 4, kernel_size: 3}, dense: 10]", {}, "a.yaml:2",
        "each of the 26 × 26 positions got its own answer", "add `- flatten` before layers.2 (dense)",
    ),
    "no dense at all": (
        "[reshape: [28, 28, 1], conv2d: {filters: 10, kernel_size: 3}]", {}, "a.yaml:2",
        "ends in (None, 26, 26, 10)", "add `- flatten` and `- dense: {units: 10, activation: softmax}` at the end",
    ),
    "sequences returned": (
        "[lstm: {units: 8, return_sequences: true}, dense: {units: 10, activation: softmax}]", {}, "a.yaml:2",
        "(None, 28, 10)", "set `return_sequences: false` in layers.0 (lstm)",
    ),
    "no head": (
        "[flatten]", {}, "a.yaml:2", "layers.0 (flatten) gives 784 outputs",
        "units: 10, activation: softmax}` at the end",
    ),
    "activation after the head": (
        "[flatten, dense: 5, softmax]", {}, "a.yaml:2", "layers.1 (dense) gives 5 outputs", "`units: 10`",
    ),
    "one unit for ten classes": (
        "[flatten, dense: {units: 1, activation: sigmoid}]", {}, "a.yaml:2", "gives 1 output, but", "`units: 10`",
    ),
    "rank": (
        "[conv2d: {filters: 4, kernel_size: 3}]", {}, "a.yaml:2",
        "layers.0: conv2d needs images of rank 3 (height, width, channels) but gets (28, 28)",
        "add `reshape: [28, 28, 1]` before it",
    ),
    "softmax over one unit": (
        "[dense: {units: 1, activation: softmax}]", {**TWO_CLASS, "loss": "binary_crossentropy"}, "a.yaml:2",
        "a softmax over 1 unit is always 1.0", "activation: sigmoid",
    ),
    "sparse loss on one unit": (
        "[dense: {units: 1, activation: sigmoid}]", {**TWO_CLASS, "loss": "sparse_categorical_crossentropy"},
        "a.yaml:4:7", "the loss sparse_categorical_crossentropy compares several outputs, but the model has 1",
        "loss: binary_crossentropy",
    ),
    "categorical loss on one unit": (
        "[dense: {units: 1, activation: sigmoid}]", {**TWO_CLASS, "loss": "categorical_crossentropy"}, "a.yaml:4:7",
        "compares several outputs, but the model has 1", "`units: 2`",
    ),
    "metric of one-hot labels": (
        MLP, {"loss": "sparse_categorical_crossentropy", "metrics": "[accuracy, categorical_accuracy]"},
        "a.yaml:4:21", "the metric categorical_accuracy needs one-hot labels",
        "use the metric `sparse_categorical_accuracy`, or set `loss: categorical_crossentropy`",
    ),
    "metric without a sparse form": (
        MLP, {"loss": "sparse_categorical_crossentropy", "metrics": "precision"}, "a.yaml",
        "makes labels whole numbers",
        "set `loss: categorical_crossentropy` and `precision: {class_id: 1, name: precision_Trouser}` (1 is Trouser)",
    ),
    "metric of one of two classes": (
        TWO, {**TWO_CLASS, "metrics": "[precision_at_recall: {recall: 0.8, name: p80}]"}, "a.yaml:4:11",
        "precision_at_recall needs one-hot labels",
        ("for benign against malignant end in `dense: {units: 1, activation: sigmoid}` with "
        "`loss: binary_crossentropy`; or with two outputs set `loss: categorical_crossentropy` and "
        "`precision_at_recall: {recall: 0.8, class_id: 1, name: precision_at_recall_benign}` (1 is benign)"),
    ),
    "figure of each class": (
        TWO, {**ONE_HOT, "metrics": "[accuracy, f1_score]"}, "a.yaml:5:21",
        "the metric f1_score gives several figures, and one is needed", "set `f1_score: {average: macro}`",
    ),
    "figure of one output": (
        "[dense: {units: 1, activation: sigmoid}]", {**TWO_CLASS, "metrics": "fbeta_score"}, "a.yaml",
        "gives several figures", "set `fbeta_score: {average: macro, threshold: 0.5}`",
    ),
    "figure of each threshold": (
        TWO, {**ONE_HOT, "metrics": "[recall: {class_id: 1, thresholds: [0.3, 0.5]}]"}, "a.yaml",
        "the metric recall gives several figures", "name it once for each threshold",
    ),
    "area of two classes": (
        TWO, {**TWO_CLASS, "metrics": "auc"}, "a.yaml", "auc needs one-hot labels",
        "or with two outputs set `loss: categorical_crossentropy` and `auc: {multi_label: true}`",
    ),
    "metric of whole numbers": (
        MLP, {"loss": "categorical_crossentropy", "metrics": "sparse_categorical_accuracy"}, "a.yaml",
        "needs labels that are whole numbers, but the loss categorical_crossentropy makes labels one-hot",
        "`categorical_accuracy`",
    ),
    "metric of several outputs": (
        "[dense: {units: 1, activation: sigmoid}]", {**TWO_CLASS, "metrics": "categorical_accuracy"}, "a.yaml",
        "needs several outputs", "use the metric `accuracy`",
    ),
    "default monitor without validation": (
        MLP, {"callbacks": "[early_stopping]"}, "a.yaml:3:13",
        "early_stopping watches `val_loss`, which will not exist: `validation` is none",
        "set `validation: 0.1`, or watch `loss`",
    ),
    "plateau without validation": (
        MLP, {"callbacks": "[reduce_lr_on_plateau]"}, "a.yaml:3", "`val_loss`", "or watch `loss`",
    ),
    "misspelt metric": (
        MLP, {"callbacks": "[stop_when: acuracy > 0.9]"}, "a.yaml:3",
        "stop_when watches `acuracy`, which is not logged", "did you mean `accuracy`? logged: loss, accuracy",
    ),
    "best checkpoint of nothing": (
        MLP, {"callbacks": "[model_checkpoint: {filepath: best.keras, save_best_only: true, monitor: val_acc}]"},
        "a.yaml:3", "model_checkpoint watches `val_acc`", "logged: loss, accuracy",
    ),
    "nothing held out": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "validation": "0.001"}, "a.yaml:3",
        "holds out 0 of 120 training examples", "validation: 0.1",
    ),
    "more than there are": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "train_size": "121"}, "a.yaml:3:13",
        "train_size 121 is more than the 120 training examples", "write at most 120, or `none` for all",
    ),
    "more than validation leaves": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "validation": "0.1", "train_size": "109"},
        "a.yaml:4:13", "109 is more than the 108 training examples that validation leaves", "at most 108",
    ),
    "a share of less than one": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "train_size": "0.001"}, "a.yaml:3:13",
        "train_size 0.001 takes 0 of the 120 training examples", "a larger fraction",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_name_the_place_the_reason_and_the_fix(name: str) -> None:
    layers, keys, place, message, hint = PROBLEMS[name]
    [problem] = checked(layers, **keys).problems
    assert str(problem.place).startswith(place)
    assert message in problem.message
    assert hint in problem.hint


SOFTMAX10 = "[flatten, dense: {units: 10, activation: softmax}]"
WARNINGS = {
    # name: (layers, keys, code, words of the message, words of the suggestion)
    "raw pixels": (MLP, {"normalization": "none"}, "raw_input", "ranges from 0 to 255", "divide_by_255"),
    "raw table": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "wine", "normalization": "none"}, "raw_input",
        "wine", "standardize",
    ),
    "linear end": (
        LINEAR, {"loss": "sparse_categorical_crossentropy"}, "softmax_missing",
        "needs probabilities, but the model ends in linear (layers.1 (dense))",
        "`activation: softmax`, or give the loss `from_logits: true`",
    ),
    "tanh end": (
        "[flatten, dense: {units: 10, activation: tanh}]", {"loss": "categorical_crossentropy"}, "softmax_missing",
        "ends in tanh", "softmax",
    ),
    "linear single unit": (
        "[dense: 1]", {**TWO_CLASS, "loss": "binary_crossentropy"}, "sigmoid_missing", "ends in linear", "sigmoid",
    ),
    "ReLU layer before softmax": (
        "[flatten, dense: 10, relu, softmax]", {}, "relu_before_softmax", "right before the softmax",
        "Remove the ReLU",
    ),
    "dense ReLU before softmax": (
        "[flatten, dense: {units: 10, activation: relu}, softmax]", {}, "relu_before_softmax", "layers.1 (dense)",
        "Remove",
    ),
    "ReLU at the end": (
        "[flatten, dense: {units: 10, activation: relu}]", {}, "relu_before_softmax", "ends in ReLU",
        "End in softmax",
    ),
    "logits of a softmax": (
        SOFTMAX10, {"loss": "{sparse_categorical_crossentropy: {from_logits: true}}"}, "activation_twice",
        "ends in softmax", "Remove from_logits",
    ),
    "binary loss on ten classes": (
        SOFTMAX10, {"loss": "binary_crossentropy"}, "binary_loss", "each of the 10 softmax outputs",
        "categorical_crossentropy",
    ),
    "recall of a softmax": (
        TWO, {**ONE_HOT, "metrics": "[accuracy, recall]"}, "metric_of_all_classes",
        "recall counts all classes together: of a softmax that is nearly the accuracy.",
        ("For one class: `recall: {class_id: 1, name: recall_benign}` (1 is benign); or end in "
        "`dense: {units: 1, activation: sigmoid}` with `loss: binary_crossentropy`: metrics then are of benign."),
    ),
    "several metrics of a softmax": (
        MLP, {"loss": "categorical_crossentropy", "metrics": "[true_positives, recall, precision]"},
        "metric_of_all_classes",
        "true_positives, recall and precision count all classes together: of a softmax recall and precision are nearly",
        "For one class: `recall: {class_id: 1, name: recall_Trouser}` (1 is Trouser).",
    ),
    "what cannot be of one class": (
        SOFTMAX10.replace("softmax", "sigmoid"), {"loss": "binary_crossentropy", "metrics": "true_positives"},
        "metric_of_all_classes", "true_positives counts all classes together.",
        "`recall: {class_id: 1, name: recall_Trouser}` (1 is Trouser).",
    ),
    "area over a softmax": (
        TWO, {**ONE_HOT, "metrics": "auc"}, "metric_of_all_classes", "over the outputs of all classes together",
        "`auc: {multi_label: true}` is the mean of each class's own. `nnexp show` tells ROC AUC",
    ),
    "adam too fast": (
        MLP, {"optimizer": "{adam: 0.1}"}, "unusual_learning_rate",
        "0.1 is above what is usual for adam: 1e-05 to 0.01", "Try 0.001",
    ),
    "sgd too slow": (MLP, {"optimizer": "{sgd: 0.00001}"}, "unusual_learning_rate", "1e-05 is below", "Try 0.01"),
    "schedule too fast": (
        MLP,
        {"optimizer": schedule("adam", "exponential_decay", initial_learning_rate=0.5, decay_steps=10, decay_rate=0.9)},
        "unusual_learning_rate", "0.5 is above", "0.001",
    ),
    "steps too fast": (
        MLP, {"optimizer": schedule("sgd", "piecewise_constant_decay", boundaries=[5], values=[2.0, 0.1])},
        "unusual_learning_rate", "2 is above", "0.01",
    ),
    "batch of all": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "batch_size": "256"}, "large_batch",
        "256 is larger than the training set of 120", "32",
    ),
    "batch of all that is used": (
        "[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "train_size": "20"}, "large_batch",
        "32 is larger than the training set of 20", "32",
    ),
    "classes that are left out": (
        MLP, {"train_size": "9", "batch_size": "3"}, "classes_without_examples", "leaves 9 examples of 10 classes",
        "at least 10",
    ),
    "test as validation": (
        MLP, {"validation": "test"}, "validation_on_test", "10,000 test examples", "validation: 0.1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_say_what_and_what_instead(name: str) -> None:
    layers, keys, code, message, suggestion = WARNINGS[name]
    found = checked(layers, **keys)
    [finding] = found.warnings
    assert found.problems == ()
    assert (finding.code, finding.severity) == (code, "warning")
    assert message in finding.message
    assert suggestion in finding.suggestion


SILENT = {
    "batch normalization first": (
        "[batch_normalization, flatten, dense: {units: 10, activation: softmax}]", {"normalization": "none"},
    ),
    "rescaling first": (
        "[{rescaling: 0.00392}, flatten, dense: {units: 10, activation: softmax}]", {"normalization": "none"},
    ),
    "small raw values": ("[dense: {units: 3, activation: softmax}]", {"dataset": "iris", "normalization": "none"}),
    "logits": (LINEAR, {"loss": "{sparse_categorical_crossentropy: {from_logits: true}}"}),
    "softmax as a layer": ("[flatten, dense: 10, softmax]", {}),
    "one sigmoid unit": ("[dense: {units: 1, activation: sigmoid}]", TWO_CLASS),
    "two softmax units": (
        "[dense: {units: 2, activation: softmax}]", {**TWO_CLASS, "loss": "categorical_crossentropy"},
    ),
    "metrics of one class": (
        TWO, {**ONE_HOT, "metrics": "[recall: {class_id: 1}, auc: {multi_label: true}, f1_score: {average: macro}]"},
    ),
    "metrics of one sigmoid unit": (
        "[dense: {units: 1, activation: sigmoid}]", {**TWO_CLASS, "metrics": "[recall, precision, auc]"},
    ),
    "ten sigmoids": ("[flatten, dense: {units: 10, activation: sigmoid}]", {"loss": "binary_crossentropy"}),
    "leaky ReLU before softmax": ("[flatten, dense: 10, {relu: {negative_slope: 0.1}}, softmax]", {}),
    "squared error": (LINEAR, {"loss": "mean_squared_error"}),
    "validated callbacks": (
        MLP, {"validation": "0.1", "callbacks": "[early_stopping, {stop_when: val_accuracy > 0.9}]"},
    ),
    "checkpoint of every epoch": (MLP, {"callbacks": "[model_checkpoint: {filepath: last.keras}]"}),
    "named metric watched": (
        MLP, {"metrics": "[sparse_categorical_accuracy: {name: hits}]", "callbacks": "[stop_when: hits > 0.9]"},
    ),
    "warm-up from zero": (
        MLP,
        {"optimizer": schedule("adam", "cosine_decay", initial_learning_rate=0.0, decay_steps=9, warmup_target=0.001)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_good_experiments_pass_in_silence(name: str) -> None:
    layers, keys = SILENT[name]
    found = checked(layers, **keys)
    assert (found.problems, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("layers", "keys", "told"),
    [
        (
            "[flatten, dense: 1000000000, dense: 10]", {"optimizer": "sgd"},
            "795,000,000,010 weights: to train them with sgd takes at least 6,360 GB of memory, and this machine has",
        ),
        ("[flatten, dense: 1000000000, dense: 10]", {}, "to train them with adam takes at least 12,720 GB of memory"),
        (
            "[flatten, repeat_vector: 10000, global_max_pooling1d, dense: 10]", {"batch_size": "2000000000"},
            "one layer makes 7,840,000 values of each example, and a batch has 60,000: this takes at least 1,881 GB",
        ),
    ],
)  # fmt: skip
def test_what_needs_more_memory_than_the_machine_has_is_refused(layers: str, keys: dict[str, str], told: str) -> None:
    [problem] = checked(layers, **keys).problems
    assert str(problem.place) == "a.yaml:2:9"
    assert told in problem.message
    assert "smaller" in problem.hint


def test_all_problems_are_told_at_once() -> None:
    found = checked("[dense: 5]", metrics="precision", callbacks="[early_stopping, stop_when: los < 1]")
    assert [str(problem.place).split(":")[1] for problem in found.problems] == ["2", "2", "3", "4", "4"]


def test_a_model_that_only_keras_knows_can_be_checked_once_built() -> None:
    one = experiment("[flatten, {dense: {units: 5, activation: softmax, inputs: [input]}}]")
    found = preflight(one, DATASETS["fashion_mnist"])
    assert (found.problems, found.layers, found.output) == ((), None, None)
    assert len(output_problems(one, DATASETS["fashion_mnist"], (28, 5))) == 2


# Real Keras as the judge.

REQUIRED = {
    "num_classes": 3,
    "target_class_ids": [0],
    "recall": 0.5,
    "precision": 0.5,
    "specificity": 0.5,
    "sensitivity": 0.5,
}
LABELS = np.array([0, 1, 2, 0, 1], "int32")


@pytest.mark.parametrize(
    ("metrics", "keys"),
    [
        ("[accuracy]", {}),
        ("[sparse_categorical_accuracy, {sparse_categorical_accuracy: {name: hits}}]", {"validation": "0.2"}),
        ("[{mean_iou: {num_classes: 3, sparse_y_pred: false}}, accuracy, accuracy]", {}),
        (
            (
                "[auc, precision, f1_score: {average: macro}, log_cosh_error, huber, "
                "one_hot_iou: {num_classes: 3, target_class_ids: [0]}]"
            ),
            {"loss": "categorical_crossentropy"},
        ),
        ("[accuracy]", {"validation": "0.2", "callbacks": "[reduce_lr_on_plateau]"}),
    ],
)
def test_logged_metrics_are_what_keras_logs(metrics: str, keys: dict[str, str]) -> None:
    keras.utils.clear_session()
    one = experiment("[dense: {units: 3, activation: softmax}]", dataset="iris", metrics=metrics, **keys)
    assert preflight(one, DATASETS["iris"]).problems == ()
    model = build(one, (4,), None)
    compile_model(model, one)
    x, y = np.ones((5, 4), "float32"), targets(LABELS, one.loss.name, 3, 3)
    held_out = (x, y) if one.validation != "none" else None
    callbacks = [make(entry, "callbacks") for entry in one.callbacks]
    history = model.fit(x, y, validation_data=held_out, callbacks=callbacks, verbose=0).history
    assert set(logged_metrics(one)) == set(history)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("metric", sorted(set(catalog.names("metrics")) - {"accuracy", "crossentropy"}))
def test_a_metric_that_keras_cannot_compute_on_these_labels_is_refused(metric: str, loss: str) -> None:
    item = catalog.find("metrics", metric)
    assert item is not None
    required = {name: REQUIRED[name] for name, parameter in item.parameters.items() if parameter.required}
    keys = {"dataset": "iris", "loss": loss, "metrics": json.dumps([{metric: required}])}
    one = experiment("[dense: {units: 3, activation: softmax}]", **keys)
    refused = bool(preflight(one, DATASETS["iris"]).problems)
    measure = make(one.metrics[0], "metrics")
    predicted = keras.ops.softmax(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))
    try:
        if not isinstance(measure, keras.metrics.Metric):
            measure = keras.metrics.MeanMetricWrapper(measure)
        measure.update_state(targets(LABELS, loss, 3, 3), predicted)
        silently_wrong = loss.startswith("sparse_") and metric in {
            "categorical_accuracy",
            "one_hot_iou",
            "one_hot_mean_iou",
        }
        assert refused == (silently_wrong or keras.ops.ndim(measure.result()) > 0)
    except (ValueError, tf.errors.OpError):
        assert refused


ITEMS = [item for name in catalog.names("metrics") if (item := catalog.find("metrics", name))]
OF_YES_OR_NO = [item for item in ITEMS if {"class_id", "thresholds"} & set(item.parameters)]


@pytest.mark.parametrize("item", OF_YES_OR_NO, ids=lambda item: item.name)
def test_a_metric_that_keras_takes_over_both_columns_is_warned_of(item: catalog.Item) -> None:
    """Yes is rare here and seldom found: of its column alone the figure is another."""
    required = {name: REQUIRED[name] for name, parameter in item.parameters.items() if parameter.required}
    one = experiment(TWO, **{**ONE_HOT, "metrics": json.dumps([{item.name: required}])})
    yes = np.repeat([0, 1], [450, 50])
    said = np.clip(0.2 + 0.3 * yes + np.random.default_rng(0).normal(0, 0.25, 500), 0, 1).astype("float32")
    both, column = (make(one.metrics[0], "metrics") for _ in range(2))
    both.update_state(np.eye(2, dtype="float32")[yes], np.stack([1 - said, said], axis=1))
    column.update_state(yes[:, None], said[:, None])
    assert float(both.result()) != float(column.result())
    assert codes(preflight(one, DATASETS["breast_cancer"])) == ["metric_of_all_classes"]


def test_callbacks_that_want_something_of_the_optimizer_are_refused_without_it() -> None:
    [problem] = checked(callbacks="[swap_ema_weights]").problems
    assert "swap_ema_weights needs an optimizer that averages" in problem.message
    assert checked(callbacks="[swap_ema_weights]", optimizer="{adam: {use_ema: true}}").problems == ()
    falling = schedule("adam", "exponential_decay", initial_learning_rate=0.01, decay_steps=9, decay_rate=0.9)
    [problem] = checked(callbacks="[reduce_lr_on_plateau: loss]", optimizer=falling).problems
    assert "cannot change a learning rate that follows a schedule" in problem.message
    assert checked(callbacks="[reduce_lr_on_plateau: loss]").problems == ()


@pytest.mark.parametrize(
    ("filepath", "unknown"),
    [("'{epoch:02d}_{loss:.2f}.keras'", ""), ("'{val_loss}.keras'", "val_loss"), ("'{batch}.keras'", "batch")],
)
def test_a_file_is_named_by_figures_that_will_be_there(filepath: str, unknown: str) -> None:
    """Keras would fail at the end of the first epoch."""
    found = checked(callbacks=f"[model_checkpoint: {filepath}]").problems
    assert [problem.message for problem in found] == (
        [f"model_checkpoint: no figure is called '{unknown}'"] if unknown else []
    )
    assert checked(callbacks="[model_checkpoint: {filepath: '{batch}.keras', save_freq: 9}]").problems == ()


PICTURES = "[reshape: [28, 28, 1], {name}: {{factor: 0.2{more}}}, flatten, dense: {{units: 10, activation: softmax}}]"


@pytest.mark.parametrize(
    ("normalization", "more", "said"),
    [
        ("divide_by_255", "", "after `normalization: divide_by_255` they go from 0 to 1."),
        ("divide_by_255", ", value_range: [0, 1]", None),
        ("min_max", ", value_range: [0, 1]", None),
        ("standardize", "", "are in no fixed range"),
        ("none", "", None),
    ],
)
def test_an_augmentation_of_another_range_is_warned_of(normalization: str, more: str, said: str | None) -> None:
    found = checked(PICTURES.format(name="random_brightness", more=more), normalization=normalization)
    told = [warning.message for warning in found.warnings if warning.code == "value_range"]
    assert len(told) == (said is not None)
    assert said is None or said in told[0]


@pytest.mark.parametrize("values", ["[]", "[0]", "[0, 1, 2]"])
def test_a_range_of_other_than_two_values_is_left_to_keras(values: str) -> None:
    layers = PICTURES.format(name="random_contrast", more=f", value_range: {values}")
    assert "value_range" not in codes(checked(layers))


def test_a_layer_after_others_is_left_alone() -> None:
    after = "[flatten, dense: 784, reshape: [28, 28, 1], random_brightness: 0.2, flatten, dense: 10]"
    assert "value_range" not in codes(checked(after))


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        (MLP, []),
        ("[flatten, dropout: 0.2, dense: 10, dropout: 0.5]", ["dropout"]),
        ("[flatten, dropout: 0, gaussian_noise: 0.0, dense: 10]", []),
        ("[random_flip: horizontal, flatten, gaussian_noise: 0.1, dense: 10]", ["random_flip", "gaussian_noise"]),
        ("[lstm: {units: 8, recurrent_dropout: 0.2}, gru: {units: 8}, dense: 10]", ["dropout"]),
    ],
)
def test_what_is_at_work_in_training_alone_is_known(layers: str, kinds: list[str]) -> None:
    assert only_in_training(experiment(layers)) == kinds


@pytest.mark.parametrize(
    ("keys", "tried"),
    [
        ({}, []),
        ({"layers": "[flatten, dropout: 0, dense: 10]"}, []),
        ({"layers": "[flatten, dropout: 0.2, dense: {units: 10, kernel_regularizer: l2}]"}, ["dropout", "l2"]),
        ({"optimizer": "adamw", "callbacks": "[early_stopping]"}, ["l2"]),
        ({"callbacks": "[early_stopping: {restore_best_weights: true}]"}, ["early_stopping"]),
    ],
)
def test_what_is_done_against_overfitting_is_known(keys: dict[str, str], tried: list[str]) -> None:
    assert against_overfitting(experiment(**keys)) == tried
