"""Data and training: what the config says of them against the dataset and this machine."""

from __future__ import annotations

from collections.abc import Iterator

from nnexp import machine
from nnexp.config import memory
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.data.datasets import Dataset
from nnexp.data.splits import wanted
from nnexp.errors import Problem
from nnexp.findings import Finding
from nnexp.preflight.places import called, place_of
from nnexp.preflight.tokens import MOVES

_RESCALES = frozenset(
    {
        "batch_normalization",
        "embedding",  # takes raw whole numbers
        "group_normalization",
        "layer_normalization",
        "normalization",
        "rescaling",
        "rms_normalization",
        "unit_normalization",
    }
)
_DISTURB = frozenset({"aug_mix", "cut_mix", "gaussian_noise", "mix_up", "rand_augment"})  # and dropout, random_flip …
_LARGE = 20.0  # far beyond it, the first layer's sums saturate or explode

_SMALL_RATES = (1e-5, 1e-3, 1e-2)  # least, typical, most
_LARGE_RATES = (1e-4, 1e-2, 1.0)
_USUAL_RATES = {
    **dict.fromkeys(("adam", "adamax", "adamw", "lamb", "lion", "muon", "nadam", "rmsprop"), _SMALL_RATES),
    **dict.fromkeys(("adagrad", "ftrl", "sgd"), _LARGE_RATES),
}


def memory_problems(
    experiment: Experiment, dataset: Dataset, total: int, trainable: int, values: int
) -> Iterator[Problem]:
    """That a model cannot be held in this machine's memory, by its weights and by the values of its largest output.

    Public for models whose shapes only Keras knows. What is counted is the least that any training needs.
    """
    here = machine.memory()
    weights = memory.of_weights(experiment, total, trainable)
    batch = min(experiment.batch_size, trained_on(experiment, dataset))
    outputs = memory.of_batch(batch, values)
    if weights > here:
        message = f"the model has {total:,} weights: to train them with {experiment.optimizer.name} takes at least "
        message += f"{machine.written(weights)} of memory, and this machine has {machine.written(here)}"
        yield Problem(place_of(experiment, "layers"), message, "make its layers smaller")
    elif weights + outputs > here:
        message = f"one layer makes {values:,} values of each example, and a batch has {batch:,}: this takes at least "
        message += f"{machine.written(weights + outputs)} of memory, and this machine has {machine.written(here)}"
        yield Problem(place_of(experiment, "layers"), message, "make that layer smaller, or `batch_size`")


def validation_problems(experiment: Experiment, dataset: Dataset) -> Iterator[Problem]:
    """That the part held out for validation leaves examples on both sides."""
    held_out = _held_out(experiment, dataset)
    if isinstance(experiment.validation, float) and not 0 < held_out < dataset.train_size:
        message = (
            f"validation {experiment.validation:g} holds out {held_out} of {dataset.train_size:,} training examples"
        )
        yield Problem(
            place_of(experiment, "validation"), message, "both parts need examples, as with `validation: 0.1`"
        )


def train_size_problems(experiment: Experiment, dataset: Dataset) -> Iterator[Problem]:
    """That there are as many training examples as are asked for, and that a fraction of them is at least one."""
    left = dataset.train_size - _held_out(experiment, dataset)
    size, count = experiment.train_size, trained_on(experiment, dataset)
    if left < 1 or size == "none" or 0 < count <= left:  # of the first tells the check of `validation`
        return
    are_left = f"{left:,} training examples" + (" that validation leaves" if left < dataset.train_size else "")
    if isinstance(size, int):
        message, hint = f"train_size {size:,} is more than the {are_left}", f"write at most {left}, or `none` for all"
    else:
        message, hint = f"train_size {size:g} takes 0 of the {are_left}", "write a larger fraction, such as 0.1"
    yield Problem(place_of(experiment, "train_size"), message, hint)


def trained_on(experiment: Experiment, dataset: Dataset) -> int:
    """How many examples an epoch goes through, by the config and the dataset's description."""
    return wanted(experiment.train_size, dataset.train_size - _held_out(experiment, dataset))


def _held_out(experiment: Experiment, dataset: Dataset) -> int:
    """How many training examples the validation fraction takes."""
    return round(dataset.train_size * experiment.validation) if isinstance(experiment.validation, float) else 0


def input_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    """Of raw values that training hardly bears."""
    low, high = dataset.value_range
    first = next((layer.name for layer in experiment.layers if layer.name not in MOVES), "")
    if experiment.normalization.name == "none" and max(abs(low), abs(high)) > _LARGE and first not in _RESCALES:
        message = f"The raw input of {dataset.name} ranges from {low:g} to {high:g}, and nothing rescales it: "
        message += "training may not converge, or diverge at once."
        evidence = {"value_range": [low, high], "normalization": "none"}
        yield Finding("raw_input", "warning", message, f"Set `normalization: {dataset.usual_normalization}`.", evidence)


def augmentation_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    """Of layers that change pictures and take their values to be in another range than they are: they destroy them."""
    name = experiment.normalization.name
    low, high = dataset.value_range
    ranges = {"none": (low, high), "divide_by_255": (low / 255, high / 255), "min_max": (0.0, 1.0)}
    here = ranges.get(name)
    for index, layer in enumerate(experiment.layers):
        told = layer.get("value_range")
        if told is not None and len(told) == 2 and here != (told[0], told[1]):  # Keras refuses another length itself
            message = f"{called(experiment, index)} takes pictures to have values from {told[0]:g} to {told[1]:g}, but "
            message += f"after `normalization: {name}` they "
            message += f"go from {here[0]:g} to {here[1]:g}." if here else "are in no fixed range."
            suggestion = f"Set `value_range: [{here[0]:g}, {here[1]:g}]`." if here else ""
            suggestion = suggestion or "Set `normalization: divide_by_255` and `value_range: [0, 1]`."
            evidence = {"layer": index + 1, "value_range": list(told), "normalization": name}
            yield Finding("value_range", "warning", message, suggestion, evidence)
        if told is None and not layer.name.startswith("random_") and layer.name not in MOVES:
            return  # from here on the values are others


def training_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    """Of an unusual learning rate, a batch larger than the data, too few of these, and validation on the test part."""
    optimizer = experiment.optimizer.name
    rate = _learning_rate(experiment.optimizer)
    if rate is not None and optimizer in _USUAL_RATES:
        low, typical, high = _USUAL_RATES[optimizer]
        if not low <= rate <= high:
            side = "above" if rate > high else "below"
            message = f"The learning rate {rate:g} is {side} what is usual for {optimizer}: {low:g} to {high:g}."
            evidence = {"optimizer": optimizer, "learning_rate": rate, "usual": [low, high]}
            yield Finding("unusual_learning_rate", "warning", message, f"Try {typical:g}.", evidence)
    examples = trained_on(experiment, dataset)
    if experiment.batch_size > examples > 0:
        message = f"The batch_size {experiment.batch_size} is larger than the training set of {examples} examples: "
        message += "an epoch is a single step."
        evidence = {"batch_size": experiment.batch_size, "examples": examples}
        yield Finding("large_batch", "warning", message, "Set a smaller batch_size, such as 32.", evidence)
    classes = len(dataset.classes)
    if experiment.train_size != "none" and dataset.task == "classification" and 0 < examples < classes:
        message = f"The train_size leaves {examples} examples of {classes} classes: the others are never seen in "
        message += "training."
        evidence = {"examples": examples, "classes": classes}
        suggestion = f"Set a train_size of at least {classes}; ten times as many would be better."
        yield Finding("classes_without_examples", "warning", message, suggestion, evidence)
    if experiment.validation == "test":
        message = f"The {dataset.test_size:,} test examples are used for validation: choices made on them spoil the "
        message += "test figure."
        suggestion = "Set `validation: 0.1`: that part of the training set is held out instead."
        yield Finding("validation_on_test", "warning", message, suggestion, {"test_size": dataset.test_size})


def only_in_training(experiment: Experiment) -> list[str]:
    """The kinds of layers that disturb what goes through them in training alone; with a rate of 0 they do not."""
    kinds = []
    for layer in experiment.layers:
        is_such = "dropout" in layer.name or layer.name.startswith("random_") or layer.name in _DISTURB
        is_off = 0 in (layer.get("rate"), layer.get("stddev"))
        if is_such and not is_off:
            kinds.append(layer.name)
        elif layer.get("dropout") or layer.get("recurrent_dropout"):
            kinds.append("dropout")
    return list(dict.fromkeys(kinds))


def against_overfitting(experiment: Experiment) -> list[str]:
    """What the config does already against overfitting, by the names by which a finding would advise it."""
    kept = [one for one in experiment.callbacks if one.name == "early_stopping" and one.get("restore_best_weights")]
    drops = [kind for kind in only_in_training(experiment) if "dropout" in kind]
    penalties = [
        name
        for layer in experiment.layers
        for name, value in layer.parameters.items()
        if name.endswith("_regularizer") and value is not None
    ]
    decay = experiment.optimizer.get("weight_decay")  # as l2 is, of all weights
    has = {"early_stopping": kept, "dropout": drops, "l2": penalties or decay}
    return [name for name, found in has.items() if found]


def _learning_rate(optimizer: Entry) -> float | None:
    """The rate, or the highest that a schedule starts from; None where it cannot be read."""
    rate = optimizer.get("learning_rate")
    if isinstance(rate, Entry):
        start = [rate.get("warmup_target"), rate.get("initial_learning_rate"), *(rate.get("values") or ())]
        rate = max((value for value in start if isinstance(value, (int, float))), default=None)
    return float(rate) if isinstance(rate, (int, float)) else None
