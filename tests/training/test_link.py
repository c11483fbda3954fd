"""The line between hosts: what is sent arrives, what is no message does no harm, and an end that is gone is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nnexp import events
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import Splits, split
from nnexp.errors import InputError, NnexpError, RunError
from nnexp.runs import versions
from nnexp.training import link as links
from nnexp.training.hosts import Team, follow
from nnexp.training.link import Link, Lost
from nnexp.training.meeting import address, gather, hosts_of, join
from nnexp.training.mirrored import of_a_host
from nnexp.training.session import Session

CONFIG = "dataset: iris\nlayers: [dense: {units: 3, activation: softmax}]\ndistribute: mirrored\n"
# What a first host says of its run, but for the hosts.
A_RUN = {"place": 1, "name": "it", "config": CONFIG, "identity": "i", "data": [], "streamed": False}


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        return here, listener.accept()[0]


@pytest.fixture
def pair() -> Iterator[tuple[Link, Link]]:
    here, there = connected()
    ends = Link(here, "b:1", most=None), Link(there, "a:1", most=None)
    yield ends
    for end in ends:
        end.close()


def test_messages_arrive_in_order_with_their_arrays(pair: tuple[Link, Link]) -> None:
    here, there = pair
    arrays = [
        np.arange(3_000_000, dtype=np.float64).reshape(3, -1)[:, ::2],  # several pieces, and not in one stretch
        np.float32(7.5) * np.ones(()),
        np.zeros((0, 4), np.int64),
        np.array([1, 2**32 - 1], np.uint32),
    ]
    here.send({"do": "epoch", "epoch": 3}, arrays)
    here.send({"do": "test"})
    order, came = there.receive(10)
    assert order == {"do": "epoch", "epoch": 3}
    for sent, array in zip(arrays, came, strict=True):
        assert (sent.dtype, sent.shape, sent.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert there.receive(10) == ({"do": "test"}, [])


def test_who_leaves_says_why_and_wakes_who_waits(pair: tuple[Link, Link]) -> None:
    here, there = pair
    told = threading.Event()
    there.on_loss = told.set
    threading.Timer(0.1, here.close, ["the disk is full"]).start()
    with pytest.raises(Lost, match="the disk is full"):
        there.receive()
    assert told.wait(5)
    with pytest.raises(Lost, match="the disk is full"):
        there.send({"done": True})


def test_an_end_that_is_silent_is_lost_and_one_that_only_works_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(links, "_BEAT_SECONDS", 0.1)
    here, there = connected()
    with there:  # it says nothing
        silent = Link(here, "b:1")
        with pytest.raises(Lost, match="no word"):
            silent.receive(5)
    one, other = connected()
    ends = Link(one, "b:1"), Link(other, "a:1")
    time.sleep(1)
    ends[0].send({"still": "there"})
    assert ends[1].receive(5) == ({"still": "there"}, [])
    for end in (silent, *ends):
        end.close()


HEAD = struct.Struct(">5sIQ")
TEXT = json.dumps([{"a": 1}, [["|O", [1]]]]).encode()
NO_TYPE = json.dumps([{"a": 1}, [["f8,(", [0]]]]).encode()  # a SyntaxError, to NumPy


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\n\r\n" + 20 * b" ",
        HEAD.pack(b"nnexp", 2**32 - 1, 0),
        HEAD.pack(b"nnexp", 2, 2**63),
        HEAD.pack(b"nnexp", 2, 0) + b"{}",
        HEAD.pack(b"nnexp", 6, 0) + b"[1, 2]",
        HEAD.pack(b"nnexp", 3, 0) + b"[[[",
        HEAD.pack(b"nnexp", len(TEXT), 8) + TEXT + 8 * b"\0",
        HEAD.pack(b"nnexp", len(NO_TYPE), 0) + NO_TYPE,
    ],
)
def test_what_is_no_message_ends_the_link(content: bytes) -> None:
    here, there = connected()
    end = Link(here, "b:1", most=100)
    there.sendall(content)
    with pytest.raises(Lost):
        end.receive(5)
    assert end.lost
    assert not end.left
    end.close()
    there.close()


def test_what_the_other_end_says_of_its_leaving_commands_no_terminal_and_fills_no_screen() -> None:
    here, there = connected()
    end = Link(here, "b:1")
    text = json.dumps([{"bye": "\x1b]0;mine\x07no\nmore" + 100_000 * "!"}, []]).encode()
    there.sendall(HEAD.pack(b"nnexp", len(text), 0) + text)
    with pytest.raises(Lost, match=r"^ ]0;mine no\nmore!+$") as told:
        end.receive(5)
    assert len(str(told.value)) < 3000
    assert end.left
    end.close()
    there.close()


@pytest.mark.parametrize("text", ["a:1", "a:1,a:1", "a:1,b", "a:1,b:0", "a:1,:2", "a:1,b:70000", "a:1,b:x"])
def test_hosts_are_two_or_more_each_with_a_port(text: str) -> None:
    with pytest.raises(InputError, match="such as"):
        hosts_of(text)
    assert hosts_of("a:4711, b.c:4712") == ("a:4711", "b.c:4712")
    assert address("::1:4711") == ("::1", 4711)


@pytest.fixture(scope="module")
def splits() -> Splits:
    of_a_host()  # imports TensorFlow, as a run does before it waits
    return split(load(DATASETS["iris"]), "none", 1)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [place.getsockname()[1] for place in sockets]
    for place in sockets:
        place.close()
    return ports


def test_hosts_that_do_not_come_are_named(experiment: Callable[[str], Experiment], splits: Splits) -> None:
    hosts = [f"127.0.0.1:{port}" for port in free_ports(3)]
    told: list[events.Event] = []
    begun = time.monotonic()
    with pytest.raises(RunError, match=f"no word from {hosts[1]}, {hosts[2]}; nothing was written"):
        gather(hosts, 0.5, experiment(CONFIG), splits, told.append)
    assert time.monotonic() - begun < 5
    assert told == [events.Note(f"waiting for {hosts[1]}, {hosts[2]}; on each of them:  nnexp join {hosts[0]}")]
    with pytest.raises(RunError, match=f"{hosts[0]} did not answer within 0 s"):
        join(hosts[0], "", 0)


def test_who_cannot_help_is_told_why_and_the_others_are_waited_for(
    experiment: Callable[[str], Experiment], splits: Splits
) -> None:
    refused: dict[str, dict[str, object]] = {
        "Keras": {"versions": {**versions.here(), "Keras": "2.0"}},
        "other versions": {"versions": "none"},
        "same devices": {"versions": versions.here(), "devices": ["GPU:0", "GPU:1"]},
        "b:1 is none of those waited for": {"versions": versions.here(), "as": "b:1"},
        "127.0.0.1 is the address of none": {"versions": versions.here()},
    }
    [port] = free_ports(1)
    told: list[events.Event] = []
    ended: list[NnexpError] = []

    def wait() -> None:
        try:
            gather([f"127.0.0.1:{port}", "192.0.2.7:1"], 2, experiment(CONFIG), splits, told.append)
        except NnexpError as error:
            ended.append(error)

    first = threading.Thread(target=wait)
    first.start()
    while not told:
        time.sleep(0.01)
    for why, hello in refused.items():
        helper = Link(socket.create_connection(("127.0.0.1", port)), "first")
        helper.send({"as": "", "devices": of_a_host(), **hello})
        with pytest.raises(Lost, match=why):
            helper.receive(10)
        helper.close()
        assert why in str(told[-1])
    first.join()
    assert "no word from 192.0.2.7:1" in str(ended)


def test_a_helper_waits_where_something_else_has_the_port_of_the_first_host(splits: Splits) -> None:
    """TensorFlow of the run before, for one, while that run writes its results."""
    ended: list[str] = []

    def wait() -> None:
        try:
            join(first, "", 60)
        except NnexpError as error:
            ended.append(str(error))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        first = f"127.0.0.1:{listener.getsockname()[1]}"
        helper = threading.Thread(target=wait)
        helper.start()
        other = listener.accept()[0]
        other.sendall(b"\0\0\x12\x04" + 60 * b"\0")  # as a server of gRPC greets
        link = Link(listener.accept()[0], "b:1")
        assert link.receive(10)[0]["versions"] == versions.here()
        link.close("other versions")
        helper.join(30)
        other.close()
    assert ended == [f"{first} does not take this host: other versions; mend that, and join again"]


def test_a_helper_whose_own_port_is_taken_says_so_to_both(splits: Splits) -> None:
    ended: list[str] = []

    def wait() -> None:
        try:
            join(first, "", 5)
        except InputError as error:
            ended.append(str(error))

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("", 0)) as taken:
        listener.settimeout(20)
        first, own = (f"127.0.0.1:{place.getsockname()[1]}" for place in (listener, taken))
        helper = threading.Thread(target=wait)
        helper.start()
        link = Link(listener.accept()[0], own)
        link.receive(10)
        link.send({**A_RUN, "hosts": [first, own]})
        with pytest.raises(Lost, match=f"{own}: port {own.rpartition(':')[2]} of this computer cannot be used"):
            link.receive(10)
        helper.join(30)
        link.close()
    assert "give another in --hosts" in ended[0]


@pytest.mark.parametrize(
    "told", [{}, {**A_RUN, "hosts": ["a:1"]}, {**A_RUN, "hosts": [1, 2]}, {"hosts": ["a:1", "b:1"]}]
)
def test_a_first_host_that_does_not_say_what_its_run_is_is_refused(told: dict[str, object], splits: Splits) -> None:
    answered: list[str] = []

    def answer() -> None:
        link = Link(listener.accept()[0], "b:1")
        link.receive(10)
        link.send({"it": "is", **told})
        with pytest.raises(Lost) as lost:
            link.receive(10)
        answered.append(str(lost.value))
        link.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = threading.Thread(target=answer)
        other.start()
        first = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(InputError, match=f"{first} does not say what its run is"):
            join(first, "", 5)
        other.join(20)
    assert answered == ["it does not say what its run is"]


def test_an_order_that_no_first_host_gives_ends_the_helper_with_words(
    experiment: Callable[[str], Experiment], splits: Splits
) -> None:
    session = Session(experiment(CONFIG), splits, DATASETS["iris"])
    state = [variable.numpy() for variable in session.model.variables]
    wrong = [
        ({"epoch": 1, "steps": 1}, state, "asks for what no first host does"),
        ({"do": "dance", "epoch": 1, "steps": 1}, state, "asks for what no first host does"),
        ({"do": "epoch", "epoch": "1", "steps": 1}, state, "asks for what no first host does"),
        ({"do": "epoch", "epoch": 1, "steps": 0}, state, "asks for what no first host does"),
        ({"do": "test", "epoch": 0, "steps": 1}, state[:1], "sent the values of another model"),
        ({"do": "test", "epoch": 0, "steps": 1}, [value.T for value in state], "sent the values of another model"),
    ]
    for order, values, words in wrong:
        here, there = connected()
        first, helper = Link(here, "b:1", most=None), Link(there, "a:1", most=None)
        first.send(order, values)
        with pytest.raises(RunError, match=f"a:1 {words}; see that"):
            follow(session, Team(("a:1", "b:1"), 1, [helper]))
        with pytest.raises(Lost, match=words):
            first.receive(10)
        first.close()
