"""What a sweep file says, as frozen values, and how it is written out again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nnexp.config.dataset import portable
from nnexp.config.loading import Node, dump
from nnexp.config.sweep.axes import Axis
from nnexp.config.sweep.space import Search
from nnexp.errors import Place


@dataclass(frozen=True, slots=True)
class Base:
    """A config that points are made from. It may be wrong: that is found when the points are made."""

    name: str
    config: Node

    def plain(self) -> dict[str, Any]:
        """The config as plain data, with its name."""
        content: dict[str, Any] = self.config.plain()
        if isinstance(self.config.value, dict) and (dataset := self.config.value.get("dataset")):
            content["dataset"] = portable(dataset)
        return {**content, "name": self.name} if content.get("name") is None else content


@dataclass(frozen=True, slots=True)
class Variant:
    """A named change of the file's base, or a base of its own."""

    name: str
    base: Base | None  # None: those of the file
    changes: tuple[Axis, ...]  # of one value each
    repeats: int | None  # None: as many as the file says
    expects_error: bool
    place: Place

    def plain(self) -> dict[str, Any]:
        """The variant as a sweep file has it, its base written out."""
        return _given(
            name=self.name,
            base=self.base.plain() if self.base else None,
            set={axis.name: axis.values[0] for axis in self.changes},
            repeats=self.repeats,
            expect="error" if self.expects_error else None,
        )


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep as it was asked for: bases × variants × rows of the zip × combinations of the grid × seeds.

    Of a search: trials from its space with the first seed, and its finalists with as many further ones as are repeats.
    """

    name: str
    description: str
    bases: tuple[Base, ...]
    variants: tuple[Variant, ...]
    zip: tuple[Axis, ...]  # of equal lengths
    grid: tuple[Axis, ...]  # those of one value, under `set` in a file, hold for all points, of a search too
    repeats: int
    seed: int | tuple[int, ...]  # the first of as many as are repeats, or all of them
    workers: int | None  # None: as many as there are CPUs
    baseline: str  # the label, without seed, of the point that the others are compared with; "" for the best
    place: Place  # the file
    search: Search | None = None  # None: a grid
    baseline_place: Place | None = None  # where the file names it
    metric: str = ""  # by which the points are compared; "" for accuracy or its like
    metric_place: Place | None = None
    own: SweepFile | None = None  # what the file says, where the caller gave axes

    def seeds(self, repeats: int | None = None) -> tuple[int, ...]:
        """The seeds of every point; a variant with repeats of its own takes the first of the same ones."""
        count = repeats or self.repeats
        return self.seed[:count] if isinstance(self.seed, tuple) else tuple(range(self.seed, self.seed + count))

    @property
    def title(self) -> str:
        """The name, with what the caller asks for in the file's place: "widths, hidden 16,32"."""
        given = [axis for axis in self.grid if self.own and axis not in self.own.grid]
        told = [f"{axis.name} {','.join(change.value.strip() for change in axis.changes)}" for axis in given]
        return ", ".join([self.name, *told])

    @property
    def for_all(self) -> tuple[Axis, ...]:
        """The axes of one value."""
        return tuple(axis for axis in self.grid if len(axis.changes) == 1)

    @property
    def combinations(self) -> int:
        """How many points each variant, or each base, has."""
        return (len(self.zip[0].changes) if self.zip else 1) * math.prod(len(axis.changes) for axis in self.grid)

    @property
    def values(self) -> int:
        """How many values there are in the configs of all points."""
        bases = (*self.bases, *(variant.base for variant in self.variants if variant.base))
        return self.combinations * sum(base.config.size for base in bases)

    @property
    def runs(self) -> int:
        """How many runs there are, counted and not made; a point that must fail has no repeats."""
        if self.search:
            return self.search.trials + self.search.finalists * self.repeats
        repeats = [
            (1 if variant.base else len(self.bases)) * (1 if variant.expects_error else variant.repeats or self.repeats)
            for variant in self.variants
        ]
        return self.combinations * (sum(repeats) if repeats else len(self.bases) * self.repeats)

    def yaml(self) -> str:
        """The sweep as a file that needs no other; reading it gives the same points."""
        bases = [base.plain() for base in self.bases]
        content = _given(
            name=self.name,
            description=self.description,
            base=bases[0] if len(bases) == 1 else bases,
            variants=[variant.plain() for variant in self.variants],
            zip={axis.name: axis.values for axis in self.zip},
            grid={axis.name: axis.values for axis in self.grid if len(axis.changes) > 1},
            set={axis.name: axis.values[0] for axis in self.for_all},
            repeats=self.repeats,
            seed=list(self.seed) if isinstance(self.seed, tuple) else self.seed,
            workers=self.workers,
            baseline=self.baseline,
            metric=self.metric,
            **(self.search.plain() if self.search else {}),
        )
        return dump(content)


def _given(**values: Any) -> dict[str, Any]:
    """The values without the empty ones."""
    return {key: value for key, value in values.items() if value is not None and value not in ("", [], {})}
