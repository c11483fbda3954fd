"""One run on several hosts: the first one leads, and each other one does with it what it says, and no more.

TensorFlow's `MultiWorkerMirroredStrategy` spreads each batch over all of them, as `mirrored` does over the devices of
one. All that is decided is decided on the first host: before each epoch and each evaluation it sends what is to be done
with every variable, so that no other can part from it; after an epoch it takes the mean of all hosts' moving averages.
Decision 18 in docs/decisions tells more.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nnexp.errors import Reason, RunError
from nnexp.failures import first_line, what_failed
from nnexp.training.engine import Engine, epoch_order
from nnexp.training.link import Link, Lost
from nnexp.training.mirrored import Mirrored
from nnexp.training.state import as_type

if TYPE_CHECKING:
    from nnexp.training.session import Session

# TensorFlow would wait for ever for a host that it cannot reach.
_MEETING_SECONDS = 120.0
_NAMING_SECONDS = 3.0  # TensorFlow may notice a loss before the link does
_ALIKE = "see that nothing but nnexp uses these ports, and that all hosts have the same nnexp"


@dataclass(frozen=True, slots=True)
class Team:
    """The hosts of a run, as one of them has them."""

    hosts: Sequence[str]
    place: int  # of this host among them
    links: Sequence[Link]  # of the first host: to each of the others, in their order; of another: to the first

    def spread(self) -> Hosts:
        """Have TensorFlow take the port of this host, and meet the others."""
        import tensorflow as tf
        from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended
        from tensorflow.python.eager import context

        # TensorFlow would ask the web's proxy (http_proxy) for the hosts, and wait for ever.
        names = ",".join(host.rpartition(":")[0] for host in self.hosts)
        os.environ["no_grpc_proxy"] = names  # noqa: SIM112
        with self.watching(_MEETING_SECONDS):
            # The links say sooner who is lost, and why; TensorFlow's service for it takes SIGTERM from Python.
            CollectiveAllReduceExtended._enable_check_health = False
            context.context().configure_coordination_service(service_type="")
            cluster = tf.train.ClusterSpec({"worker": list(self.hosts)})
            strategy = tf.distribute.MultiWorkerMirroredStrategy(
                tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, task_type="worker", task_id=self.place)
            )
            strategy.run(tf.function(_count))  # waits until all are there
        count = strategy.num_replicas_in_sync
        return Hosts(strategy, count, first=self.place * (count // len(self.hosts)), team=self)

    @contextlib.contextmanager
    def watching(self, seconds: float = 0.0) -> Iterator[None]:
        """Within it TensorFlow's operations end when a host is lost, or after so many seconds, and an error says why.

        Raises:
            RunError: a host is lost.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _abort()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        try:
            if seconds:
                timer.start()
            for link in self.links:
                link.on_loss = _abort
                link.check()
            yield
        except Exception as error:
            what = ""
            if not late.is_set() and (isinstance(error, Lost) or _is_tensorflows(error)):
                what = self._who(_NAMING_SECONDS)
            if late.is_set() or (seconds and not what and type(error).__name__ == "UnavailableError"):
                why = f"within {seconds:.0f} s" if late.is_set() else f"({first_line(error)})"
                what = f"the hosts did not reach one another {why}\n"
                what += f"each must be able to connect to each: {', '.join(self.hosts)}"
            self.leave(what or what_failed(error, Path()))
            if what:
                raise RunError(f"{what}\nwhen the run goes on, join it again" if self.place else what) from error
            raise
        except BaseException:
            interrupted: Reason = "it was interrupted"
            self.leave(interrupted)
            raise
        finally:
            timer.cancel()
            for link in self.links:
                link.on_loss = _nothing

    def leave(self, why: str) -> None:
        """End the links; the others are told why."""
        for link in self.links:
            link.close(why)

    def _who(self, seconds: float) -> str:
        """Which hosts are lost and why; it may take so long to learn it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if lost := [f"{link.name}: {link.lost}" for link in self.links if link.lost]:
                return "\n".join(lost)
            time.sleep(0.05)
        return "\n".join(
            f"{link.name}: lost: it does not answer; see that it runs and can be reached"
            for link in self.links
            if link.quiet > _NAMING_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Hosts(Mirrored):
    """On the devices of several hosts."""

    team: Team = Team((), 0, ())
    in_step: bool = True

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """See Spread."""
        with self.team.watching(), self.strategy.scope():
            yield

    @contextlib.contextmanager
    def together(self, engine: Engine, do: str, epoch: int = 0) -> Iterator[None]:
        """See Spread."""
        with self.team.watching():
            state = [variable.numpy() for variable in _taken(engine.model, do)]
            for link in self.team.links:
                link.send({"do": do, "epoch": epoch, "steps": engine.steps_a_call}, state)
            yield
            seen = _seen(engine.model) if do == "epoch" else []
            found = [_fitting(seen, link.receive()[1], link) for link in self.team.links]
        if do == "epoch":
            for variable, *sent in zip(seen, *found, strict=True):
                own = variable.numpy()
                others = [as_type(own.dtype, other) for other in sent]
                if any((other != own).any() for other in others):
                    variable.assign(sum(others, own) / len(self.team.hosts))


def follow(session: Session, team: Team) -> None:
    """On another than the first host, do what it says until it has the test's figures.

    Raises:
        RunError: it is lost.
    """
    [first] = team.links
    model, engine = session.model, session.engine
    with team.watching():
        do = ""
        while do != "test":
            order, state = first.receive()
            do, epoch, steps = _understood(order, first)
            taken = _taken(model, do)
            for variable, value in zip(taken, _fitting(taken, state, first), strict=True):
                variable.assign(as_type(variable.numpy().dtype, value))
            if do == "epoch":
                engine.steps_a_call = steps
                examples = len(session.splits.x_train)
                engine.train_epoch(epoch_order(session.experiment.seed, epoch, examples), _unheard)
            elif held_out := session.validation if do == "validation" else session.test:
                session.evaluator.evaluate(*held_out)
            first.send({"done": do}, [variable.numpy() for variable in _seen(model)] if do == "epoch" else ())


def _understood(order: Mapping[str, Any], first: Link) -> tuple[str, int, int]:
    """What the first host wants done, in which epoch, and how many steps at a time.

    Raises:
        RunError: it says what no first host does.
    """
    do, epoch, steps = (order.get(key) for key in ("do", "epoch", "steps"))
    if do in ("epoch", "validation", "test") and isinstance(epoch, int) and isinstance(steps, int) and steps > 0:
        return str(do), epoch, steps
    raise RunError(f"{first.name} asks for what no first host does; {_ALIKE}")


def _fitting(variables: Sequence[Any], values: list[NDArray[Any]], link: Link) -> list[NDArray[Any]]:
    """The values that another host sent for these variables.

    Raises:
        RunError: they are not of their shapes.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise RunError(f"{link.name} sent the values of another model; {_ALIKE}")
    return values


def _taken(model: Any, do: str) -> list[Any]:
    """What is taken from the first host before something is done."""
    return [*model.variables, *(model.optimizer.variables if do == "epoch" else ())]


def _seen(model: Any) -> list[Any]:
    """What each host finds by itself in its parts of the batches: moving averages."""
    return list(model.non_trainable_weights)


def _unheard(step: int, logs: Any) -> None:
    pass


def _count() -> Any:
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce("SUM", tf.constant(1.0))


def _nothing() -> None:
    pass


def _abort() -> None:
    """Have TensorFlow's operations on several hosts fail, now and from now on; where it could not begin, none are."""
    from tensorflow.python.eager import context
    from tensorflow.python.framework import errors

    with contextlib.suppress(errors.OpError, RuntimeError):
        context.context().abort_collective_ops(errors.UNAVAILABLE, "a host is lost")


def _is_tensorflows(error: Exception) -> bool:
    import tensorflow as tf

    return isinstance(error, tf.errors.OpError)
