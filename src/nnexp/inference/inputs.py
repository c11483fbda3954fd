"""Raw examples for a model: pictures, arrays and tables from files, or examples of the test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.errors import Amiss, InputError
from nnexp.examples import Examples
from nnexp.files import nearest
from nnexp.inference.signature import NAMED, Signature
from nnexp.runs.reading import printable
from nnexp.runs.record import kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})
_FORMS = "pictures (PNG, JPEG …), tables (.csv, .parquet), arrays (.npy, .npz)"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Raw examples, as the model takes them."""

    x: NDArray[Any]  # [n, ...]
    sources: tuple[str, ...]  # where each is from
    truths: NDArray[Any] | None = None  # labels [n] or [n, k], where they are known
    notes: tuple[Amiss, ...] = ()  # what was done to them, for people


Read: TypeAlias = Callable[[Path, Signature], Inputs]


def from_test_part(examples: Examples, indices: Sequence[int], signature: Signature) -> Inputs:
    """Some examples of the test part, by their place in it, from 0.

    Raises:
        InputError: there are not so many, or they are not such as the model takes.
    """
    count, name = len(examples.labels), examples.dataset.name
    for index in indices:
        if not 0 <= index < count:
            raise InputError(f"--index {index}: the test part of {name} has {count:,} examples; give 0 to {count - 1}")
    must_fit(examples, signature)
    chosen = list(indices)
    return Inputs(
        x=examples.x[chosen],
        sources=tuple(f"test example {index}" for index in chosen),
        truths=examples.labels[chosen],
    )


def must_fit(examples: Examples, signature: Signature) -> None:
    """See that a dataset has the shape, the task and the classes, labels or targets that a model was trained on.

    Raises:
        InputError: it has others.
    """
    name, shape = examples.dataset.name, tuple(examples.x.shape[1:])
    if shape != signature.shape:
        raise InputError(
            f"an example of {name} has the shape {shape}, but the model takes {signature.shape}; give such data"
        )
    if examples.dataset.task != signature.task:
        raise InputError(
            f"{name} is for {examples.dataset.task}, but the model learnt {signature.task}; give data for that"
        )
    ours, theirs = tuple(map(printable, examples.dataset.classes)), signature.classes
    if ours != theirs:
        message = f"{name} has other {NAMED[signature.task]} than the model"
        raise InputError(f"{message}\nthe dataset: {few(ours)}\nthe model: {few(theirs)}")


def from_files(paths: Sequence[Path], signature: Signature, *, invert: bool = False) -> Inputs:
    """The examples in files, in the order given.

    Pictures become grey or RGB and of the model's size; with `invert` light becomes dark.

    Raises:
        InputError: a file cannot be read, or does not fit the model.
    """
    readers = [_reader(path) for path in paths]  # before the first one is read
    if invert and any(path.suffix.lower() not in PICTURES for path in paths):
        raise InputError("--invert turns light and dark round, so it is for pictures only; leave it out")
    read = [reader(path, signature) for path, reader in zip(paths, readers, strict=True)]
    import numpy as np

    x = np.concatenate([one.x for one in read])
    if invert:
        low, high = signature.value_range
        x = low + high - x
    notes = [note for one in read for note in one.notes]
    if signature.is_picture and not all(path.suffix.lower() in PICTURES for path in paths):
        notes += _notes_on_scale(x, signature)
    return Inputs(x, tuple(source for one in read for source in one.sources), notes=tuple(notes))


def _reader(path: Path) -> Read:
    kind = kind_of(path)
    if kind == "nothing":
        raise InputError(f"{printable(path)}: there is no such file; {printable(nearest(path))}")
    if kind != "file":
        what = (
            f"a directory; name the files in it, such as {printable(path)}/*"
            if kind == "directory"
            else "no file, but a device or a pipe; name a file"
        )
        raise InputError(f"{printable(path)} is {what}")
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return _picture
    if suffix not in _READERS:
        raise InputError(f"{printable(path)}: {suffix or 'a name without an ending'} is not known\nknown: {_FORMS}")
    return _READERS[suffix]


def _picture(path: Path, signature: Signature) -> Inputs:
    from nnexp.inference.pictures import read_picture

    x, note = read_picture(path, signature)
    return Inputs(x[None], (printable(path),), notes=(note,) if note else ())


def _table(path: Path, signature: Signature) -> Inputs:
    from nnexp.inference.tables import read_encoded, read_numbers

    if signature.columns:
        x, rows, notes = read_encoded(path, signature)
    elif path.suffix.lower() == ".csv":
        x, rows, notes = read_numbers(path, signature)
    else:
        raise InputError(f"{printable(path)}: this model takes plain numbers; give them as .csv, .npy or .npz")
    return Inputs(x, tuple(f"{printable(path)}:{row}" for row in rows), notes=notes)


def _array(path: Path, signature: Signature) -> Inputs:
    from nnexp.inference.arrays import read_examples

    x = read_examples(path, signature)
    sources = tuple(f"{printable(path)}[{index}]" for index in range(len(x)))
    return Inputs(x, sources)


def _notes_on_scale(x: NDArray[Any], signature: Signature) -> list[Amiss]:
    """A picture divided by 255 before the model does so again is nearly black: a frequent slip."""
    low, high = signature.value_range
    if x.max() <= 1 < high:
        learnt = f"but the model learnt from raw ones, {low:g} to {high:g}: it normalizes by itself; give it raw ones"
        return [f"the values are {x.min():g} to {x.max():g}, {learnt}"]
    return []


def few(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


_READERS: Mapping[str, Read] = MappingProxyType({".csv": _table, ".parquet": _table, ".npy": _array, ".npz": _array})
