"""What a real scheduler shows without a worker: the two ends of a link, and what a cluster does to its surroundings."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dask import config
from distributed import Client, LocalCluster

from nnexp.sweeps.execute import Listed, SweepEvent, Warned
from nnexp.sweeps.remote.cluster import Cluster, connected
from nnexp.sweeps.remote.far import _Far
from nnexp.sweeps.remote.link import Gone, Link
from nnexp.sweeps.worker import Worker


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    local = LocalCluster(n_workers=0, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0")
    with local, Client(local) as client:
        yield client


def _ends(client: Client, name: str) -> tuple[Link, Link]:
    return Link(client, name, driver=True), Link(client, name, driver=False)


def _within(do: Callable[[], object]) -> threading.Thread:
    def work() -> None:
        with contextlib.suppress(Gone):
            while True:
                do()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_is_sent_is_received_in_order_also_after_the_sender_has_left(client: Client) -> None:
    driver, far = _ends(client, "order")
    for number in range(3):
        far.send({"number": number})
    far.leave()
    assert [driver.receive() for _ in range(3)] == [{"number": number} for number in range(3)]
    driver.close()


@pytest.mark.parametrize("end", [Link.close, Link.leave])
def test_an_end_that_is_done_with_ends_its_own_thread_that_receives(
    end: Callable[[Link], None], client: Client
) -> None:
    driver, far = _ends(client, end.__name__)
    thread = _within(far.receive)
    driver.send({"a": "word"})
    end(far)
    thread.join(30)
    assert not thread.is_alive()
    driver.close()


def test_an_end_that_is_closed_ends_its_own_thread_that_sends_more_than_anyone_reads(client: Client) -> None:
    driver, far = _ends(client, "full")
    thread = _within(lambda: far.send({"a": "word"}))
    far.close()
    thread.join(30)
    assert not thread.is_alive()
    driver.close()


def test_a_far_end_that_is_closed_ends_though_one_that_was_cut_off_waits_before_it(
    client: Client, tmp_path: Path
) -> None:
    driver, cut_off = _ends(client, "again")
    waiting = threading.Thread(target=cut_off.receive, daemon=True)  # as the scheduler sees it, for hours
    waiting.start()
    _wait_for_getters(client, "nnexp-again-there", 1)
    link = Link(client, "again", driver=False)

    def begun_again() -> None:
        with pytest.raises(Gone):
            _Far(link, tmp_path, lambda: None, Worker, shared=False).work()

    serving = threading.Thread(target=begun_again, daemon=True)
    serving.start()
    _wait_for_getters(client, "nnexp-again-there", 2)
    link.close()
    serving.join(30)
    assert not serving.is_alive()
    driver.send({})
    driver.close()


def _wait_for_getters(client: Client, name: str, count: int) -> None:
    """Until so many ends wait for the next word."""
    end = time.monotonic() + 30
    found = 0
    while found < count:
        assert time.monotonic() < end, f"{found} of {count} ends wait"
        found = client.run_on_scheduler(
            lambda dask_scheduler: len(dask_scheduler.extensions["queues"].queues[name]._getters)
        )


@pytest.mark.slow
def test_an_end_can_be_left_while_the_other_one_has_filled_the_queue(client: Client) -> None:
    driver, far = _ends(client, "filled")
    for _ in range(4):
        driver.send({"a": "word"})
    leaving = threading.Thread(target=far.leave, daemon=True)
    leaving.start()
    leaving.join(30)
    assert not leaving.is_alive()
    driver.close()


def test_that_no_worker_is_there_is_told(client: Client) -> None:
    told: list[SweepEvent] = []
    cluster = Cluster(client)
    cluster.execute(Listed([]), 1, lambda _, event: told.append(event), lambda task, ending: None)
    cluster.close()
    assert [type(event) for event in told] == [Warned]


def test_the_settings_of_dask_are_the_callers_again_afterwards(client: Client) -> None:
    before = config.get("distributed.comm.timeouts.tcp")
    with connected(client.scheduler.address, None):
        assert config.get("distributed.comm.timeouts.tcp") != before
    assert config.get("distributed.comm.timeouts.tcp") == before
