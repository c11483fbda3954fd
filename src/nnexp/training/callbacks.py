"""Callbacks: Keras' own by name, and `stop_when`, written as the condition at which training stops.

Two of Keras' write files that a crash would tear, or a resumed run would begin anew: here they replace them whole.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnexp.config.condition import Condition, parse
from nnexp.config.grammar import Entry
from nnexp.config.paths import PATH_PARAMETERS
from nnexp.errors import Reason, RunError
from nnexp.events import figure
from nnexp.files import replacing, write_text
from nnexp.training.parts import make


def make_callbacks(entries: Sequence[Entry], folder: Path) -> list[Any]:
    """The callbacks of an experiment; the files they write go into `folder`."""
    return [_make(entry, folder) for entry in entries]


def stop_reason(callbacks: Sequence[Any], entries: Sequence[Entry], epoch: int) -> Reason:
    """Why training stopped after `epoch` (from 1), in words."""
    for callback, entry in zip(callbacks, entries, strict=True):
        if getattr(callback, "reason", ""):
            return str(callback.reason)
        if entry.name == "early_stopping" and getattr(callback, "stopped_epoch", 0) == epoch - 1 > 0:
            epochs = "1 epoch" if callback.wait == 1 else f"{callback.wait} epochs"
            best = callback.best_epoch + 1
            return f"early_stopping: {entry.get('monitor')} had not improved for {epochs}; its best was in epoch {best}"
    return "a callback asked for it"


def _make(entry: Entry, folder: Path) -> Any:
    if entry.name == "stop_when":
        return _stop_when(parse(entry.parameters["condition"]))
    paths = {name: folder / entry.parameters[name] for name in PATH_PARAMETERS if entry.get(name) is not None}
    for path in paths.values():
        if not path.parent.resolve().is_relative_to(folder.resolve()):  # the run folder may come from a stranger
            raise RunError(f"{path.parent} is a link that leads out of the run folder; remove the link")
        if "{" not in str(path.parent):  # else Keras makes it, once it knows the epoch
            path.parent.mkdir(parents=True, exist_ok=True)
    if entry.name == "csv_logger":
        return _csv_logger(paths["filename"], str(entry.get("separator")))
    callback = make(entry, "callbacks", **{name: str(path) for name, path in paths.items()})
    if entry.name == "model_checkpoint":
        give = callback.set_model
        callback.set_model = lambda model: give(_Saver(model))
    return callback


def _stop_when(condition: Condition) -> Any:
    import keras

    class StopWhen(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
        """Stops after the first epoch whose logs meet the condition."""

        reason: Reason = ""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            value = (logs or {}).get(condition.metric)
            if value is not None and condition.holds(value):
                held: Reason = f"stop_when: {condition} holds: {condition.metric} is {figure(condition.metric, value)}"
                self.reason = held
                self.model.stop_training = True

    return StopWhen()


def _csv_logger(path: Path, separator: str) -> Any:
    import keras

    class CSVLogger(keras.callbacks.Callback):  # type: ignore[misc]
        """As Keras' own of this name: an epoch (from 0) a row, the logs in the order of their names."""

        def __init__(self) -> None:
            super().__init__()
            self.rows: list[dict[str, float]] = []

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.rows.append({"epoch": epoch, **dict(sorted((logs or {}).items()))})
            text = io.StringIO()
            writer = csv.DictWriter(text, list(self.rows[0]), restval="NA", extrasaction="ignore", delimiter=separator)
            writer.writeheader()
            writer.writerows(self.rows)
            write_text(path, text.getvalue())

    return CSVLogger()


class _Saver:
    """A model whose files are replaced only by whole ones."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def save(self, path: str, **options: Any) -> None:
        with replacing(Path(path)) as temporary:
            self._model.save(temporary, **options)

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        # Where HDF5 itself meets a full disk, the process crashes. Python writes a .keras file, which holds the same.
        with replacing(Path(path)) as temporary:
            whole = temporary.with_name(f"{temporary.name}.keras")
            try:
                self._model.save(whole, overwrite=overwrite)
                with zipfile.ZipFile(whole) as archive:
                    temporary.write_bytes(archive.read("model.weights.h5"))
            finally:
                whole.unlink(missing_ok=True)
