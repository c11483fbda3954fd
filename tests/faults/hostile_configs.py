"""Configs from strangers: real ones, made ones, and what a careless or an ill-meaning hand makes of them.

Everything comes from one seeded generator, so that a printed seed brings every case back.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from nnexp.config import catalog
from nnexp.config.catalog import Parameter
from nnexp.config.catalog_build import example
from nnexp.config.experiment import FIELDS

CONFIGS = Path(__file__).parents[2] / "configs"
DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "digits", "wine", "breast_cancer")
KEYS = {"loss": "losses", "metrics": "metrics", "optimizer": "optimizers", "callbacks": "callbacks"}

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 7, 64, 1000, 65_536, 10**6, 10**9, 2**31 - 1, 2**31, 2**32, 2**63, 10**18, 10**40, 10**90),
    *(0.5, -0.5, 1e-300, 1e300, 1e-45, float("nan"), float("inf"), float("-inf")),
)
WORDS: tuple[Any, ...] = (
    *("", " ", "~", "no", "1e3", "none", "test", "every 5", "every 0", "loss <= 1", "loss < " + "9" * 4000, "x" * 300),
    *(
        "../../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "~root",
        "con",
        ".",
        "..",
        "-rf",
        "$(reboot)",
        "{epoch:999999999}",
        "{0}",
    ),
    *(
        "é" * 90,
        "\U0001f600",
        "a\u202eb",
        "\x1b[31m",
        "\ufeff",
        "<script>alert(1)</script>",
        "%s%n",
        "a\nb",
        "ab,bc->ac",
    ),
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [1, 2], [3, 3], [1, 2, 3], [[1, 1], [2, 2]], [None], [1e9])


def cases(seed: int) -> Iterator[tuple[str, bytes]]:
    """Configs without end: what kind of case each is, and the bytes of its file."""
    draw = random.Random(seed)
    kinds = (_valid, _changed, _changed, _absurd, _absurd, _layer, _layer, _part, _torn, _torn, _yaml, _sweep)
    while True:
        kind = draw.choice(kinds)
        yield kind.__name__.removeprefix("_"), kind(draw)


def _real(draw: random.Random) -> dict[str, Any]:
    files = sorted(CONFIGS.glob("*.yaml"))
    found: dict[str, Any] = yaml.safe_load(draw.choice(files).read_text(encoding="utf-8"))
    return found


def _valid(draw: random.Random) -> bytes:
    """A config that is likely good: parts with the values that suit them."""
    return _text(_made(draw))


def _changed(draw: random.Random) -> bytes:
    """A config with some values replaced, some parts removed, doubled or moved."""
    config = copy.deepcopy(_real(draw) if draw.random() < 0.4 else _made(draw))  # of parts that the catalogue owns
    for _ in range(draw.randint(1, 4)):
        _mutate(draw, config, lambda: _anything(draw))
    return _text(config)


def _absurd(draw: random.Random) -> bytes:
    """A config with sizes beyond all machines."""
    config = copy.deepcopy(_real(draw) if draw.random() < 0.3 else _made(draw))
    for _ in range(draw.randint(1, 4)):
        _mutate(draw, config, lambda: draw.choice(NUMBERS), only=(int, float))
    return _text(config)


def _layer(draw: random.Random) -> bytes:
    """One layer of any kind, with any of its parameters, on an input that it may take."""
    name = draw.choice(catalog.names("layers"))
    lead = draw.choice([[], ["flatten"], [{"reshape": [8, 8, 1]}], [{"reshape": [8, 8]}], [{"reshape": [4, 4, 4, 1]}]])
    tail = draw.choice([["flatten", {"dense": 10}], [{"dense": 10}], []])
    layers = [*lead, _entry(draw, "layers", name, wild=draw.choice((0.0, 0.1, 0.4))), *tail]
    return _text({"dataset": "digits", "layers": layers})


def _part(draw: random.Random) -> bytes:
    """A small model with any loss, metrics, optimizer and callbacks."""
    wild = draw.choice((0.0, 0.1, 0.4))
    layers = ["flatten", "rms_normalization", {"dense": 10}]
    config: dict[str, Any] = {"dataset": "digits", "layers": layers, "validation": 0.1}
    for key, kind in KEYS.items():
        if draw.random() < 0.6:
            entries = [_entry(draw, kind, wild=wild) for _ in range(draw.randint(1, 3))]
            config[key] = entries if key in ("metrics", "callbacks") else entries[0]
    return _text(config)


def _torn(draw: random.Random) -> bytes:
    """A file whose bytes were changed, lost, doubled or written in another encoding."""
    content = bytearray(_text(_made(draw)) if draw.random() < 0.7 else draw.choice(list(_files())).read_bytes())
    for _ in range(draw.randint(1, 6)):
        at, to = sorted(draw.randrange(len(content) + 1) for _ in range(2))
        match draw.randrange(5):
            case 0:
                content[at : at + 1] = draw.randbytes(1)
            case 1:
                del content[at : min(to, at + 40)]
            case 2:
                content[at:at] = content[at : min(to, at + 40)] * draw.randint(1, 5)
            case 3:
                signs = (
                    "\t",
                    "\0",
                    "&a ",
                    "*a ",
                    "!!x ",
                    ": ",
                    "- ",
                    "{",
                    "[",
                    "'",
                    '"',
                    "|\n",
                    "\r",
                    "\x85",
                    "%",
                    "@",
                    "…",
                )
                content[at:at] = draw.choice(signs).encode()
            case 4:
                content[at:at] = draw.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00\x00", b"\xfe\xff"))
    if draw.random() < 0.2:
        encoding = draw.choice(("utf-16", "utf-32", "utf-16-be", "latin-1", "utf-8-sig", "utf-7"))
        return bytes(content).decode("utf-8", "replace").encode(encoding, "replace")
    return bytes(content)


def _yaml(draw: random.Random) -> bytes:
    """YAML that tries to run code, to expand, to nest, or to be endless."""
    good = "dataset: digits\nlayers: [flatten, dense: 10]\n"
    bomb = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, draw.randint(2, 60)))
    many = draw.choice((10, 1000, 40_000))
    return draw.choice(
        (
            good + "name: !!python/object/apply:os.system ['touch hostile']\n",
            good + "callbacks: !!python/name:os.system\n",
            good + "description: !<tag:yaml.org,2002:python/module:os> x\n",
            good + "<<: {seed: 1}\nbase: &b {<<: *b}\n",
            good + bomb,
            good + "description: &d [*d]\n",
            "[" * many + "]" * many,
            "{a: " * many + "}" * many,
            good + "? " * many,
            "- " * many,
            good + f"seed: {'9' * many}\n",
            good + f"description: {'x' * many}\n",
            good + f"{'x' * many}: 1\n",
            good + "".join(f"k{i}: 1\n" for i in range(many)),
            good + "seed: 1\n" * many,
            "dataset: digits\nlayers: [" + "relu, " * many + "]\n",
            "dataset: digits\nlayers: [flatten" + ", {dense: 4}" * min(many, 400) + ", dense: 10]\n",
            "dataset: digits\nlayers: [" + "up_sampling1d: 1000000, " * min(many, 400) + "]\n",
            good + "metrics: [" + "accuracy, " * min(many, 400) + "]\n",
            good + f"callbacks: [stop_when: '{'loss ' * many}']\n",
            good + "---\n" + good,
            good + "...\n" + good,
            "%YAML 9.9\n---\n" + good,
            "",
            "\n" * many,
            "# " + "x" * many,
        )
    ).encode()


def _sweep(draw: random.Random) -> bytes:
    """A sweep file: small, or of more runs than there are atoms, with names and bases that lead elsewhere."""
    values = list(range(1, draw.choice((2, 3, 1000))))
    axes = draw.sample(("hidden", "epochs", "batch_size", "optimizer.learning_rate", "layers.1.units", "nope"), 3)
    sweep: dict[str, Any] = {
        "base": draw.choice(
            (_made(draw), str(CONFIGS / "fashion_sigmoid128.yaml"), "/dev/zero", "../" * 40, "\x1b", 3)
        ),
        "grid": {axis: values[: draw.choice((1, 2, 1000))] for axis in axes[: draw.randint(0, 3)]},
        "repeats": draw.choice((1, 3, 10**4, 10**9, -1)),
    }
    if draw.random() < 0.4:
        names = draw.sample(("a", "../a", "A", "x" * 99, ".", "a b", "é"), 3)
        sweep["variants"] = [{"name": name, "set": {"epochs": 3}} for name in names]
    if draw.random() < 0.3:
        del sweep["grid"]
        momentum = {"range": [0, draw.choice((0.9, -1, 1e300))], "when": {"optimizer": draw.choice(("sgd", [], "x"))}}
        space = {"optimizer": ["adam", "sgd"], "hidden": {"log": [4, draw.choice((64, 10**9))]}}
        sweep |= {"sampler": draw.choice(("random", "tpe", "cmaes", "x")), "trials": draw.choice((2, 10**9))}
        sweep["space"] = space | {"optimizer.momentum": momentum}
    sweep = copy.deepcopy(sweep)
    if draw.random() < 0.3:
        _mutate(draw, sweep, lambda: _anything(draw))
    return _text(sweep)


def _files() -> Iterator[Path]:
    yield from sorted(CONFIGS.glob("*.yaml"))
    yield from sorted((CONFIGS / "studies").glob("*.yaml"))


def _made(draw: random.Random) -> dict[str, Any]:
    """A config made of parts of the catalogue."""
    widths = [draw.choice((1, 8, 64)) for _ in range(draw.randint(0, 3))]
    layers: list[Any] = ["flatten", *({"dense": {"units": width, "activation": "relu"}} for width in widths)]
    for _ in range(draw.randint(0, 2)):
        layers.insert(draw.randint(0, len(layers)), _entry(draw, "layers", wild=0.05))
    config: dict[str, Any] = {"dataset": draw.choice(DATASETS), "layers": [*layers, {"dense": 10}, "softmax"]}
    more: dict[str, Callable[[], Any]] = {
        "optimizer": lambda: _entry(draw, "optimizers", wild=0.05),
        "callbacks": lambda: [{"stop_when": "loss <= 0.4"}, {"early_stopping": {"monitor": "loss"}}],
        "batch_size": lambda: draw.choice((1, 32, 100_000)),
        "epochs": lambda: draw.choice((1, 10**9)),
        "validation": lambda: draw.choice(("none", "test", 0.1)),
        "checkpoint": lambda: draw.choice((True, False, "every 5")),
        "normalization": lambda: draw.choice(("none", "l2", "standardize", "min_max")),
        "name": lambda: draw.choice(("a", "run 1")),
    }
    chosen = [key for key in more if draw.random() < 0.4]
    return config | {key: more[key]() for key in chosen}


def _entry(draw: random.Random, kind: str, name: str = "", *, wild: float) -> Any:
    """An entry of a kind with some of its parameters; a share of `wild` of their values is anything at all."""
    name = name or draw.choice(catalog.names(kind))
    item = catalog.find(kind, name)
    assert item is not None
    given = {}
    for key, parameter in item.parameters.items():
        if parameter.required or draw.random() < 0.25:
            given[key] = _value(draw, item.class_name, parameter, wild)
    return {name: given} if given else name


def _value(draw: random.Random, class_name: str, parameter: Parameter, wild: float) -> Any:
    if draw.random() < wild:
        return _anything(draw)
    if parameter.required and draw.random() < 0.9:
        return example(class_name, parameter.name)
    if parameter.name == "inputs" or (draw.random() < 0.7 and not parameter.choices):
        return parameter.default
    if parameter.kind and "entry" in parameter.types:
        return _entry(draw, parameter.kind, wild=wild) if draw.random() < 0.7 else parameter.default
    if parameter.choices:
        return draw.choice(parameter.choices)
    low = parameter.minimum if parameter.minimum is not None else 0
    kinds: dict[str, tuple[Any, ...]] = {
        "bool": (True, False),
        "int": (int(low), int(low) + 1, 4, 10, 64, 1000, 10**6, 10**9),
        "float": (low, low + 0.1, 0.5, 1.0, 1e-8, 1e8),
        "str": WORDS,
        "list": OTHERS,
        "mapping": ({}, {"a": 1}),
        "null": (None,),
    }
    return draw.choice([value for name in parameter.types for value in kinds.get(name, (parameter.default,))])


def _anything(draw: random.Random) -> Any:
    return copy.deepcopy(draw.choice((*NUMBERS, *WORDS, *OTHERS)))  # a list that two places share could hold itself


def _mutate(draw: random.Random, config: Any, value: Callable[[], Any], only: tuple[type, ...] = ()) -> None:
    """Change one place of a config, anywhere in it."""
    places = [place for place in _places(config) if not only or type(place[0][place[1]]) in only]
    if not places:
        return
    container, key = draw.choice(places)
    match draw.randrange(1 if only else 5):
        case 0 | 1:
            container[key] = value()
        case 2:
            del container[key]
        case 3 if isinstance(container, list):
            container += [copy.deepcopy(part) for part in container] * draw.choice((1, 2, 20))
        case 3:
            container[draw.choice((*FIELDS, *WORDS))] = copy.deepcopy(container[key])
        case 4:
            container[key] = {str(container[key])[:20]: value()}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in nested lists and mappings: its container, and its key there."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _text(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode("utf-8", "replace")
