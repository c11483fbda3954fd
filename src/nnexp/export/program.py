"""A run as a short, plain Keras program, which needs nnexp no more: a script, or a notebook."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.config import condition
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.config.outputs import output_of
from nnexp.data.dataset import Bundled, Dataset, OwnFiles
from nnexp.data.sources import Files
from nnexp.export.batches import batches_class, batches_of, file_of, pieces, read, stays_on_disk
from nnexp.export.expressions import call, expression, listed
from nnexp.export.loading import loading, weighs_examples
from nnexp.export.parting import fewer
from nnexp.runs.record import RunRecord
from nnexp.tasks import in_words

_ATTENTION = {"multi_head_attention", "group_query_attention"}  # from a query to a value: given one input, to itself
_LIST_ATTENTION = {"attention", "additive_attention"}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the program, which a notebook has in a cell of its own."""

    title: str
    code: str


@dataclass(frozen=True, slots=True)
class Program:
    """The whole: what is said of it first, and its sections in order."""

    title: str
    notes: tuple[str, ...]  # paragraphs
    sections: tuple[Section, ...]

    def script(self) -> str:
        """As a Python file."""
        said = [self.title, *(line for note in self.notes for line in ("", *_wrapped(note)))]
        head = "\n".join(f"# {line}".rstrip() for line in said)
        parts = [f"# {section.title}\n{section.code}" for section in self.sections]
        return "\n\n".join([head, *parts]) + "\n"

    def notebook(self) -> str:
        """As a Jupyter notebook: JSON of nbformat 4.5."""
        cells = [_cell("markdown", "about", "\n\n".join([f"# {_plain(self.title)}", *map(_plain, self.notes)]))]
        for number, section in enumerate(self.sections, 1):
            cells.append(_cell("markdown", f"title-{number}", f"## {section.title}"))
            cells.append(_cell("code", f"code-{number}", section.code))
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def program(run: RunRecord, experiment: Experiment, dataset: Dataset) -> Program:
    """The program of a run whose config is `experiment`.

    Raises:
        InputError: its data are none that a short program could load.
    """
    sections = (
        Section("The data", _data(experiment, dataset)),
        Section("The model: raw examples go in", _model(experiment, dataset)),
        Section("Training", _training(experiment, dataset)),
        Section("How good it is on the test examples", _test(experiment, dataset)),
    )
    used = "\n".join(section.code for section in sections)
    return Program(
        title=f"{run.name}: the program of a run",
        notes=tuple(_notes(run, experiment, dataset)),
        sections=(Section("What it uses", _imports(used, experiment, dataset)), *sections),
    )


def _test(experiment: Experiment, dataset: Dataset) -> str:
    """What Keras measures, and the first figure of the task where that is not among it."""
    given = ["x_test", "y_test"]
    if stays_on_disk(dataset):
        given = [batches_of(dataset, "test")]
    lines = [f"test = model.evaluate({', '.join(given)}, verbose=0, return_dict=True)"]
    predicted = f"model.predict({given[0]}, verbose=0)"
    if dataset.task == "multi_label":
        middle = "0" if experiment.loss.get("from_logits") else "0.5"
        lines.append(f'test["exact_match"] = float((({predicted} > {middle}) == y_test).all(axis=1).mean())')
    if dataset.task == "regression" and all(metric.name != "mean_absolute_error" for metric in experiment.metrics):
        lines.append(f'test["mean_absolute_error"] = float(np.abs({predicted} - y_test).mean())')
    return "\n".join([*lines, "for name, value in test.items():", '    print(f"test {name}: {value:.4f}")'])


def _notes(run: RunRecord, experiment: Experiment, dataset: Dataset) -> Iterator[str]:
    if experiment.description:
        yield " ".join(experiment.description.split())
    name = in_words(run.headline)
    value, interval = run.test.get(run.headline), run.test_intervals.get(run.headline)
    if value is not None and interval:
        low, high = interval
        yield f"The run's test {name} was {value:.4f} (95 % interval {low:.4f} to {high:.4f})."
    differs = ["Keras puts the training examples into batches in another order, and draws other random numbers"]
    if isinstance(experiment.validation, float) and experiment.train_size == "none":
        alike = ", as many of each class" if dataset.task == "classification" else ""
        differs.append(f"scikit-learn holds out other examples{alike}")
    yield f"The program does what the run did, to the same {name} but not the same digits: {'; '.join(differs)}."
    if experiment.train_size != "none":
        yield "It is trained on the very examples that the run was, of which there are fewer than the data have."
    if isinstance(dataset.origin, OwnFiles):
        yield "It is tested on the very examples that the run was. The paths are those of the run: give your own."
        if dataset.streamed and not stays_on_disk(dataset):
            yield "The run read its examples from disk as they were needed; the program has all of them in memory."
    if isinstance(dataset.origin, Files):
        yield f"Keras downloads {dataset.title} when it is first asked for."


def _imports(code: str, experiment: Experiment, dataset: Dataset) -> str:
    standard = [line for used, line in _STANDARD.items() if used in code]
    lines = ["import keras", *(line for used, line in _PACKAGES.items() if used in code)]
    if isinstance(dataset.origin, Bundled):
        lines.append(f"from sklearn.datasets import {dataset.origin.loader}")
    for module, names in _SKLEARN.items():
        if used := [name for name in names if f"{name}(" in code]:
            lines.append(f"from sklearn.{module} import {', '.join(used)}")
    gap = [""] if standard else []
    return "\n".join([*standard, *gap, *lines, "", f"keras.utils.set_random_seed({experiment.seed})"])


_STANDARD = {
    "gzip.": "import gzip",
    "math.": "import math",
    "struct.": "import struct",
    "Path(": "from pathlib import Path",
}
_PACKAGES = {
    "np.": "import numpy as np",
    "pd.": "import pandas as pd",
    "ImageOps.": "from PIL import Image, ImageOps",
    "= Image.open(": "from PIL import Image",
}
_SKLEARN = {
    "compose": ("make_column_transformer",),
    "impute": ("SimpleImputer",),
    "model_selection": ("GroupShuffleSplit", "train_test_split"),
    "preprocessing": ("OneHotEncoder",),
}


def _data(experiment: Experiment, dataset: Dataset) -> str:
    lines = list(_loading(dataset))
    validation = experiment.validation
    if experiment.train_size != "none":
        lines += fewer(experiment, dataset, weighs=weighs_examples(dataset))
    elif isinstance(validation, float):
        held_out = round(dataset.train_size * validation)
        enough = min(held_out, dataset.train_size - held_out) >= len(dataset.classes)
        weights = ["weights"] if weighs_examples(dataset) else []
        arguments = ["x_train", "y_train", *weights, f"test_size={validation!r}"]
        arguments += ["stratify=y_train"] if enough and dataset.task == "classification" else []
        made = "x_train, x_val, y_train, y_val" + (", weights, _" if weights else "")
        lines.append(call(f"{made} = train_test_split", [*arguments, f"random_state={experiment.seed}"]))
    lines += [*_class_weight(experiment, dataset), *_targets(experiment, dataset)]
    lines += [batches_class(dataset, experiment.batch_size)] if stays_on_disk(dataset) else []
    return "\n".join(lines)


def _loading(dataset: Dataset) -> Iterator[str]:
    match dataset.origin:
        case Bundled(loader, options):
            shape = f".reshape(-1, {', '.join(map(str, dataset.shape))})" if len(dataset.shape) > 1 else ""
            is_classes = dataset.task == "classification"
            target = "data.target" if is_classes else 'data.target.astype("float32").reshape(len(data.target), -1)'
            stratify = "stratify=y, " if is_classes else ""
            yield f"data = {call(loader, [f'{name}={value!r}' for name, value in options.items()])}"
            yield f'x, y = data.data.astype("float32"){shape}, {target}'
            yield f"x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, {stratify}random_state=0)"
        case Files():
            yield f"(x_train, y_train), (x_test, y_test) = keras.datasets.{dataset.name}.load_data()"
        case OwnFiles():
            yield from loading(dataset, dataset.origin)


def _class_weight(experiment: Experiment, dataset: Dataset) -> Iterator[str]:
    """How much each label counts in training."""
    given = experiment.class_weight
    if given == "balanced":
        yield "counts = np.bincount(y_train.ravel())"
        sums = "len(counts) * counts"
        if experiment.train_size != "none":  # which may leave none of a class
            sums = "np.count_nonzero(counts) * np.maximum(counts, 1)"
        yield f"class_weight = dict(enumerate(len(y_train) / ({sums})))  # all classes count the same"
    elif not isinstance(given, str):
        weights = {label: given[name] for label, name in enumerate(dataset.classes) if name in given}
        yield f"class_weight = {weights}  # by label, 1 for the others"
    if given != "none" and weighs_examples(dataset):  # Keras takes one of both
        yield "weights = weights * np.array([class_weight.get(label, 1.0) for label in y_train])"


def _targets(experiment: Experiment, dataset: Dataset) -> Iterator[str]:
    """Labels as the loss takes them, for each part of the data."""
    if dataset.task != "classification" or experiment.loss.name.startswith("sparse_"):
        return
    single = experiment.layers[output_of(experiment.layers).index].get("units") == 1
    for name in ("y_train", *(["y_val"] if isinstance(experiment.validation, float) else []), "y_test"):
        if single:
            yield f'{name} = {name}.astype("float32").reshape(-1, 1)'
        else:
            yield f"{name} = keras.utils.to_categorical({name}, {len(dataset.classes)})"


def _normalization(experiment: Experiment, dataset: Dataset) -> tuple[list[str], str | None]:
    """What is found out of the training examples, and the layer."""
    axes = ", ".join(map(str, range(1, len(dataset.shape) + 1)))
    axis = f"axis=({axes})" if len(dataset.shape) > 1 else "axis=1"
    match experiment.normalization.name:
        case "none":
            return [], None
        case "divide_by_255":
            return [], "keras.layers.Rescaling(1 / 255)"
        case "l2":
            return [], f"keras.layers.UnitNormalization({axis})"
        case "standardize" if stays_on_disk(dataset):
            some = read(dataset, file_of(dataset, "train"), "some")
            found = [
                pieces(dataset),
                f'mean = sum({some}.sum(axis=0, dtype="float64") for some in pieces) / len(x_train)',
                f"variance = sum((({some} - mean) ** 2).sum(axis=0) for some in pieces) / len(x_train)",
                "variance[variance == 0] = 1  # what is always the same becomes 0",
            ]
            return found, f"keras.layers.Normalization({axis}, mean=mean, variance=variance)"
        case "standardize":
            found = ['mean = x_train.mean(axis=0, dtype="float64")', 'variance = x_train.var(axis=0, dtype="float64")']
            constant = "variance[np.ptp(x_train, axis=0) == 0] = 1  # what is always the same becomes 0"
            return [*found, constant], f"keras.layers.Normalization({axis}, mean=mean, variance=variance)"
        case "min_max" if stays_on_disk(dataset):
            some = read(dataset, file_of(dataset, "train"), "some")
            found = [
                pieces(dataset),
                f'low = np.min([{some}.min(axis=0) for some in pieces], axis=0).astype("float64")',
                f"span = np.max([{some}.max(axis=0) for some in pieces], axis=0) - low",
                "span[span == 0] = 1  # what is always the same becomes 0",
            ]
            return found, f"keras.layers.Normalization({axis}, mean=low, variance=span**2)"
        case "min_max":
            found = ['low = x_train.min(axis=0).astype("float64")', "span = x_train.max(axis=0) - low"]
            constant = "span[span == 0] = 1  # what is always the same becomes 0"
            return [*found, constant], f"keras.layers.Normalization({axis}, mean=low, variance=span**2)"
    raise AssertionError(experiment.normalization)


def _model(experiment: Experiment, dataset: Dataset) -> str:
    lines, normalization = _normalization(experiment, dataset)
    shape = f"keras.Input(shape=({', '.join(map(str, dataset.shape))}{',' * (len(dataset.shape) == 1)}))"
    if any(map(_joins, experiment.layers)):
        lines += [f"raw = {shape}", f"x = {normalization}(raw)" if normalization else "x = raw"]
        lines += [*_connected(experiment.layers), "model = keras.Model(raw, x)"]
    else:
        stack = [expression(layer, "layers") for layer in experiment.layers]
        lines.append(f"model = keras.Sequential({listed([shape, *filter(None, [normalization]), *stack])})")
    compiled = [
        f"optimizer={expression(experiment.optimizer, 'optimizers')}",
        f"loss={expression(experiment.loss, 'losses')}",
        f"metrics={listed(expression(metric, 'metrics') for metric in experiment.metrics)}",
    ]
    return "\n".join([*lines, call("model.compile", compiled), "model.summary()"])


def _joins(layer: Entry) -> bool:
    """Whether a layer is more than the next one in a stack."""
    return bool(layer.get("inputs")) or _gives_state(layer) or layer.name in _ATTENTION | _LIST_ATTENTION


def _gives_state(layer: Entry) -> bool:
    """Whether a layer, or the one that it wraps, gives its state after its output."""
    inner = layer.get("layer")
    return bool(layer.get("return_state")) or (isinstance(inner, Entry) and _gives_state(inner))


def _connected(layers: Sequence[Entry]) -> Iterator[str]:
    """The layers as calls; the output of one that a later one names is kept in a variable."""
    wanted = {name for layer in layers for name in layer.get("inputs", ())}
    variables = {"input": "input_out"}
    if "input" in wanted:
        yield "input_out = x"
    for number, layer in enumerate(layers, 1):
        given = [variables[name] for name in layer.get("inputs", ())] or ["x"]
        if layer.name in _ATTENTION | _LIST_ATTENTION and len(given) == 1:
            given *= 2
        together = ", ".join(given) if len(given) == 1 or layer.name in _ATTENTION else f"[{', '.join(given)}]"
        yield f"x = {expression(layer, 'layers')}({together}){'[0]' if _gives_state(layer) else ''}"
        if (name := layer.get("name")) in wanted:
            # The program has no other variables of these forms.
            variables[name] = f"{name}_out" if name.isascii() and f"{name}_out".isidentifier() else f"out_{number}"
            yield f"{variables[name]} = x"


def _training(experiment: Experiment, dataset: Dataset) -> str:
    conditions = [
        condition.parse(entry.parameters["condition"]) for entry in experiment.callbacks if entry.name == "stop_when"
    ]
    callbacks = [expression(entry, "callbacks") for entry in experiment.callbacks if entry.name != "stop_when"]
    arguments = ["x_train", "y_train", f"batch_size={experiment.batch_size}"]
    watched = "test" if experiment.validation == "test" else "val"
    held_out = f"(x_{watched}, y_{watched})"
    if stays_on_disk(dataset):
        arguments, held_out = [batches_of(dataset, "train", "shuffle=True")], batches_of(dataset, watched)
    arguments.append(f"epochs={experiment.epochs}")
    if experiment.validation != "none":
        arguments.append(f"validation_data={held_out}")
    if conditions:
        callbacks.insert(0, "StopWhen()")
    if weighs_examples(dataset):
        arguments.append("sample_weight=weights")
    elif experiment.class_weight != "none":
        arguments.append("class_weight=class_weight")
    if callbacks:
        arguments.append(f"callbacks={listed(callbacks)}")
    fit = call("model.fit", [*arguments, "verbose=2"])
    return f"{_stop_when(conditions)}{fit}"


def _stop_when(conditions: Sequence[condition.Condition]) -> str:
    if not conditions:
        return ""
    tests = [f'logs["{each.metric}"] {each.comparison} {each.threshold!r}' for each in conditions]
    return f'''\
class StopWhen(keras.callbacks.Callback):
    """Stops after the first epoch at whose end {" or ".join(map(str, conditions))}."""

    def on_epoch_end(self, epoch, logs=None):
        if {" or ".join(tests)}:
            self.model.stop_training = True


'''


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return html.escape(text, quote=False)


def _cell(kind: str, name: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell
