"""How long is an epoch: nnexp beside Keras, PyTorch and scikit-learn, and above the floor that no program passes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import environments
from benchmarks.families import BATCH, FAMILIES
from benchmarks.figures import Asked, Bar, Failed, Result, Row, interleaved
from benchmarks.images import DATASET, images
from benchmarks.turns import Peer, peers

NNEXP, STOCK, FLOOR = "nnexp, auto", "stock fit", "floor: BLAS"
_TORCH = ("PyTorch, data in a tensor", "PyTorch, the same on one thread")
_BARS = {
    "784-128-10": [(STOCK, 1 / 7), (FLOOR, 1.8)],
    "784-1024-10": [(STOCK, 1 / 2), (FLOOR, 1.8), *((loop, 1.0) for loop in _TORCH)],
    "CNN 32-64-128": [(STOCK, 0.7)],
}
_QUICK = ("784-128-10", "784-1024-10", "CNN 32-64-128")
_SECONDS = 30.0  # a family, once its peers are ready and have compiled
_ENGINES = ("xla", "graph", "keras")


def benchmark(asked: Asked) -> Iterator[Result]:
    """A table a family."""
    torch_problem = environments.TORCH.problem(install=not asked.quick)
    for name in _QUICK if asked.quick else FAMILIES:
        asked.console(f"epoch: {name}")
        yield _family(name, asked, torch_problem)


def _family(name: str, asked: Asked, torch_problem: str) -> Result:
    family = FAMILIES[name]
    examples = min(family.examples // 2, 6_400) if asked.quick else family.examples
    job = [str(images()), str(examples), name]
    engines = ["auto", *(_ENGINES if asked.everything else ())]
    commands: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "Keras": ([sys.executable, "benchmarks/peers/keras_epoch.py"], job),
        "nnexp": ([sys.executable, "-m", "benchmarks.engines"], [DATASET, str(examples), name, *engines]),
        "floor": ([sys.executable, "-m", "benchmarks.floor"], [str(examples), name]),
    }
    notes = [torch_problem] if torch_problem else []
    if not torch_problem:
        commands["PyTorch"] = [environments.TORCH.python, "benchmarks/peers/torch_epoch.py"], job
    if family.mlp:
        commands["scikit-learn"] = [sys.executable, "benchmarks/peers/sklearn_epoch.py"], job
    with peers(commands) as begun:
        variants: dict[str, tuple[Peer, str]] = {}
        for title, peer in begun.items():
            try:
                variants |= {variant: (peer, note) for variant, note in peer.variants().items()}
            except Failed as error:
                notes.append(f"{title} did not start: {error}")
        rows = list(_measured(variants, asked, notes))
    rows.sort(key=lambda row: (row.name != STOCK, row.name.startswith("floor"), row.name.startswith("nnexp")))
    title = f"{name}: {examples:,} images, {-(-examples // BATCH)} steps of {BATCH}"
    bars = [Bar(NNEXP, "epoch", at_most, of) for of, at_most in _BARS.get(name, ())]
    return Result("epoch", title, rows, bars, notes)


def _measured(variants: dict[str, tuple[Peer, str]], asked: Asked, notes: list[str]) -> Iterator[Row]:
    """The first epoch, which compiles, apart; then the rounds; then what was learnt in all of them."""
    cases = {variant: partial(peer.epoch, variant) for variant, (peer, _) in variants.items()}
    firsts = interleaved(1, cases, notes=notes)
    seconds = asked.left(_SECONDS / (4 if asked.quick else 1))
    samples = interleaved(
        asked.rounds_or(7, 3), {variant: cases[variant] for variant in firsts}, notes=notes, seconds=seconds
    )
    for variant, measured in samples.items():
        peer, note = variants[variant]
        accuracy = peer.accuracy(variant)
        learnt = {} if accuracy is None else {"first": firsts[variant]["epoch"], "accuracy": [accuracy]}
        yield Row(variant, measured | learnt, note)
