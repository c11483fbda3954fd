"""The state of training at the end of an epoch: taken from a model and its callbacks, and put back into new ones.

Keras' BackupAndRestore leaves out what callbacks and random layers remember, and so does not resume to the same result.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import RunError

# What a callback is given by Keras, which is not its state.
_NOT_STATE = ("_model", "params", "validation_data")


@dataclass(frozen=True, slots=True)
class State:
    """What a run has learned, and where its random layers, its optimizer and its callbacks are."""

    plain: Mapping[str, Any]  # JSON types
    arrays: Mapping[str, NDArray[Any]]


class Keeper:
    """Takes and puts back the state of one model and its callbacks, as they were made at the start of training."""

    def __init__(self, model: Any, callbacks: Sequence[Any]) -> None:
        """Call after `on_train_begin`: only what a callback has changed since then is its state."""
        self.model, self.callbacks = model, callbacks
        self._at_start = [copy.deepcopy(_attributes(callback)) for callback in callbacks]

    def take(self) -> State:
        """The state now: weights, seed generators, the optimizer's variables, what each callback remembers."""
        arrays = {f"variable {index}": variable.numpy() for index, variable in enumerate(_variables(self.model))}
        callbacks = []
        for index, (callback, before) in enumerate(zip(self.callbacks, self._at_start, strict=True)):
            changed = {name: value for name, value in _attributes(callback).items() if not _same(before, name, value)}
            for name in [name for name, value in changed.items() if _is_arrays(value)]:
                parts = changed.pop(name)
                changed[f"{name} arrays"] = [str(array.dtype) for array in parts]
                arrays |= {f"callback {index} {name} {part}": array for part, array in enumerate(parts)}
            callbacks.append(changed)
        return State({"variables": _described(self.model), "callbacks": callbacks}, arrays)

    def put_back(self, state: State) -> None:
        """Make model and callbacks go on from a state.

        Raises:
            RunError: it is the state of another model, or of other callbacks.
        """
        callbacks = state.plain.get("callbacks")
        if not fits(self.model, state) or not isinstance(callbacks, list):
            raise RunError(
                "the checkpoint is of another model: its weights or its callbacks are others; run the config anew"
            )
        kinds = {str(kind): kind for kind in (variable.numpy().dtype for variable in _variables(self.model))}
        try:
            for index, variable in enumerate(_variables(self.model)):
                variable.assign(as_type(variable.numpy().dtype, state.arrays[f"variable {index}"]))
            for index, (callback, changed) in enumerate(zip(self.callbacks, callbacks, strict=True)):
                _remind(callback, index, changed, state.arrays, kinds)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise RunError(f"the checkpoint does not fit the model: {error}; run the config anew") from error


def fits(model: Any, state: State) -> bool:
    """Whether a state is that of a model with just these variables."""
    return state.plain.get("variables") == _described(model)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _described(model: Any) -> list[list[Any]]:
    return [[str(variable.dtype), list(variable.shape)] for variable in _variables(model)]


def _remind(
    callback: Any, index: int, changed: Mapping[str, Any], arrays: Mapping[str, Any], kinds: Mapping[str, Any]
) -> None:
    if changed and hasattr(callback, "_set_monitor_op"):
        # Keras does so at the first epoch's end, and turns the sign of min_delta where smaller is better.
        callback._set_monitor_op()
    for key, value in changed.items():
        name, _, arrays_of = key.partition(" ")
        if arrays_of:
            value = [as_type(kinds[kind], arrays[f"callback {index} {name} {part}"]) for part, kind in enumerate(value)]
        # Nothing else, and no text: a checkpoint may come from a stranger, and callbacks write files.
        if name in vars(callback).keys() - _given(callback) and (_is_plain(value) or _is_arrays(value)):
            setattr(callback, name, value)


def _given(callback: Any) -> set[str]:
    """What a callback has from its config or from Keras, and does not remember."""
    return {*inspect.signature(type(callback).__init__).parameters, *_NOT_STATE}


def _attributes(callback: Any) -> dict[str, Any]:
    """What of a callback can be kept: plain values, and lists of arrays, such as the weights of the best epoch."""
    given = _given(callback)
    kept = {name: _plain(value) for name, value in vars(callback).items() if name not in given}
    return {name: value for name, value in kept.items() if _is_plain(value) or _is_arrays(value)}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float))


def _is_arrays(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, np.ndarray) for item in value)


def _same(before: Mapping[str, Any], name: str, value: Any) -> bool:
    return name in before and not _is_arrays(value) and before[name] == value


def as_type(dtype: Any, array: NDArray[Any]) -> NDArray[Any]:
    """An array of its type again: NumPy writes those that are not its own, as bfloat16, without their names."""
    return array.view(dtype) if array.dtype.kind == "V" else array
