"""Workers of a Dask cluster: the way to them, whether they have what it takes, and which of them are there."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.errors import InputError, Reason, RunError
from nnexp.failures import first_line
from nnexp.runs import versions
from nnexp.sweeps.child import Task
from nnexp.sweeps.execute import Settle, SweepReport, Tasks, Warned, execute
from nnexp.sweeps.expand import Point
from nnexp.sweeps.remote import far
from nnexp.sweeps.remote.link import Link
from nnexp.sweeps.remote.near import RemoteWorker
from nnexp.sweeps.worker import no_main_module, signals_held

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_SECONDS = 15
_LOOK_SECONDS = 1.0
_ADDRESS = re.compile(r"(\w+://)?[^/:\s]+:\d+|(\w+://)?\[[0-9a-fA-F:]+\]:\d+")
_GET_IT = "pip install 'nnexp[dask]'"

Serve = Callable[..., None]


class Cluster:
    """The workers of one scheduler, as an executor."""

    elsewhere = True

    def __init__(self, client: Client, lanes: int | None = None, serve: Serve = far.serve) -> None:
        """`lanes` is how many runs there are at a time; by default as many as the workers have threads.

        Raises:
            InputError: a worker, or the scheduler, has other versions than this process.
        """
        self._client, self._lanes, self._serve = client, lanes, serve
        self._executor = client.get_executor(pure=False, retries=0)
        self._id = uuid.uuid4().hex
        self._expected = versions.here()
        self._need_the_same()
        self._threads: Mapping[str, int] = client.nthreads()
        self._workers: weakref.WeakSet[RemoteWorker] = weakref.WeakSet()
        self._lock = threading.Lock()  # lanes add to it while it is looked through
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True, name="cluster")
        self._looking.start()

    def lanes(self) -> int:
        """How many runs there can be at a time; one where no worker is there yet."""
        return self._lanes or max(1, sum(self._threads.values()))

    def share(self, points: Sequence[Point], workers: int | None) -> tuple[int, int]:
        """All that there is; a thread each, where the config does not say otherwise."""
        return min(self.lanes(), len(points)), 1

    def prepare(self) -> None:
        """The workers start what they need when the first run comes."""

    def execute(self, tasks: Tasks, workers: int, report: SweepReport, settle: Settle) -> None:
        """See `execute.execute`."""
        if not self._threads:
            report("", Warned("the cluster has no worker yet: the sweep waits for one"))
        execute(tasks, self, report, settle)

    def start(self, task: Task) -> RemoteWorker:
        """A worker that Dask begins where there is room.

        Raises:
            RunError: the scheduler is gone.
        """
        name, token = uuid.uuid4().hex, str(self.token(task))
        try:
            link = Link(self._client, name, driver=True)
            serving = self._executor.submit(self._serve, name, token, self._expected)
        except Exception as error:
            raise RunError(
                f"the cluster's scheduler is gone: {type(error).__name__}: {first_line(error)}; start it again"
            ) from error
        worker = RemoteWorker(task, link, serving)
        with self._lock:
            self._workers.add(worker)
        return worker

    def token(self, task: Task) -> Path:
        """A file that is there where the runs directory is seen, and nowhere else."""
        found = task.scratch / f"here-{self._id}"
        found.touch()
        return found

    def close(self) -> None:
        """Let go of the scheduler, and it of what was begun."""
        self._over.set()
        self._looking.join()
        with contextlib.suppress(Exception):  # the scheduler is gone, which is told already
            self._executor.shutdown(wait=False)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            with contextlib.suppress(Exception):  # the scheduler is gone: who waits for a worker's word is told so
                self._threads = self._client.nthreads()
            with self._lock:
                workers = list(self._workers)
            for worker in workers:
                worker.look(self._threads)

    def _need_the_same(self) -> None:
        found: dict[str, Any] = {}
        with _quiet():
            try:
                found["the scheduler"] = self._client.run_on_scheduler(versions.here)
            except Exception as error:  # noqa: BLE001  # nnexp is not there, for one
                found["the scheduler"] = error
            found |= self._client.run(versions.here, on_error="return")
        wrong: list[Reason] = []
        for who, has in found.items():
            name = who if who == "the scheduler" else f"the worker {who}"
            if isinstance(has, Exception):
                wrong.append(f"  {name} has no nnexp like this one's: {first_line(has)}")
            elif differs := versions.differences(self._expected, has):
                wrong.append(f"  {name} has {differs}")
        if wrong:
            listed = "\n".join(wrong[:10])
            raise InputError(
                f"not all of the cluster has what this computer has:\n{listed}\ninstall the same everywhere"
            )


@contextlib.contextmanager
def connected(address: str, lanes: int | None) -> Iterator[Cluster]:
    """The cluster of the scheduler at an address, or in a scheduler file; "": one made here for as long as it is used.

    Raises:
        InputError: there is no such scheduler, or it is another one than is needed; or a package is missing.
    """
    try:
        import dask
        from distributed import LocalCluster
    except ImportError:
        raise InputError(f"--executor dask needs the package distributed; get it with  {_GET_IT}") from None
    # A driver's own part of what docs/cluster.md says for all: what is cut off is noticed in seconds.
    patience = {"distributed.comm.timeouts.tcp": "15s", "distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s"}
    with dask.config.set(patience), contextlib.ExitStack() as stack, _quiet():
        if not address and not (address := dask.config.get("scheduler-address", "") or ""):
            resource_tracker.ensure_running()  # here, since where it is begun it lets go of the signals
            with no_main_module(), signals_held():  # its processes live on at Ctrl-C, as the driver's own do
                own = LocalCluster(
                    n_workers=lanes,
                    threads_per_worker=1,
                    memory_limit=0,
                    host="127.0.0.1",
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # what is left of it wants no fixed port
                )
            stack.enter_context(own)
            address = own.scheduler_address
        client = stack.enter_context(_client(address))
        cluster = Cluster(client, lanes)
        stack.callback(cluster.close)
        yield cluster


def _client(address: str) -> Client:
    from distributed import Client

    is_file = address.endswith(".json")
    if is_file and not is_written(Path(address), _CONNECT_SECONDS):
        raise InputError(
            f"there is no scheduler file {address}, nor did one come in {_CONNECT_SECONDS} s; "
            "`dask scheduler --scheduler-file` writes it"
        )
    if not is_file and not _ADDRESS.fullmatch(address):
        raise InputError(f"--scheduler {address} is no address; give one such as tcp://lab:8786, or a scheduler file")
    where = {"scheduler_file": address} if is_file else {"address": address}
    try:
        return Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # noqa: BLE001  # of many kinds: no such host, no answer, other versions of Dask
        raise InputError(
            f"there is no scheduler at {address}: {first_line(error)}; `dask scheduler` starts one"
        ) from None


def is_written(file: Path, seconds: float) -> bool:
    """Whether a scheduler file is there and whole, by then: a scheduler that has just been begun writes it soon."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            json.loads(file.read_bytes())
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own words off the terminal: what matters of them is told by nnexp."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado.application")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
