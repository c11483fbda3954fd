"""How the hosts of one run meet, before TensorFlow takes their ports: the same versions, data and devices on all."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp import events
from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import describe, load
from nnexp.data.progress import FetchProgress
from nnexp.data.rows import Rows
from nnexp.data.splits import Splits, fingerprint, split
from nnexp.errors import InputError, NnexpError, RunError
from nnexp.failures import what_failed
from nnexp.runs import versions
from nnexp.training import backend, mirrored
from nnexp.training.hosts import Team, follow
from nnexp.training.link import Link, Lost, shown
from nnexp.training.session import Session

_HELLO_SECONDS = 10.0
_MOST_TOLD = 100  # characters of what a stranger says
# What the first host says of its run, and of which type that is.
_OF_A_RUN = {
    "hosts": list,
    "place": int,  # of this host among them
    "name": str,
    "config": str,
    "identity": str,
    "data": list,
    "streamed": bool,
}


def address(host: str) -> tuple[str, int]:
    """Name and port of `a:4711`.

    Raises:
        InputError: it is not of that form.
    """
    name, _, port = host.rpartition(":")
    if not name or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise InputError(f"{host!r} is no host with a port\ngive both, such as a:4711")
    return name, int(port)


def hosts_of(text: str) -> tuple[str, ...]:
    """The hosts of `a:4711,b:4711`.

    Raises:
        InputError: they are not two or more, each with a port.
    """
    hosts = tuple(part.strip() for part in text.split(","))
    for host in hosts:
        address(host)
    if len(set(hosts)) < max(2, len(hosts)):
        raise InputError(f"--hosts {text} does not name two or more hosts, each once\nsuch as  --hosts a:4711,b:4711")
    return hosts


def gather(
    hosts: Sequence[str], seconds: float, experiment: Experiment, splits: Splits, report: events.Report = events.silent
) -> Team:
    """On the first host: wait until all others have come, and have their data ready.

    Raises:
        InputError: the port of this host cannot be used.
        RunError: some have not come within so many seconds.
    """
    told = {
        "hosts": list(hosts),
        "name": experiment.name,
        "config": experiment.yaml(),
        "identity": experiment.identity,
        "data": _data(splits),
        "streamed": isinstance(splits.x_train, Rows),
    }
    come: dict[str, Link] = {}
    ready: set[str] = set()
    until = time.monotonic() + seconds
    listener = _listen(hosts[0])
    try:
        with listener:
            listener.settimeout(0.2)
            report(events.Note(f"waiting for {', '.join(hosts[1:])}; on each of them:  nnexp join {hosts[0]}"))
            while len(ready) < len(hosts) - 1:
                for host in [host for host, link in come.items() if link.lost]:
                    report(events.Note(f"{host}: {come.pop(host).lost}"))
                    ready.discard(host)
                missing = [host for host in hosts[1:] if host not in come]
                if missing and time.monotonic() > until:
                    what = f"within {seconds:.0f} s there came no word from {', '.join(missing)}; nothing was written"
                    raise RunError(f"{what}\non each of them:  nnexp join {hosts[0]}")
                with contextlib.suppress(TimeoutError):
                    connection, peer = listener.accept()
                    link = Link(connection, peer[0])
                    if host := _host(link, missing, report):
                        link.name, link.most = host, None
                        come[host] = link
                        with contextlib.suppress(Lost):
                            link.send({**told, "place": hosts.index(host)})
                ready |= {host for host, link in come.items() if host not in ready and _said(link, 0.01)}
    except BaseException:
        for link in come.values():
            link.close("it waits no more")
        raise
    report(events.Note(f"all {len(hosts)} hosts are there"))
    return Team(hosts, 0, [come[host] for host in hosts[1:]])


def join(
    first: str,
    name: str,
    seconds: float,
    *,
    offline: bool = False,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
) -> None:
    """On any other host: help the first one with its run, to its end. Nothing is written but fetched data.

    `name` is what this host is called there; where it is empty, the first host goes by its address.

    Raises:
        InputError: the first host refuses this one, or is none.
        RunError: the first host did not answer within so many seconds, or the run ended early.
    """
    address(first)
    report(events.Stage("starting TensorFlow"))
    backend.load()
    hello = {"versions": versions.here(), "as": name, "devices": mirrored.of_a_host()}
    link, told = _meet(first, hello, seconds, report)
    if not _is_of_a_run(told):
        link.close("it does not say what its run is")
        raise InputError(f"{first} does not say what its run is\nthere:  nnexp run CONFIG --hosts {first},…")
    team = Team(told["hosts"], int(told["place"]), [link])
    report(events.Note(f"{team.hosts[team.place]} of {', '.join(team.hosts)}; run: {told['name']}"))
    try:
        _listen(team.hosts[team.place]).close()  # TensorFlow would not say why it cannot
        experiment = parse_experiment(parse_config(told["config"], f"the config of {first}"), told["name"])
        dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
        report(events.Stage(f"reading {dataset.name}"))
        arrays = load(dataset, offline, fetch_progress)
        splits = split(arrays, experiment.validation, experiment.seed, experiment.train_size)
        if isinstance(splits.x_train, Rows) != told["streamed"]:
            what = f"the examples of {dataset.name} stay in their file on one host only: it has less memory"
            raise InputError(f"{what}\ngive the dataset  stream: always  (or never) in the config")
        if experiment.identity != told["identity"] or _data(splits) != told["data"]:
            raise InputError(f"the data of {dataset.name} are others here than on {first}; give both the same")
        link.send({"ready": True})
        session = Session(experiment, splits, dataset, team=team)
        report(events.Note(f"training with {first}"))
        follow(session, team)
    except Lost as error:
        raise RunError(f"{first}: {error}\nwhen the run goes on, join it again") from None
    except NnexpError as error:
        link.close(str(error))
        raise
    except Exception as error:
        what = what_failed(error, Path())
        link.close(what)
        raise RunError(f"this host could not help {first}: {what}\nmend that, and join the run again") from error


def _listen(host: str) -> socket.socket:
    """A socket on the port that this host goes by.

    Raises:
        InputError: it cannot be used.
    """
    port = address(host)[1]
    try:
        return socket.create_server(("", port), backlog=16)
    except OSError as error:
        raise InputError(
            f"{host}: port {port} of this computer cannot be used: {error.strerror}; give another in --hosts"
        ) from None


def _meet(first: str, hello: dict[str, Any], seconds: float, report: events.Report) -> tuple[Link, dict[str, Any]]:
    """A link to the first host, and what that one says of its run.

    It may not be there yet; or its run before this one is ending, and TensorFlow has its port still.
    """
    until = time.monotonic() + seconds
    waits = False
    while True:
        try:
            link = Link(socket.create_connection(address(first), timeout=_HELLO_SECONDS), first, most=None)
            try:
                link.send(hello)
                return link, link.receive()[0]
            except Lost as error:
                link.close()
                if link.left:
                    raise InputError(f"{first} does not take this host: {error}; mend that, and join again") from None
                why = str(error)
        except OSError as error:
            why = error.strerror or str(error)
        if time.monotonic() > until:
            what = f"{first} did not answer within {seconds:.0f} s ({why})"
            raise RunError(f"{what}\nthere:  nnexp run CONFIG --hosts {first},…")
        if not waits:
            report(events.Note(f"waiting for {first}"))
            waits = True
        time.sleep(0.5)


def _is_of_a_run(told: Mapping[str, Any]) -> bool:
    """Whether that is what a first host says of its run."""
    if not all(isinstance(told.get(key), kind) for key, kind in _OF_A_RUN.items()):
        return False
    return 0 <= told["place"] < len(told["hosts"]) and all(isinstance(host, str) for host in told["hosts"])


def _host(link: Link, missing: Sequence[str], report: events.Report) -> str:
    """Which of the missing hosts has come; "" where it is none, or cannot help."""
    try:
        hello, _ = link.receive(_HELLO_SECONDS)
    except Lost:
        link.close()
        return ""
    ours, said, asked = versions.here(), hello.get("versions"), shown(hello.get("as", ""), _MOST_TOLD)
    theirs = {what: shown(said.get(what, "none"), _MOST_TOLD) if isinstance(said, dict) else "none" for what in ours}
    found = [host for host in missing if host == asked or (not asked and link.name in _addresses(host))]
    if differ := versions.differences(ours, theirs):
        told, why = f"other versions: {differ}", f"other versions there: {versions.differences(theirs, ours)}"
    elif hello.get("devices") != (own := mirrored.of_a_host()):
        told = why = (
            f"it must have the same devices: {', '.join(own)}; CUDA_VISIBLE_DEVICES picks some of a host's GPUs"
        )
    elif not found:
        told = f"{asked} is none" if asked else f"{link.name} is the address of none"
        told = why = f"{told} of those waited for ({', '.join(missing) or 'all have come'}); --as says which it is"
    else:
        return found[0]
    report(events.Note(f"refused {asked or link.name}: {told}"))
    link.close(why)
    return ""


def _said(link: Link, seconds: float) -> bool:
    try:
        link.receive(seconds)
    except Lost:
        return False
    return True


def _addresses(host: str) -> set[Any]:
    try:
        return {found[4][0] for found in socket.getaddrinfo(address(host)[0], None, socket.AF_INET)}
    except OSError:
        return set()


def _data(splits: Splits) -> list[str]:
    """What must be the same on all hosts; of examples that stay in their file the config holds the SHA-256."""
    x, y = splits.x_train, splits.y_train
    return [splits.fingerprint, fingerprint(y if isinstance(x, Rows) else x, y)]
