"""A training session: everything TensorFlow holds for one run, behind plain methods."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp import machine
from nnexp.config.batches import needs_batches
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import Dataset
from nnexp.data.normalization import NORMALIZATIONS, fit
from nnexp.data.rows import Rows
from nnexp.data.splits import Splits
from nnexp.errors import ConfigError, Place, Problem
from nnexp.evaluation import Evaluation, answers, evaluate
from nnexp.preflight.outputs import output_problems
from nnexp.profile import Mark, Progress, unmarked
from nnexp.training import backend, engine, mirrored, model, programs, shards, stream
from nnexp.training.callbacks import make_callbacks, stop_reason
from nnexp.training.engine import Logs
from nnexp.training.hosts import Team
from nnexp.training.loop import EpochResult, epochs
from nnexp.training.state import Keeper, State, fits


@dataclass(frozen=True, slots=True)
class Done:
    """What of a run was done before, and is not done again."""

    epoch: int
    logs: Logs  # of that epoch
    stop: bool  # training ended with it
    state: State


class Session:
    """One model in training on one set of splits."""

    def __init__(
        self,
        experiment: Experiment,
        splits: Splits,
        dataset: Dataset,
        threads: int | None = None,
        team: Team | None = None,
    ) -> None:
        """Import TensorFlow, seed, build and compile the model and its engine.

        `threads` is what a run that goes on was begun with; None: what the experiment says. `team` has the hosts that
        batches are spread over; None: this one.

        Raises:
            ConfigError: Keras refuses a part of the experiment.
        """
        self.experiment, self.splits, self.dataset = experiment, splits, dataset
        self.threads = threads or experiment.threads or backend.available_cpus()
        self.hosts = team.hosts if team else ()
        self._team = team
        self.devices = mirrored.replicas(experiment, self.hosts)
        self.spread = self._spread(team)
        self._programs = programs.borrow(self.threads)
        backend.seed_everything(experiment.seed)
        with self.spread.scope():
            self.model = _model(experiment, splits)
            if problems := output_problems(experiment, dataset, self.model.output_shape[1:]):
                raise ConfigError(problems)
            model.compile_model(self.model, experiment)
            self.engine = self._engine()
        self.evaluator = engine.Evaluator(self.model, self.spread)
        self.callbacks: list[Any] = []
        self._keeper: Keeper | None = None

    def _spread(self, team: Team | None) -> shards.Spread:
        """How batches go through the model; TensorFlow is given its threads."""
        if team:
            backend.prepare(self.threads)
            return team.spread()
        devices = self.devices or ()
        parts = 1 if len(devices) > 1 else shards.parts(self.experiment, self.threads)
        backend.prepare(self.threads, parts)
        return mirrored.Mirrored.on(devices) if len(devices) > 1 else shards.Parts(parts)

    def _engine(self) -> engine.Engine:
        experiment = self.experiment
        steps = -(-len(self.splits.x_train) // experiment.batch_size)
        name, reason = engine.choose(
            self.model,
            experiment.engine,
            steps=steps * experiment.epochs,
            needs_batches=needs_batches(experiment.callbacks),
            devices=len(self.devices or ()),
        )
        make = engine.KerasEngine if name == "keras" else partial(engine.CompiledEngine, spread=self.spread)
        if self.spread.parts > 1:
            reason += f"; each batch in {self.spread.parts} parts, one a thread"
        if self.replicas:
            told = ", ".join(f"{replica['examples']} on {replica['device']}" for replica in self.replicas)
            reason += f"; distribute: mirrored, of each batch {told}"
        try:
            examples, targets, weights = self._data(self.splits)
            return make(self.model, examples, targets, experiment.batch_size, name, reason, weights)
        except (ValueError, TypeError) as error:
            message = f"Keras cannot train this model with the loss {experiment.loss.name}: {model.reason(error)}"
            place = experiment.places.get(("loss",), Place("loss"))
            raise ConfigError([Problem(place, message, "check the loss and the metrics against the labels")]) from error

    def renew(self, experiment: Experiment, splits: Splits) -> bool:
        """Become the session of an experiment that differs in its seed alone, with all that is compiled; or say False.

        A model is made as for a new session, and its variables are taken over: the same bits, without a second compile.
        """
        if replace(experiment, seed=self.experiment.seed) != self.experiment:
            return False
        drawn = isinstance(experiment.validation, float) or experiment.train_size != "none"
        if drawn and NORMALIZATIONS[experiment.normalization.name].learns:
            return False  # what the normalization found in these examples is a constant in the compiled program
        backend.seed_everything(experiment.seed)
        fresh = _model(experiment, splits)
        model.compile_model(fresh, experiment)
        fresh.optimizer.build(fresh.trainable_variables)  # metrics, which begin anew with each epoch, need not be
        state = Keeper(fresh, []).take()
        if not fits(self.model, state):
            return False
        Keeper(self.model, []).put_back(state)
        held = self.splits
        if any(getattr(splits, part) is not getattr(held, part) for part in ("x_train", "y_train", "weights")):
            self.engine.feed(*self._data(splits))
        self.experiment, self.splits = experiment, splits
        return True

    @property
    def validation(self) -> tuple[Any, Any] | None:
        """The validation part as model and loss take it: examples, targets; None where there is none."""
        x, labels = self.splits.x_val, self.splits.y_val
        return None if x is None or labels is None else (x, self._targets(labels))

    @property
    def test(self) -> tuple[Any, Any]:
        """The test part as model and loss take it: examples, targets."""
        return self.splits.x_test, self._targets(self.splits.y_test)

    @property
    def summary(self) -> list[dict[str, Any]]:
        """A row a layer: `layer`, `kind`, `output`, `parameters`."""
        return model.summary(self.model)

    @property
    def parameters(self) -> dict[str, int]:
        """How many parameters the model has: `total`, `trainable`."""
        return model.parameter_counts(self.model)

    @property
    def replicas(self) -> list[dict[str, Any]] | None:
        """A row a device that batches are spread over: `device`, `examples` of a whole batch; None where none is."""
        if self.devices is None:
            return None
        lengths = shards.lengths(min(self.experiment.batch_size, len(self.splits.x_train)), len(self.devices))
        return [
            {"device": device, "examples": lengths[place % len(lengths)]} for place, device in enumerate(self.devices)
        ]

    @property
    def streamed(self) -> int:
        """Bytes of the training examples where they stay in their file; else 0."""
        x = self.splits.x_train
        return x.nbytes if isinstance(x, Rows) else 0

    @property
    def streaming(self) -> str:
        """What is streamed, in words; nothing where nothing is."""
        if not self.streamed:
            return ""
        buffers = machine.written(stream.BUFFERS * stream.BUFFER_BYTES)
        through = "" if self.engine.name == "keras" else f" through buffers of at most {buffers}"
        return f"streaming {machine.written(self.streamed)} of training examples from disk{through}"

    def train(
        self, folder: Path, progress: Progress, done: Done | None = None, mark: Mark = unmarked
    ) -> Iterator[EpochResult]:
        """Train, an epoch at a time, after those that are `done`; callbacks write into `folder`.

        Raises:
            RunError: the state that it was to go on from does not fit.
        """
        import keras

        experiment, splits = self.experiment, self.splits
        self.callbacks = make_callbacks(experiment.callbacks, folder)
        steps = -(-len(splits.x_train) // experiment.batch_size)
        hooks = keras.callbacks.CallbackList(
            self.callbacks, add_history=True, model=self.model, epochs=experiment.epochs, steps=steps, verbose=0
        )
        self.engine.callbacks = hooks
        self.model.stop_training = False
        hooks.on_train_begin()
        self._keeper = Keeper(self.model, self.callbacks)
        if done:
            self._keeper.put_back(done.state)
        logs = dict(done.logs) if done else {}
        first = done.epoch + 1 if done else 1
        if not (done and done.stop):
            for result in epochs(
                self.model,
                self.engine,
                hooks,
                first=first,
                last=experiment.epochs,
                seed=experiment.seed,
                examples=len(splits.x_train),
                steps=steps,
                validation=self.validation,
                evaluator=self.evaluator,
                stop_on_divergence=experiment.on_divergence == "stop",
                progress=progress,
                mark=mark,
            ):
                logs = result.logs
                if self._programs and result.epoch == first:
                    self._programs.keep()  # all is compiled now
                yield result
        mark("training/callbacks")
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)  # EMA weights become the weights
        hooks.on_train_end(logs)  # may restore the best weights

    def watched(self) -> AbstractContextManager[None]:
        """Whatever ends the work within it is told to the other hosts of the run, if there are any."""
        return self._team.watching() if self._team else contextlib.nullcontext()

    def fits(self, done: Done) -> bool:
        """Whether what was done before was done by a model with the same variables."""
        return fits(self.model, done.state)

    def stop(self) -> None:
        """Train no further epoch after the one that `train` gave last."""
        self.model.stop_training = True

    def state(self) -> State:
        """All that training needs to go on from the end of the epoch that `train` gave last."""
        assert self._keeper is not None
        return self._keeper.take()

    def stop_reason(self, epoch: int) -> str:
        """Why a callback stopped training after `epoch`."""
        return stop_reason(self.callbacks, self.experiment.callbacks, epoch)

    def evaluate(self) -> tuple[Evaluation, dict[str, float]]:
        """The evaluation of the predictions on the test split, and Keras' loss and metrics there."""
        labels = self.splits.y_test
        with self.spread.together(self.engine, "test"):
            test, outputs = self.evaluator.evaluate(*self.test)
        task = self.dataset.task
        answered = answers(task, outputs, bool(self.experiment.loss.get("from_logits")))
        return evaluate(task, labels, answered, self.dataset.classes), test

    def dead_units(self) -> dict[str, tuple[int, int]]:
        """For each layer that ends in a ReLU: (units that are zero for every test example, units)."""
        layers = [layer for layer in self.model.layers if _is_relu(layer)]
        if not layers:
            return {}
        largest = self.evaluator.largest_outputs(layers, self.splits.x_test)
        return {
            layer.name: (int(np.count_nonzero(peak == 0)), len(peak))
            for layer, peak in zip(layers, largest, strict=True)
        }

    def _data(self, splits: Splits) -> tuple[Any, Any, Any]:
        """What is trained on: examples, targets, weights."""
        x, labels = splits.x_train, splits.y_train
        targets = stream.Targets(labels, self._targets) if isinstance(x, Rows) else self._targets(labels)
        return x, targets, self._weights(splits)

    def _targets(self, labels: Any) -> Any:
        outputs = int(self.model.output.shape[-1])
        return model.targets(labels, self.experiment.loss.name, len(self.dataset.classes), outputs)

    def _weights(self, splits: Splits) -> NDArray[np.float32] | None:
        """How much each training example counts, [n], by itself and by its class; None where all count the same."""
        by_class = self._class_weights(splits.y_train)
        if splits.weights is None or by_class is None:
            return by_class if splits.weights is None else splits.weights
        both: NDArray[np.float32] = splits.weights * by_class
        return both

    def _class_weights(self, labels: NDArray[np.int32]) -> NDArray[np.float32] | None:
        given, classes = self.experiment.class_weight, self.dataset.classes
        if given == "none":
            return None
        if isinstance(given, str):  # balanced: as scikit-learn's compute_class_weight has it
            counts = np.bincount(labels, minlength=len(classes))
            by_class = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        else:
            by_class = np.array([given.get(name, 1.0) for name in classes])
        weights: NDArray[np.float32] = by_class.astype(np.float32)[labels]
        return weights


def _model(experiment: Experiment, splits: Splits) -> Any:
    """The model, not yet compiled, as the seed gives it that was just set."""
    normalization = fit(experiment.normalization.name, splits.x_train)()
    return model.build(experiment, splits.x_train.shape[1:], normalization)


def _is_relu(layer: Any) -> bool:
    import keras

    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(layer, "activation", None) is keras.activations.relu
