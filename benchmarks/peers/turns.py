"""How a peer takes turns with the others: it sleeps on a pipe until it is told to train an epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

Seconds = tuple[float, float]  # wall, CPU
# A note; what trains an epoch, which gives the seconds of the epoch alone where it knows better; the test accuracy.
Variant = tuple[str, Callable[[], Seconds | None], Callable[[], float | None]]


def take_turns(variants: Mapping[str, Variant]) -> None:
    """Serve until the other end of the pipe, which the first argument names, is closed."""
    with Connection(int(sys.argv[1])) as pipe:
        pipe.send({name: note for name, (note, _, _) in variants.items()})
        while True:
            try:
                what, name = pipe.recv()
            except EOFError:
                return
            _, train, accuracy = variants[name]
            if what == "accuracy":
                pipe.send(accuracy())
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            known = train()
            pipe.send(known or (time.perf_counter() - wall, time.process_time() - cpu))
