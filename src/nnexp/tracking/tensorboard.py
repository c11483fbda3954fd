"""TensorBoard: event files in each run folder, so that `tensorboard --logdir runs` shows runs and sweeps.

They are written record by record with the package's own writer of records. Its writer of events would import
TensorFlow, which a sweep's driver does without.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from nnexp.runs.record import RunRecord
from nnexp.tracking.content import Epoch, Sweep, figures, parameters, pictures, seconds, tags, there

_NAME = "events.out.tfevents."
_OURS = ".nnexp"  # a callback of the config's may write such files too


class TensorBoard:
    """Event files in run folders."""

    name = "tensorboard"

    def __init__(self, runs: Path, parameters: Mapping[str, Any]) -> None:
        """Nothing has to be reached: the files lie in the run folders."""
        self.pictures = bool(parameters.get("artifacts", True))

    def run(self, found: RunRecord, known: str, sweep: str) -> TensorBoardRun:
        """As Tracker."""
        return TensorBoardRun(found, pictures=self.pictures)

    def sweep(self, folder: Path, known: str, *, running: bool) -> str:
        """As Tracker: the runs of a sweep are in one folder anyway."""
        return "folder"

    def finish_sweep(self, known: str, sweep: Sweep) -> None:
        """As Tracker."""


class TensorBoardRun:
    """The event files of a run. Each time that there is something to write anew, a new one is begun."""

    id = "folder"

    def __init__(self, found: RunRecord, *, pictures: bool) -> None:
        self.folder, self.pictures = found.path, pictures
        self._file: BinaryIO | None = None
        before = _event_files(found.path)
        self.known = bool(before)
        self.epochs = {event.step for path in before for event in _events(path) if _has_loss(event)}
        if not self.known:
            self._write(seconds(found.started), 0, [*_hparams(found), _text("config", _as_code(found))])

    def log(self, epochs: Sequence[Epoch]) -> None:
        """As TrackedRun."""
        for epoch in epochs:
            self._write(epoch.at, epoch.number, _scalars(epoch.figures))
            self.epochs.add(epoch.number)

    def finish(self, found: RunRecord) -> None:
        """As TrackedRun."""
        ended, step = seconds(found.finished), len(found.history)
        told = "\n".join(f"- {name}: `{value}`" for name, value in tags(found).items())
        self._write(ended, step, [*_scalars(figures(found)), _text("run", told), _end(found)])
        for path in pictures(found) if self.pictures else ():
            self._write(ended, step, [_image(path)])

    def close(self) -> None:
        """As TrackedRun."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, at: float, step: int, values: Iterable[Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        begins = self._file is None
        if self._file is None:
            self._file = (self.folder / f"{_NAME}{time.time_ns()}{_OURS}").open("xb")
        writer = RecordWriter(self._file)
        if begins:
            writer.write(Event(wall_time=at, file_version="brain.Event:2").SerializeToString())
        writer.write(Event(wall_time=at, step=step, summary=Summary(value=values)).SerializeToString())
        writer.flush()


def _event_files(folder: Path) -> list[Path]:
    return there(*sorted(folder.glob(f"{_NAME}*{_OURS}")))


def _events(path: Path) -> Iterator[Any]:
    """The events of a file, up to where it was cut off."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub import errors
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

    reader = PyRecordReader_New(str(path))
    while True:
        try:
            reader.GetNext()
        except (errors.OutOfRangeError, errors.DataLossError):
            return
        yield Event.FromString(reader.record())


def _has_loss(event: Any) -> bool:
    return any(value.tag == "loss" for value in event.summary.value)


def _scalars(said: Mapping[str, float]) -> list[Any]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return [Summary.Value(tag=name, simple_value=value) for name, value in said.items()]


def _text(name: str, markdown: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text import metadata
    from tensorboard.util import tensor_util

    about = metadata.create_summary_metadata(display_name=name, description="")
    return Summary.Value(tag=name, metadata=about, tensor=tensor_util.make_tensor_proto(markdown.encode()))


def _as_code(found: RunRecord) -> str:
    return "".join(f"    {name}: {value}\n" for name, value in parameters(found).items())


def _image(path: Path) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # of a PNG
    image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=content)
    return Summary.Value(tag=path.stem, image=image)


def _hparams(found: RunRecord) -> list[Any]:
    """The parameters for the tab that sets them beside the figures of the test."""
    from tensorboard.plugins.hparams import plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo(start_time_secs=seconds(found.started), group_name=str(found.path))
    for name, value in parameters(found).items():
        try:
            start.hparams[name].number_value = float(value)
        except ValueError:
            start.hparams[name].string_value = value
    return [_session("session_start_info", start)]


def _end(found: RunRecord) -> Any:
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    status = api_pb2.STATUS_SUCCESS if found.has_result else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=seconds(found.finished))
    return _session("session_end_info", end)


def _session(kind: str, said: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**{kind: said}))
    return Summary.Value(tag=f"_hparams_/{kind}", metadata=about, tensor=metadata.NULL_TENSOR)
