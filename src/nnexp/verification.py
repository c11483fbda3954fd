"""Whether a run can be repeated: trained again from its own config, every figure and weight is compared bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp import events
from nnexp.config.experiment import Experiment, load_experiment
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError, Reason, RunError
from nnexp.experiment import Options, run_experiment
from nnexp.runs import record
from nnexp.runs.environment import changes
from nnexp.runs.folder import OWN_FILES
from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import ANEW, Refused, content_of, json_of, printable
from nnexp.runs.record import RunRecord
from nnexp.runs.weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_MEGABYTES = 64  # of a file that a callback wrote
_WEIGHTS = (".keras", ".h5")
_IN_METRICS = {"status", "history", "test", "evaluation"}  # groups that metrics.json alone holds

Leaf: TypeAlias = "str | int | float | bool | NDArray[Any] | None"
Contents: TypeAlias = dict[str, dict[str, Leaf]]
"""All that is compared of a run: group -> name -> a value or an array."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one group of a run's results differs from that of another run."""

    group: str  # status, history, test, evaluation, predictions, weights or files
    first: str  # the name of the first value that differs; in the history with its epoch
    differing: int  # how many values differ …
    values: int  # … of how many
    absolute: float | None  # the largest difference of two numbers, and
    relative: float | None  # … as a share of the larger; None where none of those that differ are finite numbers
    note: Reason  # what of the first cannot be told in numbers: "completed then, diverged now"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What training a run again showed."""

    run: Path
    values: Mapping[str, int]  # how many were compared, by group
    differences: Sequence[Difference]  # none: it was repeated bit for bit
    changes: Sequence[str]  # what is not as it was then, and may be the reason of differences

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "run": str(self.run),
            "identical": self.identical,
            "values": dict(self.values),
            "differences": [asdict(difference) for difference in self.differences],
            "changes": list(self.changes),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Verdict:
        """The verdict that gave this plain data."""
        differences = [Difference(**difference) for difference in plain["differences"]]
        return cls(Path(plain["run"]), plain["values"], differences, plain["changes"])


def verify(
    path: Path,
    options: Options,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
) -> Verdict:
    """Train a finished run again, in a temporary directory, and compare. Nothing is written into its folder.

    Threads and engine are those of the run; the number of threads can be set only once in a process.

    Raises:
        InputError: it is no finished run, it is damaged, or its config was edited since.
        RunError, KeyboardInterrupt: training it again failed, or was interrupted.
    """
    found = record.read(path)
    experiment = _experiment(found)
    ours = _contents(found)
    with tempfile.TemporaryDirectory(prefix="nnexp-verify-") as scratch:

        def within(event: events.Event) -> None:
            if scratch not in (events.plain_text(event) or ""):  # the folder is gone when its user reads of it
                report(event)

        try:
            folder = run_experiment(experiment, replace(options, folder=Path(scratch) / "run"), within, fetch_progress)
        except RunError as error:
            lines = str(error).replace(scratch, "a temporary directory").splitlines()
            told = [line for line in lines if "nnexp resume" not in line]
            reasons = "\n".join(told)
            raise RunError(f"{printable(path)} could not be trained again:\n{reasons}") from error
        again = record.read(folder)
        different = _compared(ours, _contents(again))
        values = {group: sum(map(_size, leaves.values())) for group, leaves in ours.items()}
        changed: list[Reason] = _changes(found, again)
        if different and found.resumed:
            changed.append("it was cut off and gone on with, maybe with other versions (nnexp resume --force)")
        return Verdict(path, values, different, [*_by_hand(ours, different, changed), *changed])


def differences(ours: Path, theirs: Path) -> list[Difference]:
    """What differs, bit for bit, between the results of two finished runs; nothing where one repeats the other.

    Compared are status, best epoch and why it stopped, the history (without seconds), figures and intervals on the test
    split, the evaluation, the predictions, every array of the model and its optimizer, and what callbacks wrote.

    Raises:
        InputError: one of them is no run, or damaged.
    """
    return _compared(_contents(record.read(ours)), _contents(record.read(theirs)))


def _experiment(found: RunRecord) -> Experiment:
    """The experiment of a finished run as it was run."""
    path = printable(found.path)
    if found.status == "running":
        raise InputError(f"{path} is still running; wait for its end")
    if not found.has_result:
        raise InputError(f"{path} is {found.status}, so there is no result to verify; first:  nnexp resume {path}")
    found.folder.refuse_links()
    experiment = load_experiment(found.folder.config)
    if experiment.identity != found.identity:
        edited = f"{path}: its config.yaml is not the one that it was trained with (edited since, or by another nnexp)"
        raise InputError(f"{edited}; to train it as it is now:  nnexp run {printable(found.folder.config)}")
    for key in ("engine", "distribute"):
        now = getattr(experiment, key)
        then = found.config.get(key, now)  # an older run does not say
        if then != now:
            raise InputError(f"{path}: its config.yaml was edited since: {key} {then} then, {now} now; set that back")
    return replace(experiment, threads=found.threads or experiment.threads, checkpoint=False, track=())


def _changes(found: RunRecord, again: RunRecord) -> list[Reason]:
    told: list[Reason] = []
    if found.test_split != again.test_split:
        told.append("the data: the test split is another than then")
    try:
        told += changes(_environment(found), _environment(again))
    except (Refused, OSError):
        told.append("its environment.json cannot be read: versions and machine may have been others")
    return told


def _by_hand(ours: Contents, different: Sequence[Difference], changed: Sequence[str]) -> Iterator[Reason]:
    """That a file was edited, where nothing else can be: no computer and no version makes such a difference."""
    import numpy as np

    tested = ours["predictions"]
    right = np.asarray(tested["labels"]) == np.asarray(tested["predicted"])
    name = "accuracy" if right.ndim == 1 else "exact_match"  # counts of examples: the same on every computer
    given = float(right.reshape(len(right), -1).all(axis=1).mean())
    told = ours["test"].get(f"test.{name}")
    only_metrics = {difference.group for difference in different} <= _IN_METRICS
    if isinstance(told, (int, float)) and abs(told - given) > 1e-9:
        which = "metrics.json" if only_metrics else "one of them"
        yield f"metrics.json says {name} {told:.6g}, predictions.npz gives {given:.6g}: {which} was changed by hand"
    elif different and only_metrics and not changed:
        yield "metrics.json was changed by hand: only it differs, and predictions and weights are the same bit for bit"


def _environment(run: RunRecord) -> Mapping[str, Any]:
    found = json_of(run.folder.environment, 1)
    return found if isinstance(found, dict) else {}


def _contents(run: RunRecord) -> Contents:
    folder = run.folder
    name = folder.predictions
    try:
        tested = read_predictions(folder.predictions, probabilities=True)
        name = folder.model
        weights = read_weights(folder.model)
        files: dict[str, Leaf] = {}
        for name in _others(run.path):
            files |= _file(name, str(name.relative_to(run.path)))
    except Refused as error:
        raise InputError(f"{printable(name)} is damaged or not of a run: {error}; {ANEW}") from None
    except OSError as error:
        raise InputError(f"{printable(name)} cannot be read: {error.strerror}; see that you may read it") from None
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in run.history]
    return {
        "status": dict(_leaves({"status": run.status, "best_epoch": run.best_epoch, "stopped": run.stopped})),
        "history": {f"epoch {n}: {name}": leaf for n, row in enumerate(history, 1) for name, leaf in _leaves(row)},
        "test": dict(_leaves({"test": run.test, "interval": run.test_intervals})),
        "evaluation": dict(_leaves(run.evaluation)),
        "predictions": {
            "test split": tested.split,
            "labels": tested.labels,
            "predicted": tested.predicted,
            "probabilities": tested.probabilities,
        },
        "weights": {**weights},
        "files": files,
    }


def _others(folder: Path) -> Iterator[Path]:
    """What callbacks wrote and can be repeated to the bit; TensorBoard's logs hold times."""
    for path in sorted(folder.rglob("*")):
        own = path.relative_to(folder).parts[0]
        if own not in OWN_FILES and not own.startswith(".") and path.suffix in (*_WEIGHTS, ".csv"):
            yield path


def _file(path: Path, name: str) -> dict[str, Leaf]:
    if path.suffix in _WEIGHTS:
        return {f"{name}: {inner}": array for inner, array in read_weights(path).items()}
    return {name: content_of(path, _MOST_MEGABYTES).decode(errors="replace")}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Leaf]]:
    """The single values in plain data by their paths. It has been read by `record`, which bounds its depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{number}]")
    else:
        yield name, value


def _compared(ours: Contents, theirs: Contents) -> list[Difference]:
    found = (_difference(group, ours[group], theirs[group]) for group in ours)
    return [difference for difference in found if difference]


def _difference(group: str, ours: Mapping[str, Leaf], theirs: Mapping[str, Leaf]) -> Difference | None:
    names = list(dict.fromkeys([*ours, *theirs]))
    parts = [(name, _apart(name, ours, theirs)) for name in names]
    apart = [(name, part) for name, part in parts if part.count]
    if not apart:
        return None
    return Difference(
        group=group,
        first=apart[0][0],
        differing=sum(part.count for _, part in apart),
        values=sum(_size(ours.get(name, theirs.get(name))) for name in names),
        absolute=max((part.absolute for _, part in apart if part.absolute is not None), default=None),
        relative=max((part.relative for _, part in apart if part.relative is not None), default=None),
        note=apart[0][1].note,
    )


@dataclass(frozen=True, slots=True)
class _Apart:
    """How far two values or arrays are apart: how many numbers differ, the largest differences, or a note."""

    count: int = 0
    absolute: float | None = None
    relative: float | None = None
    note: Reason = ""


def _apart(name: str, all_ours: Mapping[str, Leaf], all_theirs: Mapping[str, Leaf]) -> _Apart:
    import numpy as np

    if name not in all_ours:
        return _Apart(_size(all_theirs[name]), note="not there then")
    if name not in all_theirs:
        return _Apart(_size(all_ours[name]), note="not there now")
    ours, theirs = all_ours[name], all_theirs[name]
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        return _arrays_apart(ours, theirs)
    if isinstance(ours, np.ndarray) or isinstance(theirs, np.ndarray):
        return _Apart(max(_size(ours), _size(theirs)), note=f"{_shown(ours)} then, {_shown(theirs)} now")
    if repr(ours) == repr(theirs):  # tells -0.0 from 0.0, and knows NaN for itself
        return _Apart()
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return _arrays_apart(np.array([ours], np.float64), np.array([theirs], np.float64))
    return _Apart(1, note=f"{_shown(ours)} then, {_shown(theirs)} now")


def _arrays_apart(ours: NDArray[Any], theirs: NDArray[Any]) -> _Apart:
    import numpy as np

    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return _Apart(max(ours.size, theirs.size), note=f"{_shown(ours)} then, {_shown(theirs)} now")
    ours, theirs = np.ascontiguousarray(ours).reshape(-1), np.ascontiguousarray(theirs).reshape(-1)
    width = ours.dtype.itemsize
    bits = (ours.view(np.uint8).reshape(-1, width) != theirs.view(np.uint8).reshape(-1, width)).any(axis=1)
    if not bits.any():
        return _Apart()
    count = int(np.count_nonzero(bits))
    if ours.dtype.kind not in "biuf":
        return _Apart(count, note="other bytes")
    a, b = ours[bits].astype(np.float64), theirs[bits].astype(np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    if not finite.any():
        return _Apart(count, note=f"{a[0]} then, {b[0]} now")
    far = np.abs(a - b)[finite]
    larger = np.maximum(np.abs(a), np.abs(b))[finite]
    relative = np.divide(far, larger, out=np.zeros_like(far), where=larger > 0)
    return _Apart(count, float(far.max()), float(relative.max()))


def _size(value: Leaf) -> int:
    return getattr(value, "size", 1)


def _shown(value: Leaf) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{getattr(value, 'dtype', '')}{list(shape)}"
    text = printable(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
