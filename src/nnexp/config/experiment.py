"""The experiment: what one YAML file describes, complete and validated."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnexp.config import catalog, condition
from nnexp.config.dataset import read_dataset
from nnexp.config.entries import Problems, complete, read_entries, read_entry
from nnexp.config.grammar import Entry, plain
from nnexp.config.keys import DISTRIBUTIONS, ENGINES, GUESSED, MAKE_A_SWEEP, SWEEP_KEYS, SWEEP_OPTIONS
from nnexp.config.loading import Node, dump, kind_of, read_config, shortened, unquoted
from nnexp.config.outputs import PROBABILITIES, output_of
from nnexp.config.overrides import Override, apply
from nnexp.config.parting import TrainSize, Validation, read_train_size, read_validation
from nnexp.config.paths import LONGEST_NAME, PATH_PARAMETERS, path_problem
from nnexp.config.tracking import read_track
from nnexp.config.weights import read_class_weights
from nnexp.data.datasets import DATASETS, Dataset
from nnexp.data.normalization import NORMALIZATIONS
from nnexp.data.own.kinds import KINDS
from nnexp.errors import ConfigError, Place, Problem
from nnexp.tasks import Task

# How a run is done or called, not what it computes: out of the identity.
_NOT_IDENTITY = ("name", "description", "engine", "distribute", "threads", "checkpoint", "track")
_NOT_IN_NAMES = frozenset('/\\:*?"<>|%\0\n\r\t')
_MOST_ENTRIES = 200  # in a list of layers, metrics or callbacks
# What is measured besides the loss where the config does not say.
_METRICS: Mapping[Task, str] = {
    "classification": "accuracy",
    "multi_label": "binary_accuracy",
    "regression": "mean_absolute_error",
}


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment with every default filled in. Entries carry all parameters whose Keras default is not None."""

    name: str
    description: str
    dataset: Entry
    normalization: Entry
    layers: tuple[Entry, ...]
    loss: Entry
    metrics: tuple[Entry, ...]
    class_weight: str | Mapping[str, float]  # none, balanced, or by class; 1 where it is not given
    optimizer: Entry
    batch_size: int
    epochs: int
    callbacks: tuple[Entry, ...]
    validation: Validation
    train_size: TrainSize
    seed: int
    on_divergence: str
    engine: str
    distribute: str  # none, or mirrored: on all devices of this machine
    threads: int | None  # None: as many as this process may use
    checkpoint: bool | int  # True: at each epoch's end; N: every N epochs; False: never
    track: tuple[Entry, ...]  # the trackers that are told of it
    # Where each part was written, for messages: ("layers", 2) or ("optimizer",) -> file:line:column.
    places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict, compare=False, repr=False)

    def plain(self) -> dict[str, Any]:
        """The whole experiment as plain data, in the order of a config; reading it back gives the same experiment.

        `train_size` is there where one is set.
        """
        said = {key: plain(getattr(self, key)) for key in FIELDS}
        if not isinstance(self.checkpoint, bool):
            said["checkpoint"] = f"every {self.checkpoint}"
        if self.train_size == "none":  # as runs have it that were made before there was such a key
            del said["train_size"]
        return said

    def yaml(self) -> str:
        """The whole experiment as a config file."""
        return dump(self.plain())

    @property
    def identity(self) -> str:
        """A hash of all that affects the result, 16 hex digits. Engine, devices and threads are recorded beside it."""
        import hashlib
        import json

        content = {key: value for key, value in self.plain().items() if key not in _NOT_IDENTITY}
        if known := KINDS.get(self.dataset.name):
            # Own data are known by their SHA-256, wherever they lie, and however they are read.
            about = {
                name: value
                for name, value in self.dataset.parameters.items()
                if known[name].type not in ("path", "stream")
            }
            content["dataset"] = {self.dataset.name: plain(about)}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def load_experiment(path: Path, overrides: Sequence[Override] = ()) -> Experiment:
    """Read, override and validate one config.

    Raises:
        ConfigError: with all that is wrong, each problem with its place.
    """
    config = read_config(path)
    if is_sweep(config):
        what = "this is a sweep file, which describes many runs, not one"
        raise ConfigError([Problem(Place(str(path)), what, f"run it with  nnexp sweep {path}")])
    return parse_experiment(apply(config, overrides), name=path.stem)


def is_sweep(config: Node) -> bool:
    """Whether a file is a sweep file, and not an experiment."""
    given = config.value.keys() if isinstance(config.value, dict) else set()
    of_one = not given.isdisjoint(("dataset", "layers"))
    return not given.isdisjoint(MAKE_A_SWEEP if of_one else set(SWEEP_KEYS) - FIELDS.keys())


def can_name_a_folder(name: str) -> bool:
    """Whether a name can stand in the name of a run folder, on any system."""
    return bool(name.strip()) and not set(name) & _NOT_IN_NAMES and not name.startswith(".") and name.isprintable()


def as_folder_name(text: str) -> str:
    """The text with what no folder's name may hold made `_`."""
    return (
        "".join("_" if sign in _NOT_IN_NAMES or not sign.isprintable() else sign for sign in text.lstrip(".")) or "run"
    )


def parse_experiment(config: Node, name: str) -> Experiment:
    """Validate a config and fill in its defaults; `name` is used where the config gives none.

    Raises:
        ConfigError: with all that is wrong, in the order of the file.
    """
    assert isinstance(config.value, dict)
    problems = Problems(config.problems)
    for key, place in config.keys.items():
        if key in SWEEP_KEYS and key not in FIELDS:
            option = f", or:  nnexp sweep {place.source} --{key} …" if key in SWEEP_OPTIONS else ""
            several = f"did you mean '{key}s'? else " if f"{key}s" in FIELDS else ""
            problems.add(place, f"'{key}' is a key of sweep files", f"{several}write it in one, beside `base`{option}")
        elif key not in FIELDS:
            near = catalog.nearest(GUESSED.get(key, key), FIELDS)
            hint = f"did you mean '{near}'? " if near else ""
            problems.add(place, f"unknown key '{key}'", f"{hint}allowed: {', '.join(FIELDS)}")
    reader = _Reader(config, name, problems)
    values = {key: read(reader) for key, read in FIELDS.items()}
    if problems.found:
        raise ConfigError(sorted(problems.found, key=_in_file_order))
    return Experiment(**values, places=reader.places)


class _Reader:
    """Reads one key after the other; earlier ones decide the defaults of later ones."""

    def __init__(self, config: Node, name: str, problems: Problems) -> None:
        assert isinstance(config.value, dict)
        self.nodes = {key: node for key, node in config.value.items() if node.value is not None}
        self.keys = config.keys
        self.root = Place(config.place.source)
        self.default_name = as_folder_name(name)
        self.problems = problems
        self.places: dict[tuple[str | int, ...], Place] = {}
        self.described: Dataset | None = None
        self.layers: tuple[Entry, ...] = ()

    def node(self, key: str) -> Node | None:
        node = self.nodes.get(key)
        self.places[(key,)] = node.place if node else self.root
        return node

    def name(self) -> str:
        name = self.text("name", self.default_name)
        if "name" in self.nodes and not can_name_a_folder(name):
            hint = "use letters, digits, _ and -"
            self.problems.add(self.nodes["name"].place, f"{kind_of(self.nodes['name'])} cannot name a folder", hint)
        elif len(name.encode(errors="replace")) > LONGEST_NAME:
            place = self.places["name",]
            self.problems.add(place, f"the name is longer than {LONGEST_NAME} bytes", "give a shorter `name`")
        return name

    def text(self, key: str, default: str) -> str:
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node.value, str):
            return node.value
        hint = "write it in one line" if isinstance(node.value, (dict, list)) else "put it in quotes"
        self.problems.add(node.place, f"{key} is text, not {kind_of(node)}", hint)
        return default

    def whole(self, key: str, default: int | None, minimum: int, maximum: int = 2**31 - 1) -> int | None:
        node = self.node(key)
        if node is None:
            return default
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        limits = f"of at least {minimum}" if maximum == 2**31 - 1 else f"from {minimum} to {maximum}"
        message = f"{key} must be a whole number {limits}, not {kind_of(node)}"
        self.problems.add(node.place, message, unquoted(node))
        return default

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        node = self.node(key)
        if node is None:
            return default
        value = node.value
        if isinstance(value, str) and value in allowed:
            return value
        near = catalog.nearest(value, allowed) if isinstance(value, str) else None
        hint = f"did you mean '{near}'? " if near else ""
        self.problems.add(node.place, f"unknown {key}: {kind_of(node)}", f"{hint}allowed: {', '.join(allowed)}")
        return default

    def dataset(self) -> Entry:
        if "dataset" not in self.nodes:
            self.problems.add(
                self.keys.get("dataset", self.root), "the config has no 'dataset'", f"one of: {', '.join(DATASETS)}"
            )
            return Entry("")
        node = self.node("dataset")
        assert node is not None
        entry, self.described = read_dataset(node, self.problems)
        return entry

    def normalization(self) -> Entry:
        if self.begins_with_embedding():
            default = "none"  # tokens are looked up as they are
        elif self.described is None or self.described.value_range == (0, 255):
            default = "divide_by_255"
        else:
            default = "standardize"
        return Entry(self.choice("normalization", default, tuple(NORMALIZATIONS)))

    def begins_with_embedding(self) -> bool:
        layers = self.nodes["layers"].value if "layers" in self.nodes else None
        first = layers[0].value if isinstance(layers, list) and layers else None
        name = next(iter(first), None) if isinstance(first, dict) else first
        return isinstance(name, str) and name.lower() == "embedding"

    def layer_stack(self) -> tuple[Entry, ...]:
        self.layers = self.entries("layers", "layers", ())
        if "layers" not in self.nodes or self.nodes["layers"].value == []:
            hint = "such as\n  layers:\n    - flatten\n    - dense: {units: 10, activation: softmax}"
            self.problems.add(self.keys.get("layers", self.root), "the config has no 'layers'", hint)
        self.names_of_inputs()
        return self.layers

    def names_of_inputs(self) -> None:
        known = {"input"}
        for index, layer in enumerate(self.layers):
            for name in layer.get("inputs", ()):
                if name not in known:
                    place = self.places["layers", index]
                    near = catalog.nearest(name, known)
                    hint = f"did you mean '{near}'? " if near else ""
                    hint += "give the earlier layer a `name` and list that"
                    self.problems.add(place, f"{layer.name}: no earlier layer is named '{shortened(name)}'", hint)
            name = layer.get("name")
            if name in known:
                self.problems.add(
                    self.places["layers", index], f"two layers are named '{shortened(name)}'", "rename one"
                )
            elif name:
                known.add(name)

    def loss(self) -> Entry:
        node = self.node("loss")
        if node is not None:
            return read_entry(node, "losses", self.problems) or Entry("")
        if self.task == "regression":
            return complete("mean_squared_error", "losses")
        output = output_of(self.layers)
        probabilities = bool(output.activations) and output.activations[-1] in PROBABILITIES
        two_classes = self.described is not None and len(self.described.classes) == 2
        single = bool(self.layers) and self.layers[output.index].get("units") == 1
        binary = self.task == "multi_label" or (two_classes and single)
        entry = complete("binary_crossentropy" if binary else "sparse_categorical_crossentropy", "losses")
        return Entry(entry.name, {**entry.parameters, "from_logits": not probabilities})

    def metrics(self) -> tuple[Entry, ...]:
        return self.entries("metrics", "metrics", (complete(_METRICS[self.task], "metrics"),))

    @property
    def task(self) -> Task:
        return self.described.task if self.described else "classification"

    def class_weight(self) -> str | Mapping[str, float]:
        node = self.node("class_weight")
        if node is not None and self.task != "classification" and node.value != "none":
            hint = "remove it; own data may have a `weight_column`, which weighs each example"
            self.problems.add(node.place, "class_weight is for classes, and these data have none", hint)
            return "none"
        if node is None or not isinstance(node.value, dict):
            return self.choice("class_weight", "none", ("none", "balanced"))
        return read_class_weights(node, self.described.classes if self.described else (), self.problems)

    def optimizer(self) -> Entry:
        node = self.node("optimizer")
        if node is None:
            return complete("adam", "optimizers")
        return read_entry(node, "optimizers", self.problems) or Entry("")

    def callbacks(self) -> tuple[Entry, ...]:
        entries = self.entries("callbacks", "callbacks", ())
        for index, entry in enumerate(entries):
            place = self.places.get(("callbacks", index), self.root)
            if entry.name == "stop_when" and isinstance(text := entry.get("condition"), str):
                try:
                    condition.parse(text)
                except condition.NoCondition as error:
                    self.problems.add(place, f"stop_when: {error}", condition.ALLOWED)
            if entry.name == "model_checkpoint" and isinstance(path := entry.get("filepath"), str):
                ending = ".weights.h5" if entry.get("save_weights_only") else ".keras"
                if not path.endswith(ending):
                    message = f"model_checkpoint: Keras wants a filepath that ends in {ending}, not '{shortened(path)}'"
                    self.problems.add(place, message, f"such as filepath: best{ending}")
            if entry.name == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
                hint = "get it with  pip install 'nnexp[tensorboard]'"
                self.problems.add(place, "the callback tensorboard needs the package tensorboard", hint)
            for parameter in PATH_PARAMETERS:
                value = entry.get(parameter)
                if isinstance(value, str) and (wrong := path_problem(parameter, value)):
                    self.problems.add(place, f"{entry.name}: {wrong[0]}", wrong[1])
        return entries

    def checkpoint(self) -> bool | int:
        node = self.node("checkpoint")
        if node is None:
            return True
        if isinstance(node.value, bool):
            return node.value
        if isinstance(node.value, str) and (every := re.fullmatch(r"every +([1-9][0-9]{0,8})", node.value)):
            return int(every[1])
        hint = "allowed: true (at each epoch's end), false, or every N, such as  checkpoint: every 5"
        self.problems.add(node.place, f"checkpoint cannot be {kind_of(node)}", hint)
        return True

    def entries(self, key: str, kind: str, default: tuple[Entry, ...]) -> tuple[Entry, ...]:
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node.value, list) and len(node.value) > _MOST_ENTRIES:
            self.problems.add(
                node.place, f"{len(node.value):,} {key}: at most {_MOST_ENTRIES} can be given", "leave some out"
            )
            return default
        found = read_entries(node, kind, self.problems)
        for index, (_, place) in enumerate(found):
            self.places[key, index] = place
        return tuple(entry or Entry("") for entry, _ in found)


# Every key of a config, in the order in which it is read and written out. A new key is a line here, a field above and
# its description in schema.py.
FIELDS: dict[str, Callable[[_Reader], Any]] = {
    "name": _Reader.name,
    "description": lambda reader: reader.text("description", ""),
    "dataset": _Reader.dataset,
    "normalization": _Reader.normalization,
    "layers": _Reader.layer_stack,
    "loss": _Reader.loss,
    "metrics": _Reader.metrics,
    "class_weight": _Reader.class_weight,
    "optimizer": _Reader.optimizer,
    "batch_size": lambda reader: reader.whole("batch_size", 32, 1),
    "epochs": lambda reader: reader.whole("epochs", 10, 1),
    "callbacks": _Reader.callbacks,
    "validation": lambda reader: read_validation(reader.node("validation"), reader.problems),
    "train_size": lambda reader: read_train_size(reader.node("train_size"), reader.problems),
    "seed": lambda reader: reader.whole("seed", 42, 0, 2**32 - 1),
    "on_divergence": lambda reader: reader.choice("on_divergence", "stop", ("stop", "continue")),
    "engine": lambda reader: reader.choice("engine", "auto", ENGINES),
    "distribute": lambda reader: reader.choice("distribute", "none", DISTRIBUTIONS),
    "threads": lambda reader: reader.whole("threads", None, 1, 1024),
    "checkpoint": _Reader.checkpoint,
    "track": lambda reader: read_track(reader.node("track"), reader.problems),
}


def _in_file_order(problem: Any) -> tuple[bool, int, int]:
    return (problem.place.line is None, problem.place.line or 0, problem.place.column or 0)
