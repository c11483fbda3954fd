"""The only door to TensorFlow's knobs: quiet logs, threads, seeds, and a quick import."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from nnexp.training import programs


def load() -> None:
    """Import TensorFlow and Keras, quietly; no operation runs, so a process may still be forked from this one."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if "keras" not in sys.modules:
        with _absent("sklearn", "pandas", "matplotlib", "matplotlib.pyplot"), quiet(), _without_collector():
            import keras  # noqa: F401


def prepare(threads: int | None, parts: int = 1) -> int:
    """Load TensorFlow and Keras with a fixed number of threads; returns that number.

    One operation runs on all of them, or where batches come in `parts`, the parts on one each.

    The thread count can only be set once in a process, before TensorFlow's first operation; it is part of what makes a
    run repeatable bit for bit, since XLA splits sums differently over one and two threads.
    """
    load()
    import tensorflow as tf

    count = threads or available_cpus()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    programs.borrow(count)  # first: TensorFlow reads its flags as soon as it is asked for a setting
    if tf.config.threading.get_inter_op_parallelism_threads() != count:
        tf.config.threading.set_intra_op_parallelism_threads(max(1, count // parts))
        tf.config.threading.set_inter_op_parallelism_threads(count)
    return count


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow; Keras' initializers and dropout layers draw from these when they are built."""
    import keras

    keras.utils.clear_session(free_memory=False)  # names and counters; collecting garbage takes 50 ms each time
    keras.utils.set_random_seed(seed)


def available_cpus() -> int:
    """The number of CPUs that this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Hide optional packages during an import: Keras tries scikit-learn, pandas and pyplot, 2 s for nothing."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes an import fail at once
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector off an import that makes a million objects, and from looking at them ever after."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow's start-up notes, which C++ writes before any of its settings hold, off the terminal.

    What was written is shown after all if the import fails.
    """
    try:
        saved = os.dup(2)
    except OSError:  # the process was started without a stderr
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(saved, notes.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
