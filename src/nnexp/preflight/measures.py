"""Loss, metrics and callbacks against the labels and against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nnexp.config import catalog, condition
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.config.outputs import output_of
from nnexp.config.shapes import Shape
from nnexp.data.datasets import Dataset
from nnexp.errors import Problem
from nnexp.findings import Finding, listed
from nnexp.preflight.places import place_of
from nnexp.tasks import FIGURES, Task

# What of Keras suits each task but classification, where `metric_problems` tells.
_LOSSES: Mapping[Task, Sequence[str]] = {
    "multi_label": (
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "dice",
        "hinge",
        "huber",
        "mean_absolute_error",
        "mean_squared_error",
        "squared_hinge",
        "tversky",
    ),
    "regression": (
        "cosine_similarity",
        "huber",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "poisson",
    ),
}
_METRICS: Mapping[Task, Sequence[str]] = {
    "multi_label": (
        "auc",
        "binary_accuracy",
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "binary_iou",
        "f1_score",
        "false_negatives",
        "false_positives",
        "fbeta_score",
        "hinge",
        "mean_absolute_error",
        "mean_squared_error",
        "precision",
        "precision_at_recall",
        "recall",
        "recall_at_precision",
        "root_mean_squared_error",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "squared_hinge",
        "true_negatives",
        "true_positives",
    ),
    "regression": (
        "concordance_correlation",
        "cosine_similarity",
        "huber",
        "log_cosh_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "pearson_correlation",
        "poisson",
        "r2_score",
        "root_mean_squared_error",
    ),
}
# Of several outputs these count every one as a yes or no, all together, unless told of which class (`class_id`).
_COUNT = frozenset(
    {
        "binary_iou",
        "false_negatives",
        "false_positives",
        "precision",
        "precision_at_recall",
        "recall",
        "recall_at_precision",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "true_negatives",
        "true_positives",
    }
)
_NEAR_ACCURACY = frozenset({"precision", "recall"})  # of a softmax: one output at most is above a half
_ONE_OUTPUT = "`dense: {units: 1, activation: sigmoid}` with `loss: binary_crossentropy`"
_WHAT: Mapping[Task, str] = {
    "multi_label": "where an example may have several labels",
    "regression": "where numbers are predicted",
}


def logged_metrics(experiment: Experiment) -> tuple[str, ...]:
    """The names under which Keras logs each epoch's figures: what `stop_when` and `monitor` may name."""
    names = ["loss"]
    counts: dict[str, int] = {}
    for entry in experiment.metrics:
        # Keras names a metric without a name of its own after its class: MeanIoU becomes mean_io_u.
        name = str(entry.get("name") or entry.name.replace("iou", "io_u"))
        seen = counts[name] = counts.get(name, -1) + 1
        names.append(f"{name}_{seen}" if seen else name)
    if experiment.validation != "none":
        names += [f"val_{name}" for name in names]
    if any(entry.name == "reduce_lr_on_plateau" for entry in experiment.callbacks):
        names.append("learning_rate")
    return tuple(names)


def compared_metrics(experiment: Experiment, task: Task) -> tuple[str, ...]:
    """The names under which runs are compared: of the test split, the last epoch, and the time."""
    logged = [name for name in logged_metrics(experiment) if name != "learning_rate"]
    test = [name for name in logged if not name.startswith("val_")]
    held_out = [name for name in logged if name.startswith("val_")]
    return tuple(dict.fromkeys((*test, *FIGURES[task], *held_out, *(f"train_{name}" for name in test), "seconds")))


def task_problems(experiment: Experiment, dataset: Dataset) -> Iterator[Problem]:
    """That loss and metrics are of the task."""
    if dataset.task == "classification":
        return
    losses, metrics, what = _LOSSES[dataset.task], _METRICS[dataset.task], _WHAT[dataset.task]
    if experiment.loss.name not in losses:
        message = f"the loss {experiment.loss.name} means nothing {what}"
        yield Problem(place_of(experiment, "loss"), message, f"allowed: {', '.join(losses)}")
    for index, entry in enumerate(experiment.metrics):
        if entry.name not in metrics:
            message = f"the metric {entry.name} means nothing {what}"
            yield Problem(place_of(experiment, "metrics", index), message, f"allowed: {', '.join(metrics)}")


def figure_problems(experiment: Experiment, *, yes_or_no: bool) -> Iterator[Problem]:
    """That each metric is one figure: Keras gives an array of these, which no epoch's row can hold."""
    for index, entry in enumerate(experiment.metrics):
        message = f"the metric {entry.name} gives several figures, and one is needed"
        if entry.name in {"f1_score", "fbeta_score"} and entry.get("average") is None:
            # Without a threshold the largest output alone is a yes: never two labels, and a sole output always.
            hint = f"set `{entry.name}: {{average: macro{', threshold: 0.5' if yes_or_no else ''}}}`"
            yield Problem(place_of(experiment, "metrics", index), message, hint)
        thresholds = entry.get("thresholds")
        if entry.name != "auc" and isinstance(thresholds, Sequence) and len(thresholds) > 1:
            hint = "name it once for each threshold, each with a `name`"
            yield Problem(place_of(experiment, "metrics", index), message, hint)


def metric_problems(experiment: Experiment, classes: Sequence[str], *, single: bool) -> Iterator[Problem]:
    """Keras' metrics take the labels as the loss does: whole numbers for `sparse_` losses, one-hot for the others."""
    whole = experiment.loss.name.startswith("sparse_")
    given = "whole numbers" if whole else "0 or 1" if single else "one-hot"
    for index, entry in enumerate(experiment.metrics):
        several = single and "categorical" in entry.name
        if entry.name == "accuracy" or (_takes_whole_numbers(entry) == whole and not several):
            continue
        other = f"sparse_{entry.name}" if whole else entry.name.removeprefix("sparse_")
        known = not single and other != entry.name and other in catalog.names("metrics")
        needs = "several outputs" if several else "one-hot labels" if whole else "labels that are whole numbers"
        message = f"the metric {entry.name} needs {needs}, but the loss {experiment.loss.name} makes labels {given}"
        hint = f"use the metric `{other if known else 'accuracy'}`"
        if whole and (entry.name in _COUNT or entry.name == "auc"):
            hint = _hint_of_one_class(entry, classes)
        elif whole:
            hint += ", or set `loss: categorical_crossentropy`, which makes labels one-hot"
        yield Problem(place_of(experiment, "metrics", index), message, hint)


def metric_warnings(experiment: Experiment, classes: Sequence[str], output: Shape | None) -> Iterator[Finding]:
    """Of metrics that sound as if of one class, and are over the outputs of all."""
    if output is None or output == (1,) or experiment.loss.name.startswith("sparse_"):
        return
    yield from _counted_together(experiment, classes)
    if any(entry.name == "auc" and not entry.get("multi_label") for entry in experiment.metrics):
        message = "auc is the area over the outputs of all classes together, not that of a class."
        suggestion = "`auc: {multi_label: true}` is the mean of each class's own."
        if len(classes) == 2:
            suggestion += " `nnexp show` tells ROC AUC and average precision of the test part."
        evidence = {"metrics": ["auc"], "classes": len(classes)}
        yield Finding("metric_of_all_classes", "warning", message, suggestion, evidence)


def _counted_together(experiment: Experiment, classes: Sequence[str]) -> Iterator[Finding]:
    counted = [entry for entry in experiment.metrics if entry.name in _COUNT and entry.get("class_id") is None]
    if not counted:
        return
    kinds = list(dict.fromkeys(entry.name for entry in counted))
    names, count = listed(kinds), "counts" if len(kinds) == 1 else "count"
    message = f"{names} {count} all classes together."
    near = [name for name in kinds if name in _NEAR_ACCURACY]
    if near and output_of(experiment.layers).last == "softmax":
        these = "that" if near == kinds else listed(near)
        be = "is" if near == kinds or len(near) == 1 else "are"
        message = f"{names} {count} all classes together: of a softmax {these} {be} nearly the accuracy."
    # Keras has counts, such as true_positives, of no single class.
    metric = next(filter(None, (_of_one_class(entry, classes) for entry in counted)), None)
    metric = metric or _of_one_class(Entry("recall"), classes)
    suggestion = f"For one class: {metric}."
    if len(classes) == 2:
        suggestion = f"For one class: {metric}; or end in {_ONE_OUTPUT}: metrics then are of {classes[1]}."
    evidence = {"metrics": kinds, "classes": len(classes)}
    yield Finding("metric_of_all_classes", "warning", message, suggestion, evidence)


def _hint_of_one_class(entry: Entry, classes: Sequence[str]) -> str:
    """What gives the figure that is meant, where one-hot labels alone would give that of all classes together."""
    more = "`auc: {multi_label: true}`" if entry.name == "auc" else _of_one_class(entry, classes)
    one_hot = f"set `loss: categorical_crossentropy`{f' and {more}' if more else ''}"
    if len(classes) != 2:
        return one_hot
    return f"for {classes[1]} against {classes[0]} end in {_ONE_OUTPUT}; or with two outputs {one_hot}"


def _of_one_class(entry: Entry, classes: Sequence[str]) -> str | None:
    """The metric of the second class, of two the positive one; None where Keras has it of all classes only."""
    item = catalog.find("metrics", entry.name)
    if item is None or "class_id" not in item.parameters:
        return None
    others = ((key, value) for key, value in entry.parameters.items() if key not in {"class_id", "name"})
    own = {key: value for key, value in others if value != item.parameters[key].default}
    name = re.sub(r"\W+", "_", classes[1]).strip("_")
    written = ", ".join(f"{key}: {value}" for key, value in {**own, "class_id": 1}.items())
    return f"`{entry.name}: {{{written}, name: {entry.name}_{name or 1}}}` (1 is {classes[1]})"


def _takes_whole_numbers(metric: Entry) -> bool:
    if metric.name in {"iou", "mean_iou"}:  # these want the prediction as a class unless told that it is a vector
        return metric.get("sparse_y_pred") is False
    return metric.name.startswith("sparse_") or metric.get("sparse_y_true") is True


def monitor_problems(experiment: Experiment) -> Iterator[Problem]:
    """That callbacks watch what is logged."""
    logged = logged_metrics(experiment)
    for index, entry in enumerate(experiment.callbacks):
        place = place_of(experiment, "callbacks", index)
        name = _watched(entry)
        if name is None or name in logged:
            continue
        near = catalog.nearest(name, (*logged, *(f"val_{known}" for known in logged)))
        hint = f"did you mean `{near}`? " if near else ""
        if near is not None and near not in logged:
            hint = f"did you mean `{near}`? It needs `validation: 0.1`; "
        reason = "is not logged"
        if name.startswith("val_") and name.removeprefix("val_") in logged:
            reason = "will not exist: `validation` is none"
            hint = f"set `validation: 0.1`, or watch `{name.removeprefix('val_')}`; "
        yield Problem(place, f"{entry.name} watches `{name}`, which {reason}", f"{hint}logged: {', '.join(logged)}")


def callback_problems(experiment: Experiment) -> Iterator[Problem]:
    """Callbacks that want something of the optimizer, or a figure in the name of a file."""
    for index, entry in enumerate(experiment.callbacks):
        place = place_of(experiment, "callbacks", index)
        if entry.name == "swap_ema_weights" and not experiment.optimizer.get("use_ema"):
            hint = f"set `use_ema: true` in the optimizer {experiment.optimizer.name}, or remove the callback"
            yield Problem(place, "swap_ema_weights needs an optimizer that averages the weights", hint)
        if entry.name == "reduce_lr_on_plateau" and isinstance(experiment.optimizer.get("learning_rate"), Entry):
            hint = "give the optimizer a number, or remove the callback"
            yield Problem(place, "reduce_lr_on_plateau cannot change a learning rate that follows a schedule", hint)
        known = ("epoch", *logged_metrics(experiment), *(["batch"] if isinstance(entry.get("save_freq"), int) else []))
        for name in re.findall(r"\{(\w+)", str(entry.get("filepath", ""))):
            if name not in known:
                yield Problem(place, f"{entry.name}: no figure is called '{name}'", f"known: {', '.join(known)}")


def _watched(callback: Entry) -> str | None:
    """The metric that a callback looks at; None if it looks at none."""
    if callback.name == "stop_when":
        return condition.parse(str(callback.get("condition"))).metric
    if callback.name == "model_checkpoint" and not callback.get("save_best_only"):
        return None
    monitor = callback.get("monitor")
    return None if monitor is None else str(monitor)
