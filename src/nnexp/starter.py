"""A config to start from, made from a look at the data: commented, and good as it is."""

from __future__ import annotations

import json
import math
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import events
from nnexp.data.balance import counts, far_commonest
from nnexp.data.dataset import OwnFiles
from nnexp.data.datasets import DATASETS, Dataset, describe, load
from nnexp.data.own.files import labelled_by, stored_in
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.own.repeats import repeats_in, told_of
from nnexp.errors import Amiss, InputError
from nnexp.runs.reading import printable
from nnexp.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

A_SWEEP = "--hidden 16,64 --repeats 5"  # a first one to try
EXAMPLE = "fashion_mnist"  # where there are no data to start from
_USUAL_TARGETS = ("target", "label", "class", "y", "species", "category", "kind", "type")
_ENDINGS = {"csv": (".csv",), "parquet": (".parquet",), "npz": (".npz",)}
_KINDS = (*_ENDINGS, "npy", "idx", "images")
_WIDTH = 60  # of a line: a narrow terminal shows it whole
_TIED = "\0"  # in place of a space that breaks no line: no printable text has it
_FEW = 20_000  # examples: with fewer, more passes and smaller batches
_FEW_BATCH = 16
_STEPS = 1_000  # with few examples: that a first model needs to learn what it can …
_EPOCHS = (30, 200)  # … but no fewer and no more epochs than these
_UNITS: Mapping[Task, str] = {"classification": "class", "multi_label": "label", "regression": "number"}
_LAST: Mapping[Task, str] = {
    "classification": "{{units: {}, activation: softmax}}",
    "multi_label": "{{units: {}, activation: sigmoid}}",
    "regression": "{}",
}
_TOLD: Mapping[Task, str] = {
    "classification": "each example is of one class. To learn numbers, write  task: regression  beside the path",
    "multi_label": "each example may have several labels. To learn numbers, write  task: regression  beside the path",
    "regression": "numbers are learnt. To take each value for a class, write  task: classification  beside the path",
}


class NoData(InputError):
    """There is nothing in a folder that a config could be made from."""


def config_text(
    place: Path, start: str, target: Sequence[str] = (), report: events.Report = events.silent
) -> tuple[str, str]:
    """A config's text and the name of its file, for a dataset that nnexp knows or for the data at a place.

    That is a folder, or a file in the folder that the config is for. `start` is the name of the dataset, or the kind of
    own data; "" takes what is there. `target` has the columns of a table to learn; where it is empty they are guessed
    by their names. `report` is told that own data are read, which may take a while.

    Raises:
        NoData: there is no such data there.
        InputError: there is more than one thing to start from, or the target is none of its columns.
    """
    if target and start in (*DATASETS, "npz", "npy", "idx", "images"):
        raise InputError(f"--target names columns of a table, which {start} is not; leave it out")
    if start in DATASETS:
        dataset = DATASETS[start]
        name = f"{dataset.name}.yaml"
        return _text(name, dataset, [f"dataset: {dataset.name}"], f"{dataset.title}: {_learnt(dataset)}"), name
    folder = place.parent if place.is_file() else place
    kind, paths = _found(place, folder, start, "".join(f" --target {shlex.quote(name)}" for name in target))
    report(events.Stage(f"reading {paths['path']}"))
    written: dict[str, Any] = {name: _relative(path, folder) for name, path in paths.items()}
    guess: list[Amiss] = []
    repeats = None
    if "target" in KINDS[kind]:
        frame = _table(kind, paths["path"], written)
        repeats = repeats_in(frame.columns, frame.columns, [frame])
        guessed, why = (target, "") if target else _target(list(frame.columns))
        if why:
            another = f"nnexp init {shlex.quote(printable(place))} --target COLUMN"
            column = f"the {'column' if len(guessed) == 1 else 'columns'} {', '.join(guessed)}"
            guess = [f"To be learnt: {column}, {why}. For another remove this file, then:  {another}"]
        written["target"] = guessed[0] if len(guessed) == 1 else list(guessed)
        if no_use := _of_no_use(frame, guessed):
            written["drop"] = no_use
    elif target:
        raise InputError(f"--target names columns of a table, and there is none in {place}; leave it out")
    if kind == "images":
        written |= _size(paths)
    given = {name: str(path) for name, path in paths.items()}
    try:
        dataset = describe(kind, written | given)
    except BadData as error:
        if error.parameter != "task":
            raise
        written["task"] = "regression"  # too many whole numbers to be classes
        dataset = describe(kind, written | given)
    size = f", each {' x '.join(map(str, dataset.shape))}" if len(dataset.shape) > 1 else ""
    train = f"{dataset.train_size:,} examples to train on, a tenth of these for validation"
    about = f"{train}, {dataset.test_size:,} to test on{size}, {_learnt(dataset)}"
    several = paths["path"] == folder or "y" in paths
    name = f"{folder.resolve().name if several else paths['path'].stem}.yaml"
    notes: list[Amiss] = [*guess, f"The task is {dataset.task}: {_TOLD[dataset.task]}."]
    if kind == "images" and dataset.task == "classification":
        notes.append("The classes are in the order of their names;  classes: [b, a]  beside the path gives another.")
    if dropped := written.get("drop"):
        notes.append(
            f"Left out, since nothing can be learnt from dates, names and empty columns: {', '.join(dropped)}."
        )
    if repeats:
        notes.append(told_of(repeats))
    return _text(name, dataset, _own(kind, written), about, *notes), name


def _learnt(dataset: Dataset) -> str:
    """What is learnt of an example, in words: "3 classes: a, b, c"."""
    listed = ", ".join(dataset.classes[:8]) + (", …" if len(dataset.classes) > 8 else "")
    if dataset.task == "regression":
        return f"to learn: {listed}"
    return f"{len(dataset.classes)} {'classes' if dataset.task == 'classification' else 'labels'}: {listed}"


def _own(kind: str, parameters: Mapping[str, Any]) -> list[str]:
    """The entry of own data: on one line, or where that is long on a line for each parameter and item."""
    said = {key: json.dumps(value, ensure_ascii=False) for key, value in parameters.items()}
    line = f"dataset: {{{kind}: {{{', '.join(f'{key}: {text}' for key, text in said.items())}}}}}"
    if len(line) <= _WIDTH:
        return [line]
    lines = ["dataset:", f"  {kind}:"]
    for key, text in said.items():
        items = parameters[key] if len(text) > _WIDTH - 20 and isinstance(parameters[key], list) else ()
        lines.append(f"    {key}:" if items else f"    {key}: {text}")
        lines += [f"      - {json.dumps(item, ensure_ascii=False)}" for item in items]
    return lines


def _text(name: str, dataset: Dataset, entry: Sequence[str], *about: str) -> str:
    """The config, for a file of that name."""
    few = dataset.train_size < _FEW
    table = len(dataset.shape) == 1
    layers = [] if table else [*_convolution(dataset.shape), "- flatten"]
    width = 32 if math.prod(dataset.shape) < 100 else 128
    layers += [f"- dense: {{units: {width}, activation: relu}}"]
    layers += ["# - dropout: 0.2  # may help against overfitting"]
    layers += [f"- dense: {_LAST[dataset.task].format(len(dataset.classes))}"]
    of_sgd = []
    if dataset.task == "regression":
        layers += ["# the deviation and the mean of what is learnt:", f"- rescaling: {{{_scale(dataset)}}}"]
        of_sgd = ["# sgd may diverge here;  sgd: {clipnorm: 1.0}  does not"]
    file = shlex.quote(printable(name))
    lines = [
        *(line for told in about for line in _comment(told)),
        "# In its folder, to check it, train it, ask something of it:",
        *(f"#   nnexp {words}" for words in (f"check {file}", f"run {file}", f"sweep {file} {A_SWEEP}")),
        "# description: what you ask of it, to stand in its report",
        *entry,
        f"normalization: {dataset.usual_normalization}  # or none, l2, min_max",
        f"layers:  # the last dense has a unit for each {_UNITS[dataset.task]}",
        *(f"  {layer}" for layer in layers),
        *_class_weight(dataset),
        "optimizer: adam  # or  adam: 0.01  for another learning rate",
        *of_sgd,
        f"batch_size: {_FEW_BATCH if few else 64}",
        f"epochs: {_epochs(dataset.train_size)}  # how often it goes through all examples",
        "validation: 0.1  # held out of training: shows overfitting",
        "seed: 42  # of all random numbers; --repeats 5 takes five",
    ]
    return "\n".join(lines) + "\n"


def _convolution(shape: Sequence[int]) -> list[str]:
    """Layers for pictures to take into use: grey ones have no axis for the channels."""
    grey = [f"# - reshape: {[*shape, 1]}  # for the next layer"] if len(shape) == 2 else []
    return [*grey, "# - conv2d: {filters: 16, kernel_size: 3}  # finds patterns"] if len(shape) in (2, 3) else []


def _class_weight(dataset: Dataset) -> list[str]:
    """What helps where an own class has far more examples than another; the classes of known datasets are alike."""
    if dataset.task != "classification" or not isinstance(dataset.origin, OwnFiles):
        return []
    told = far_commonest(dataset.classes, counts(load(dataset).y_train, len(dataset.classes)))
    offered = "# class_weight: balanced  # rare classes count as much"
    return [*_comment(f"{told} of the examples:"), offered] if told else []


def _epochs(examples: int) -> int:
    """So many that a first model learns what it can, in tens: the fewer the examples, the more often."""
    if examples >= _FEW:
        return 10
    least, most = _EPOCHS
    return min(most, max(least, 10 * math.ceil(_STEPS * _FEW_BATCH / examples / 10)))


def _comment(text: str) -> list[str]:
    """A text as lines of comment; what stands between double spaces is an example, which no line breaks."""
    parts = f"# {printable(text)}".split("  ")
    whole = "  ".join(part.replace(" ", _TIED) if at % 2 else part for at, part in enumerate(parts))
    lines = textwrap.wrap(whole, _WIDTH, subsequent_indent="# ", break_long_words=False, break_on_hyphens=False)
    return [line.replace(_TIED, " ") for line in lines]


def _scale(dataset: Dataset) -> str:
    """What takes numbers of mean 0 and deviation 1 to those of the targets: without it training would crawl there."""
    targets = load(dataset).y_train
    scale, offset = ([float(f"{value:.4g}") for value in part] for part in (targets.std(axis=0), targets.mean(axis=0)))
    if len(scale) == 1:
        return f"scale: {scale[0]}, offset: {offset[0]}"
    return f"scale: {scale}, offset: {offset}"


def _found(place: Path, folder: Path, start: str, options: str) -> tuple[str, dict[str, Path]]:
    """The kind of the data at a place in a folder, and where they are: `path`, and other parameters that name files."""
    if start and start not in _KINDS:
        raise InputError(f"no config can be made from {start!r}; allowed: {', '.join((*_KINDS, *DATASETS))}")
    try:
        there = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} cannot be looked into: {error.strerror}; see that you may read it") from None
    labelled = {path: pictures for path in there if (pictures := labelled_by(path))}
    found = [("images", {"path": pictures, "labels": path}) for path, pictures in labelled.items()]
    found += [
        (kind, {"path": path})
        for kind, endings in _ENDINGS.items()
        for path in there
        if path.suffix.lower() in endings and path not in labelled
    ]
    found += [
        ("images", {"path": place})
        for place in (folder, *there)
        if place not in labelled.values() and _holds_pictures(place)
    ]
    for kind in ("npy", "idx"):
        try:
            paths = stored_in(kind, there) if start in ("", kind) else {}
        except BadData:
            if start or not found:  # else they may be anything beside the data
                raise
            continue
        found += [(kind, paths)] if paths else []
    fitting = [
        (kind, paths) for kind, paths in found if start in ("", kind) and (place == folder or place in paths.values())
    ]
    if len(fitting) == 1:
        return fitting[0]
    what = f"{start} data" if start else "data (a .csv, .parquet or .npz file, x.npy and y.npy, or folders of pictures)"
    if not fitting:
        names = ", ".join(DATASETS)
        raise NoData(f"there are no {what} in {place}\nput them there, or take one of:  --from {names}")
    listed = ", ".join(str(paths["path"].name) for _, paths in fitting[:10])
    files = [paths.get("labels", paths["path"]) for _, paths in fitting]
    one = next(path for path in files if path != folder)
    message = f"there is more than one thing to start from in {folder}: {listed}"
    raise InputError(f"{message}\nname one:  nnexp init {shlex.quote(printable(one))}{options}")


def _holds_pictures(folder: Path) -> bool:
    """Whether a folder has folders of pictures for classes, or such folders in `train` and `test`."""
    from nnexp.data.own.images import ENDINGS

    if not folder.is_dir() or folder.name.startswith("."):
        return False
    root = folder / "train" if (folder / "train").is_dir() else folder
    try:
        # A run folder has pictures too.
        kinds = [place for place in root.iterdir() if place.is_dir() and not (place / "config.yaml").exists()]
        return sum(any(path.suffix.lower() in ENDINGS for path in kind.iterdir()) for kind in kinds) >= 2
    except OSError:  # another's, that may not be looked into
        return False


def _relative(path: Path, folder: Path) -> str:
    return "." if path == folder else path.name


def _target(names: Sequence[str]) -> tuple[list[str], str]:
    """The columns to learn, and why: one with a usual name, or several such as `label_a`, `label_b`; else the last."""
    lower = {name.lower(): name for name in reversed(names)}
    for usual in _USUAL_TARGETS:
        if usual in lower:
            return [lower[usual]], "as its name says"
    for usual in _USUAL_TARGETS:
        several = [name for name in names if name.lower().startswith(f"{usual}_")]
        if 1 < len(several) < len(names):
            return several, "as their names say"
    return [names[-1]], "the last one"


def _of_no_use(frame: pd.DataFrame, targets: Sequence[str]) -> list[str]:
    """The columns that nothing can be learnt from as they are: dates, and texts such as names."""
    from nnexp.data.own.columns import Columns

    found = []
    for name in frame.columns.difference(targets, sort=False):
        try:
            Columns.fit(frame[[name]])
        except BadData as error:
            if error.parameter == "drop":  # all else is for the user to mend
                found.append(name)
    return found


def _table(kind: str, path: Path, written: dict[str, Any]) -> pd.DataFrame:
    """The table; where it has but one column, `written` gets the separator that it seems to have."""
    from nnexp.data.own.tables import read_table

    frame = read_table(kind, path, written)
    for separator in (";", "\t", "|"):
        if len(frame.columns) == 1 and separator in frame.columns[0]:
            written["separator"] = separator
            frame = read_table(kind, path, written)
    return frame


def _size(paths: Mapping[str, Path]) -> dict[str, Any]:
    """The size that pictures must be given where they differ."""
    from nnexp.data.own.images import parts_of, read_picture

    found = [path for part in parts_of({name: str(path) for name, path in paths.items()}) for path, _ in part]
    sizes = {read_picture(path)[0].size for path in found[:1000]}
    return {} if len(sizes) == 1 else {"size": [64, 64]}
