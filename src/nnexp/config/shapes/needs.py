"""What the shape rules share: how a rule answers, how it refuses, and how it reads sizes, borders and axes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from nnexp.config import catalog
from nnexp.config.grammar import Entry

Shape = tuple[int, ...]  # of one example: the batch axis is left out


class Made(NamedTuple):
    """What a layer makes of its input."""

    output: Shape
    weights: int = 0
    frozen: int = 0  # of the weights: those that training does not change


class Misfit(Exception):
    """The layer cannot take its input: why, and what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_INPUTS = {
    1: "vectors of rank 1 (features)",
    2: "sequences of rank 2 (steps, channels)",
    3: "images of rank 3 (height, width, channels)",
    4: "volumes of rank 4 (depth, height, width, channels)",
}


def need_rank(entry: Entry, shape: Shape, rank: int) -> None:
    """Refuse an input of another rank."""
    if len(shape) != rank:
        raise Misfit(f"{entry.name} needs {_INPUTS[rank]} but gets {shape}", _fix(entry, shape, rank))


def _fix(entry: Entry, shape: Shape, rank: int) -> str:
    """The layer of the same family that takes this input, such as conv2d for conv3d; else another shape."""
    alike = entry.name.replace(f"{rank - 1}d", f"{len(shape) - 1}d")
    if alike == entry.name or catalog.find("layers", alike) is None:
        return _rank_fix(shape, rank)
    if len(shape) > 2:
        return f"use `{alike}`, which takes inputs of this rank"
    # Numbers of rank 2 may be grey images as well.
    target, images = [*shape, 1], entry.name.replace(f"{rank - 1}d", "2d")
    after = "" if images == entry.name else f" and use `{images}`"
    return f"add `reshape: {target}` before it{after} if these are images, or use `{alike}` for steps and channels"


def _rank_fix(shape: Shape, rank: int) -> str:
    side = math.isqrt(math.prod(shape))
    if rank == 1:
        return "add `flatten` before it"
    if len(shape) == rank - 1:
        target = [*shape, 1]
    elif len(shape) > rank:
        target = [*shape[: rank - 1], math.prod(shape[rank - 1 :])]
    elif rank == 3 and side * side == math.prod(shape):
        target = [side, side, 1]
    else:
        return f"add a `reshape` to {rank} sizes that multiply to {math.prod(shape)} before it"
    return f"add `reshape: {target}` before it"


def need_some_axes(entry: Entry, shape: Shape, rank: int) -> None:
    """Refuse an input of a lower rank."""
    if len(shape) < rank:
        raise Misfit(f"{entry.name} needs an input of rank {rank} or more but gets {shape}", _rank_fix(shape, rank))


def sizes(entry: Entry, parameter: str, count: int, default: Any = 1, *, least: int = 1) -> Shape:
    """A parameter that is one whole number for all axes, or a list with one for each."""
    value = entry.get(parameter, default)
    sizes = (value,) * count if isinstance(value, int) else value
    right = isinstance(sizes, (list, tuple)) and len(sizes) == count
    if right and all(isinstance(size, int) and size >= least for size in sizes):
        return tuple(sizes)
    many = f" or a list of {count}" if count > 1 else ""
    raise Misfit(f"{entry.name} cannot use `{parameter}: {value}`", f"give one whole number of {least} or more{many}")


def borders(entry: Entry, parameter: str, count: int, default: Any) -> list[int]:
    """The sum of what is added or cut before and after, for each axis."""
    value = entry.get(parameter, default)
    if isinstance(value, int):
        value = [value] * (2 if count == 1 else count)
    pairs = [value] if count == 1 else value
    if isinstance(pairs, (list, tuple)) and len(pairs) == count:
        return [sum(sizes(Entry(entry.name, {parameter: pair}), parameter, 2, least=0)) for pair in pairs]
    hint = f"give one whole number, a list of {count}, or {count} pairs [before, after]"
    raise Misfit(f"{entry.name} cannot use `{parameter}: {value}`", hint)


def named_axes(entry: Entry, shape: Shape) -> list[int]:
    """The positions that `axis` names, with the batch at 0 as Keras counts."""
    axis = entry.get("axis", -1)
    given = axis if isinstance(axis, (list, tuple)) else [axis]
    rank = len(shape) + 1
    for position in given:
        if not -rank <= position < rank:
            hint = f"axes count from 1 to {rank - 1}, or from -1 backwards"
            raise Misfit(f"{entry.name} has `axis: {axis}`, which its input {shape} does not have", hint)
    return [position % rank for position in given]


def weight_axes(entry: Entry, shape: Shape) -> int:
    """How many weights span the axes that `axis` names."""
    axes = named_axes(entry, shape)
    if 0 in axes:
        hint = "use `axis: -1` for the last axis"
        raise Misfit(f"{entry.name} has `axis: {entry.get('axis')}`, which is the batch", hint)
    return math.prod(shape[axis - 1] for axis in axes)


def spans(entry: Entry, shape: Shape, windows: Shape, strides: Shape, parameter: str) -> Shape:
    """The lengths left when windows slide over the axes before the last."""
    lengths = shape[:-1]
    if entry.get("padding", "valid") != "valid":
        return tuple((length - 1) // stride + 1 for length, stride in zip(lengths, strides, strict=True))
    if any(window > length for window, length in zip(windows, lengths, strict=True)):
        hint = f"make `{parameter}` smaller, or set `padding: same`, or leave out an earlier layer that shrinks"
        raise Misfit(f"{entry.name} slides a window of {windows} over {shape}, which is smaller", hint)
    return tuple(
        (length - window) // stride + 1 for length, window, stride in zip(lengths, windows, strides, strict=True)
    )


def bias(entry: Entry, count: int) -> int:
    """`count` bias weights, unless the layer has none."""
    return count if entry.get("use_bias", True) else 0
