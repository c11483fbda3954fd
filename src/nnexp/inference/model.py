"""The stored model of a run, applied to raw examples."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import evaluation
from nnexp.data.rows import Examples, batches
from nnexp.errors import InputError
from nnexp.inference.signature import NAMED, Signature
from nnexp.runs.reading import ANEW, Refused, content_of, printable
from nnexp.runs.record import RunRecord
from nnexp.runs.weights import read_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_MEGABYTES = 4000  # a billion parameters


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What model.keras holds: raw examples in, answers out."""

    keras: Any
    signature: Signature
    from_logits: bool

    def answers(self, x: Examples) -> NDArray[np.float32]:
        """What it says of raw examples [n, ...]: probabilities [n, classes or labels], or values [n, targets]."""
        import numpy as np
        import tensorflow as tf

        call = tf.function(lambda batch: self.keras(batch, training=False), reduce_retracing=True, autograph=False)
        parts = list(batches(x))
        # One batch needs no compiled graph, and making one takes longer.
        apply = call if len(parts) > 1 else lambda batch: self.keras(batch, training=False)
        outputs = [np.asarray(apply(tf.convert_to_tensor(x[part]))) for part in parts]
        return evaluation.answers(self.signature.task, np.concatenate(outputs), self.from_logits)


def load_model(run: RunRecord, signature: Signature) -> StoredModel:
    """The model of a run, of which a stranger may be the author: only Keras' own layers, in Keras' safe mode.

    Raises:
        InputError: model.keras is missing, damaged, a link, or not a model of this signature.
    """
    name = printable(run.folder.model)
    try:
        content = content_of(run.folder.model, _MOST_MEGABYTES)
    except FileNotFoundError:
        raise InputError(f"{name} is missing; train anew:  nnexp run {printable(run.folder.config)}") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}; see that you may read it") from None
    except Refused as error:
        raise InputError(f"{name} is not loaded: {error}; {ANEW}") from None
    model = _loaded(content, name)
    count = len(signature.classes)
    outputs = (count, 1) if count == 2 and signature.task == "classification" else (count,)
    if getattr(model, "input_shape", None) != (None, *signature.shape):
        raise InputError(f"{name} takes another input than the run's metrics.json says; {ANEW}")
    if getattr(model, "output_shape", None) not in [(None, numbers) for numbers in outputs]:
        raise InputError(f"{name} does not answer with a number for each of {count} {NAMED[signature.task]}; {ANEW}")
    return StoredModel(model, signature, _from_logits(run))


def _loaded(content: bytes, name: str) -> Any:
    """The Keras model in a file's bytes: what was looked at is what is loaded."""
    from nnexp.training import backend
    from nnexp.training.model import reason

    with tempfile.TemporaryDirectory(prefix="nnexp-model-") as folder:
        copy = Path(folder) / "model.keras"
        copy.write_bytes(content)
        try:
            read_weights(copy)  # refuses what unpacks to too much, or lies in other files
        except Refused as error:
            raise InputError(f"{name} is not loaded: {error}; {ANEW}") from None
        backend.load()  # with what threads TensorFlow has: they can be set but once in a process, by a run
        import keras

        try:
            return keras.saving.load_model(copy, compile=False, safe_mode=True)
        except Exception as error:  # noqa: BLE001  damaged and forged models fail in no end of ways
            raise InputError(f"{name} cannot be loaded by Keras: {reason(error)}; {ANEW}") from None


def _from_logits(run: RunRecord) -> bool:
    """Whether the model gives raw scores, of which the loss made probabilities."""
    loss = run.config.get("loss")
    parameters = next(iter(loss.values()), None) if isinstance(loss, dict) else None
    return isinstance(parameters, dict) and parameters.get("from_logits") is True
