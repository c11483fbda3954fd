"""Reads a sweep file key by key, and notes all that is wrong with it, each problem with its place."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nnexp.config import catalog
from nnexp.config.entries import Problems
from nnexp.config.experiment import FIELDS, as_folder_name, can_name_a_folder, is_sweep
from nnexp.config.keys import MAKE_A_SWEEP, SWEEP_KEYS
from nnexp.config.loading import Node, kind_of, read_config, unquoted
from nnexp.config.sweep.axes import NAMES, Axis, axis_name, axis_of, meant, refusal
from nnexp.config.sweep.file import Base, SweepFile, Variant
from nnexp.config.sweep.searching import DEFAULT_REPEATS, read_search
from nnexp.errors import ConfigError, Place, Problem, in_order

VARIANT_KEYS = ("name", "base", "set", "repeats", "expect")
MAX_SEED = 2**32 - 1
MAX_REPEATS = 10_000
MAX_RUNS = 10_000
MAX_WORKERS = 1024
DEFAULT_SEED = 42
_MOST_LISTED = 1000  # bases, or variants
_BASE_HINT = "write `base:` and the path of a config, seen from this file's folder, or the config itself"
_BASE_ABOVE = (
    "write `base:` above the config and indent the config, or give it a file of its own, whose path is the base"
)
_SEVERAL = "make several sweeps of it"
_LONGEST_NAME = 100  # bytes; axes and the seed follow it in a folder's name


class UnsoundSweep(ConfigError):
    """A sweep file that cannot be used, with what could be read of it: more may be wrong with its points."""

    def __init__(self, problems: Sequence[Problem], sweep: SweepFile) -> None:
        super().__init__(problems)
        self.sweep = sweep


def read_sweep(config: Node, path: Path) -> SweepFile:
    """The sweep in a file, or the sweep that an experiment's config makes by itself: one point.

    Raises:
        UnsoundSweep: with all that is wrong with the sweep; whether its points can be trained is seen later.
    """
    reader = _Reader(path, Problems(config.problems))
    sweep = reader.sweep(config) if is_sweep(config) else reader.single(config)
    if found := in_order(reader.problems.found):  # an alias brings the same problem twice
        # Where not all points could be read, nobody knows whether the baseline is one of them.
        raise UnsoundSweep(found, sweep if reader.has_all_points else replace(sweep, baseline=""))
    return sweep


class _Reader:
    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.problems = problems
        self.read: dict[Path, Node] = {}  # base files, each read once
        self.has_all_points = False  # nothing was wrong with what makes the points

    def single(self, config: Node) -> SweepFile:
        base = _named(config, self.path.stem)
        return SweepFile(base.name, "", (base,), (), (), (), 1, _seed_of(base), None, "", Place(str(self.path)))

    def sweep(self, config: Node) -> SweepFile:
        config = self.with_base(config)
        given = self.given(config, SWEEP_KEYS, "a sweep file")
        name = self.text(given.get("name"), "name") or as_folder_name(self.path.stem)
        self.check_name(name, given.get("name", config).place)
        bases = self.bases(given.get("base"))
        variants = self.variants(given.get("variants"))
        self.check_bases(config, given.get("base"), given.get("variants"), variants)
        rows = self.rows(given.get("zip"))
        grid = self.axes(given.get("grid"), "grid")
        fixed = self.axes(given.get("set"), "set")
        track = (axis_of("track", [given["track"]]),) if "track" in given else ()
        self.check_names_apart({"zip": rows, "grid": grid, "set": fixed, "track": track}, variants, config)
        self.has_all_points = not self.problems.found
        first = next((base for base in (*bases, *(variant.base for variant in variants)) if base), None)
        repeats, seed = self.seeds(given.get("repeats"), given.get("seed"), first, variants)
        search = read_search(given, config.place, self.problems)
        if search:
            self.check_search(given, bases, {axis.name for axis in fixed} & {one.name for one in search.space})
            repeats = repeats if "repeats" in given else DEFAULT_REPEATS
        return SweepFile(
            name=name,
            description=self.text(given.get("description"), "description"),
            bases=bases,
            variants=variants,
            zip=rows,
            grid=grid + fixed + track,
            repeats=repeats,
            seed=seed,
            workers=self.whole(given.get("workers"), "workers", MAX_WORKERS),
            baseline=self.text(given.get("baseline"), "baseline"),
            place=Place(str(self.path)),
            search=search,
            baseline_place=given["baseline"].place if "baseline" in given else None,
            metric=self.text(given.get("metric"), "metric"),
            metric_place=given["metric"].place if "metric" in given else None,
        )

    def with_base(self, config: Node) -> Node:
        """The sweep file; a config that stands beside the grid is read as if it stood below `base`."""
        assert isinstance(config.value, dict)
        own = [key for key in config.value if key in FIELDS and key not in SWEEP_KEYS]
        if not {"dataset", "layers"}.intersection(own) or not config.value.keys().isdisjoint(("base", "variants")):
            return config
        sign = next(key for key in config.value if key in MAKE_A_SWEEP)
        what = f"'{sign}' makes this a sweep file, in which the config stands below `base`"
        self.problems.add(config.keys[sign], what, _BASE_ABOVE)
        nodes = {key: config.value[key] for key in own}
        base = Node(nodes, nodes[own[0]].place, {key: config.keys[key] for key in own})
        rest = {key: node for key, node in config.value.items() if key not in own}
        keys = {key: place for key, place in config.keys.items() if key not in own}
        return Node({**rest, "base": base}, config.place, {**keys, "base": base.place}, config.size)

    def check_search(self, given: dict[str, Node], bases: Sequence[Base], both: Collection[str]) -> None:
        """That a search has one base, one seed, from which those of the finalists follow, and sets nothing twice."""
        for name in both:
            self.problems.add(given["space"].place, f"'{name}' stands under `space`, and is set for all", "keep one")
        if len(bases) > 1:
            hint = "search each in a file of its own"
            self.problems.add(given["base"].place, f"a search has one base, and these are {len(bases)}", hint)
        if "seed" in given and isinstance(given["seed"].value, list):
            hint = "give the first: the trials have it, and the finalists those that follow"
            self.problems.add(given["seed"].place, "a search takes one seed, not a list", hint)

    # Values of any key.

    def given(self, node: Node, allowed: Sequence[str], what: str) -> dict[str, Node]:
        """What a mapping gives; what stands under a misspelled key is read as if it were spelled right."""
        given = _given(node)
        for key, place in node.keys.items():
            if key in allowed:
                continue
            if axis_name(key).partition(".")[0] in (*FIELDS, *NAMES):
                hint = f"write it under `set`, such as  set: {{epochs: 40}}; allowed: {', '.join(allowed)}"
                self.problems.add(place, f"{what} has no key '{key}'", hint)
                continue
            near = catalog.nearest(key, allowed)
            hint = f"did you mean '{near}'? " if near else ""
            self.problems.add(place, f"{what} has no key '{key}'", f"{hint}allowed: {', '.join(allowed)}")
            if near and key in given:
                given.setdefault(near, given[key])
        return given

    def whole(self, node: Node | None, key: str, maximum: int, minimum: int = 1) -> int | None:
        if node is None:
            return None
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        message = f"{key} must be a whole number from {minimum} to {maximum}, not {kind_of(node)}"
        self.problems.add(node.place, message, unquoted(node))
        return None

    def text(self, node: Node | None, key: str) -> str:
        if node is None:
            return ""
        if isinstance(node.value, str):
            return node.value
        hint = "write it in one line" if isinstance(node.value, (dict, list)) else "put it in quotes"
        self.problems.add(node.place, f"{key} is text, not {kind_of(node)}", hint)
        return ""

    def check_name(self, name: str, place: Place) -> None:
        if not can_name_a_folder(name) or len(name.encode(errors="replace")) > _LONGEST_NAME:
            hint = f"use letters, digits, _ and -, at most {_LONGEST_NAME} of them"
            self.problems.add(place, f"'{name}' cannot name a folder", hint)

    # Bases.

    def bases(self, node: Node | None) -> tuple[Base, ...]:
        if node is None:
            return ()
        items = node.value if isinstance(node.value, list) else [node]
        if not items:
            self.problems.add(node.place, "the list of bases is empty", _BASE_HINT)
        if len(items) > _MOST_LISTED:
            self.problems.add(node.place, f"{len(items):,} bases: at most {_MOST_LISTED:,} can be listed", _SEVERAL)
            return ()
        names = ["base"] if len(items) == 1 else [f"base{number}" for number, _ in enumerate(items, 1)]
        bases = [base for item, name in zip(items, names, strict=True) if (base := self.base(item, name))]
        for name in _doubles([base.name for base in bases]):
            self.problems.add(node.place, f"two bases are named '{name}'", "give one of the configs another `name`")
        return tuple(bases)

    def base(self, node: Node, name: str) -> Base | None:
        """The config that stands here, under `name`, or that of the file that is named here."""
        if isinstance(node.value, dict):
            return _named(node, name)
        if not isinstance(node.value, str) or not node.value.strip() or "\0" in node.value:
            hint = "write the path of a config, seen from this file's folder, or the config itself"
            self.problems.add(node.place, f"a base is a path or a config, not {kind_of(node)}", hint)
            return None
        path = Path(os.path.normpath(self.path.parent / node.value))
        try:
            config = self.read[path] if path in self.read else read_config(path)
        except ConfigError as error:
            for found in error.problems:
                in_the_base = found.place.line is not None
                told = found if in_the_base else Problem(node.place, f"{path}: {found.message}", found.hint)
                self.problems.add(told.place, told.message, told.hint)
            return None
        self.read[path] = config
        if is_sweep(config):
            self.problems.add(node.place, f"{path} is a sweep file itself", "a base is the config of one experiment")
            return None
        for found in config.problems:
            self.problems.add(found.place, found.message, found.hint)
        return _named(config, path.stem)

    def check_bases(self, config: Node, base: Node | None, listed: Node | None, variants: Sequence[Variant]) -> None:
        """That there is a base for every point, and a point for every base."""
        if base is None and listed is None:
            self.problems.add(config.place, "the sweep has no 'base'", _BASE_HINT)
        elif base is None:
            for variant in variants:
                if variant.base is None:
                    self.problems.add(variant.place, f"there is no base to make '{variant.name}' from", _BASE_HINT)
        elif variants and all(variant.base for variant in variants):
            hint = "remove it, or add a variant that has no base of its own"
            self.problems.add(base.place, "no variant uses this base: each has its own", hint)

    # Variants.

    def variants(self, node: Node | None) -> tuple[Variant, ...]:
        if node is None:
            return ()
        if not isinstance(node.value, list) or not node.value:
            what = "the list of variants is empty" if node.value == [] else f"variants are a list, not {kind_of(node)}"
            self.problems.add(node.place, what, "such as\n  variants:\n    - {name: wide, set: {hidden: 512}}")
            return ()
        if len(node.value) > _MOST_LISTED:
            self.problems.add(
                node.place, f"{len(node.value):,} variants: at most {_MOST_LISTED:,} can be listed", _SEVERAL
            )
            return ()
        variants = [variant for item in node.value if (variant := self.variant(item))]
        for name in _doubles([variant.name.casefold() for variant in variants]):
            self.problems.add(node.place, f"two variants are named '{name}'", "give one of them another `name`")
        return tuple(variants)

    def variant(self, node: Node) -> Variant | None:
        if isinstance(node.value, str):  # the path of a config, taken as it is
            node = Node({"base": Node(node.value, node.place)}, node.place)
        if not isinstance(node.value, dict):
            hint = "such as  - {name: wide, set: {hidden: 512}}"
            self.problems.add(node.place, f"a variant is a mapping or the path of a config, not {kind_of(node)}", hint)
            return None
        given = self.given(node, VARIANT_KEYS, "a variant")
        name = self.text(given.get("name"), "name")
        base = self.base(given["base"], name) if "base" in given else None
        name = name or (base.name if base else "")
        if name:
            self.check_name(name, given.get("name", node).place)
        elif given.keys().isdisjoint(("name", "base")) or base:
            self.problems.add(node.place, "the variant has no name", "such as  name: wide")
        expects = given.get("expect")
        if expects is not None and expects.value != "error":
            self.problems.add(expects.place, f"expect can only be 'error', not {kind_of(expects)}")
        changes = self.axes(given.get("set"), "set")
        repeats = self.whole(given.get("repeats"), "repeats", MAX_REPEATS)
        if not name or ("base" in given and base is None):
            return None  # told already
        return Variant(name, base, changes, repeats, expects_error=expects is not None, place=node.place)

    # Axes.

    def axes(self, node: Node | None, key: str) -> tuple[Axis, ...]:
        """Names with a list of values each, or with one; under `set` each has one, which may be a list."""
        if node is None:
            return ()
        if not isinstance(node.value, dict):
            such = f"{key}: {{hidden: 512}}" if key == "set" else f"{key}: {{hidden: [128, 512]}}"
            self.problems.add(node.place, f"{key} is a mapping, not {kind_of(node)}", f"such as  {such}")
            return ()
        counts = [len(value.value) for value in node.value.values() if isinstance(value.value, list)]
        points = math.prod(counts) if key == "grid" else max(counts, default=0)
        if key != "set" and points > MAX_RUNS:
            hint = f"more than {MAX_RUNS:,} runs are refused: give fewer values"
            self.problems.add(node.place, f"the {key} has {counted(points)} points", hint)
            return ()
        axes = []
        for written, value in node.value.items():
            values = value.value if isinstance(value.value, list) and key != "set" else [value]
            axis = axis_name(written)
            if refused := refusal(axis):
                self.problems.add(node.keys[written], *refused)
                axis = meant(axis)
            if axis and not values:
                self.problems.add(
                    value.place, f"'{written}' has no values", "give one or more, such as  hidden: [128, 512]"
                )
            elif axis and not (refused and axis in map(axis_name, node.value)):
                axes.append(axis_of(axis, values))
        for name in _doubles([one.name for one in axes]):
            self.problems.add(node.place, f"'{name}' stands twice under `{key}`", "keep one of them")
        return tuple(axes)

    def rows(self, node: Node | None) -> tuple[Axis, ...]:
        """The axes that are varied side by side."""
        axes = self.axes(node, "zip")
        if node is not None and len({len(axis.changes) for axis in axes}) > 1:
            lengths = ", ".join(f"{axis.name} has {len(axis.changes)}" for axis in axes)
            hint = "give each as many values, or write them under `grid`, which makes all combinations"
            self.problems.add(node.place, f"zip takes values side by side, but {lengths}", hint)
            return ()
        return axes

    def check_names_apart(self, axes: Mapping[str, Sequence[Axis]], variants: Sequence[Variant], config: Node) -> None:
        """That nothing is set in two ways at one point."""
        known: dict[str, str] = {}
        for key, axis in ((key, axis) for key, found in axes.items() for axis in found):
            if axis.name in known:
                message = f"'{axis.name}' stands under `{key}` and under `{known[axis.name]}`"
                self.problems.add(config.keys.get(key, config.place), message, "keep one")
            known.setdefault(axis.name, key)
        for variant in variants:
            for change in variant.changes:
                if change.name in known:
                    done = "varied" if known[change.name] in ("zip", "grid") else "set"
                    message = f"the variant '{variant.name}' sets '{change.name}', which is {done} for all"
                    self.problems.add(variant.place, message, "keep one of the two")

    # Seeds.

    def seeds(
        self, repeats: Node | None, seed: Node | None, base: Base | None, variants: Sequence[Variant]
    ) -> tuple[int, int | tuple[int, ...]]:
        """The number of repeats, and their first seed or all of their seeds."""
        count = self.whole(repeats, "repeats", MAX_REPEATS)
        if seed is None or not isinstance(seed.value, list):
            first = self.whole(seed, "seed", MAX_SEED, 0)
            return count or 1, _seed_of(base) if first is None else first
        seeds = tuple(value for item in seed.value if (value := self.whole(item, "seed", MAX_SEED, 0)) is not None)
        if not seed.value:
            self.problems.add(seed.place, "the list of seeds is empty", "such as  seed: [1, 2, 3], or leave it out")
        for double in _doubles(seeds):
            self.problems.add(
                seed.place, f"the seed {double} stands twice", "keep one: the same seed gives the same run"
            )
        if count not in (None, len(seed.value)):
            message = f"repeats is {count}, but {len(seed.value)} seeds are listed"
            self.problems.add(seed.place, message, "leave `repeats` out, or give one seed: the others follow from it")
        for variant in variants:
            if (variant.repeats or 0) > len(seed.value):
                message = f"'{variant.name}' has {variant.repeats} repeats, but `seed` lists only {len(seed.value)}"
                self.problems.add(variant.place, message, "list more seeds, or give one: the others follow from it")
        return len(seeds) or 1, seeds or DEFAULT_SEED


def counted(number: int) -> str:
    """A count for people, however large: 9,000,000, or 10^42."""
    return f"{number:,}" if number < 10**15 else f"more than 10^{int(math.log10(number))}"


def _given(node: Node) -> dict[str, Node]:
    """What a mapping gives; a key without a value is as good as absent."""
    values = node.value if isinstance(node.value, dict) else {}
    return {key: value for key, value in values.items() if value.value is not None}


def _named(config: Node, name: str) -> Base:
    """A base under its own name, or under `name`. What was wrong with its text has been noted."""
    own = _given(config).get("name")
    given = own.value if own is not None and isinstance(own.value, str) else name
    return Base(as_folder_name(given) if given else "", Node(config.value, config.place, config.keys, config.size))


def _seed_of(base: Base | None) -> int:
    """The seed that a config gives; whether it can be one is seen when the config is validated."""
    node = _given(base.config).get("seed") if base else None
    value = node.value if node else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEED else DEFAULT_SEED


def _doubles(values: Sequence[object]) -> Iterator[object]:
    """Each value that stands more than once, once."""
    return (value for value, count in Counter(values).items() if count > 1)
