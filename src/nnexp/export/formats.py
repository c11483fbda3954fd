"""The formats that a model is exported to: how each is written, and how its own runtime loads it back."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FARTHEST = 1e-5
"""The largest difference that a prediction may have, where predictions are up to 1; of larger ones, as a share."""

Predict: TypeAlias = "Callable[[NDArray[Any]], NDArray[Any]]"
"""From raw examples [n, ...] to what the model makes of them [n, ...]."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: what its files are called, what must be installed, how it is written and how it is read."""

    name: str
    suffix: str
    write: Callable[[Any, Any, Path], None]
    """Writes a Keras model, with the keras.InputSpec of raw examples, to a path that ends in `suffix`."""
    read: Callable[[Path], Predict]
    """Loads what was written with the format's own runtime."""
    runtime: str
    """What `read` loads it with, as people know it."""
    batch: int | None = None
    """How many examples what is written takes at a time; None: any number."""
    packages: tuple[str, ...] = ()
    """What must be importable beyond nnexp's own dependencies; the extra of the format's name installs them."""

    @property
    def missing(self) -> list[str]:
        """Those of `packages` that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


@dataclass(frozen=True, slots=True)
class Check:
    """What a model takes and gives once it is written, and how its predictions compare with the original's."""

    runtime: str  # that it was loaded back with
    input: str  # type and shape of raw examples: "uint8 [n, 28, 28]"
    output: str
    examples: int
    difference: float  # the largest of two predictions, absolute
    largest: float  # of the run's own predictions, in size

    @property
    def allowed(self) -> float:
        """How large the difference may be: rounding grows with the predictions, so of large ones a share."""
        return FARTHEST * max(1.0, self.largest)

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "runtime": self.runtime,
            "input": self.input,
            "output": self.output,
            "examples": self.examples,
            "largest_difference": self.difference,
            "largest_prediction": self.largest,
        }


def write_and_check(model: Any, examples: NDArray[Any], made: Format, path: Path) -> Check:
    """Write a Keras model that takes `examples` [n, ...] to `path`, load it back, and compare what both predict.

    What is written takes such examples, of the same type.

    Raises:
        InputError: the model's own predictions are no finite numbers.
        Exception: whatever a converter raises of a model that it cannot write.
    """
    import keras
    import numpy as np

    from nnexp.training import backend

    own = keras.ops.convert_to_numpy(model(examples, training=False))
    if not np.isfinite(own).all():
        raise InputError("the model predicts no finite numbers (its training diverged); export a run that did not")
    spec = keras.layers.InputSpec(shape=(made.batch, *examples.shape[1:]), dtype=str(examples.dtype), name="input")
    with backend.quiet(), warnings.catch_warnings(action="ignore"):  # of what converters have to say of each other
        made.write(model, spec, path)
        theirs = made.read(path)(examples)
    fits = own.shape == theirs.shape
    return Check(
        runtime=made.runtime,
        input=_described(examples, made),
        output=_described(theirs, made),
        examples=len(examples),
        difference=float(np.abs(own.astype(np.float64) - theirs).max()) if fits else float("inf"),
        largest=float(np.abs(own).max()),
    )


def _described(array: NDArray[Any], made: Format) -> str:
    return f"{array.dtype} [{', '.join(map(str, (made.batch or 'n', *array.shape[1:])))}]"


def _write_keras(model: Any, spec: Any, path: Path) -> None:
    model.save(path)


def _read_keras(path: Path) -> Predict:
    import keras

    model = keras.models.load_model(path, compile=False, safe_mode=True)
    return lambda examples: keras.ops.convert_to_numpy(model(examples, training=False))


def _write_saved_model(model: Any, spec: Any, path: Path) -> None:
    import keras

    archive = keras.export.ExportArchive()
    archive.track(model)
    # Not by `model.export`: there layers that are random in training are so ever after.
    archive.add_endpoint("serve", partial(model.__call__, training=False), input_signature=[spec])
    archive.write_out(path, verbose=False)


def _read_saved_model(path: Path) -> Predict:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    return lambda examples: model.serve(examples).numpy()


def _write_onnx(model: Any, spec: Any, path: Path) -> None:
    import keras
    import tensorflow as tf
    import tf2onnx

    # Not by `model.export`, which makes inputs of what a Normalization layer found; and within a model that has the
    # type of the examples.
    raw = keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name)
    signature = [tf.TensorSpec(spec.shape, spec.dtype, spec.name)]
    lacking: dict[str, Any] = {"Erfc": (_erfc, [])}
    whole = keras.Model(raw, model(raw))
    tf2onnx.convert.from_keras(whole, signature, custom_op_handlers=lacking, output_path=str(path))


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """1 - erf(x), of which GELU is made; tf2onnx has no word for it."""
    import numpy as np

    erf = graph.make_node("Erf", node.input)
    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    graph.remove_node(node.name)
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, name=name)


def _read_onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    return lambda examples: session.run(None, {given.name: examples})[0]


def _write_tflite(model: Any, spec: Any, path: Path) -> None:
    model.export(path, format="litert", input_signature=[spec], verbose=False)


def _read_tflite(path: Path) -> Predict:
    import numpy as np
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore"):  # of its new name, LiteRT
        interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    [given], [made] = interpreter.get_input_details(), interpreter.get_output_details()

    def one(example: NDArray[Any]) -> NDArray[Any]:
        interpreter.set_tensor(given["index"], example[None])
        interpreter.invoke()
        predictions: NDArray[Any] = interpreter.get_tensor(made["index"])
        return predictions

    return lambda examples: np.concatenate([one(example) for example in examples])


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        made.name: made
        for made in (
            Format("keras", ".keras", _write_keras, _read_keras, "Keras"),
            Format("saved_model", ".saved_model", _write_saved_model, _read_saved_model, "TensorFlow"),
            Format(
                "onnx", ".onnx", _write_onnx, _read_onnx, "ONNX Runtime", packages=("onnx", "onnxruntime", "tf2onnx")
            ),
            # Of any number at a time, recurrent layers need operators that only TensorFlow itself has.
            Format("tflite", ".tflite", _write_tflite, _read_tflite, "the TFLite interpreter", batch=1),
        )
    }
)
"""Every format of a model by its name."""
PROGRAMS = {"script": ".py", "notebook": ".ipynb"}
"""The run as a Keras program: the ending of each."""
NAMES = (*FORMATS, *PROGRAMS)
"""Every format, of models and of programs."""
