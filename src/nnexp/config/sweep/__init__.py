"""Sweeps: many experiments from one file, from an experiment's config, or from options alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from nnexp.config import catalog
from nnexp.config.loading import Node, read_config
from nnexp.config.overrides import apply
from nnexp.config.sweep.axes import Axis, parse_axis
from nnexp.config.sweep.file import Base, SweepFile, Variant
from nnexp.config.sweep.reading import MAX_REPEATS, MAX_RUNS, MAX_SEED, UnsoundSweep, counted, read_sweep
from nnexp.config.sweep.searching import MAX_TRIALS, SAMPLERS, unfit
from nnexp.errors import ConfigError, InputError, Place

__all__ = ["Axis", "Base", "SweepFile", "UnsoundSweep", "Variant", "load_sweep", "parse_axis"]

_MAX_VALUES = 5_000_000  # in the configs of all points; a point of 500 values takes a millisecond or two
_DEFAULT = Path("configs/fashion_sigmoid128.yaml")
_SHIPPED = Path(__file__).parents[2] / _DEFAULT


def load_sweep(
    source: Path | Node | None,
    axes: Sequence[Axis] = (),
    *,
    repeats: int | None = None,
    seed: str | None = None,
    workers: int | None = None,
    sampler: str | None = None,
    trials: int | None = None,
    metric: str | None = None,
) -> SweepFile:
    """Read a sweep file, or take one experiment as the base, and put in what the caller asks for.

    Without a source the base is configs/fashion_sigmoid128.yaml where there is one, else the same that nnexp ships.
    An axis given here takes the place of the file's axis and of the variants' settings of the same name, or joins the
    grid; repeats and a list of seeds take the place of the file's and of the variants', `metric` that of the file's.
    The baseline is still called as the file calls it. In a search an axis has one value, which the base then has.

    Raises:
        UnsoundSweep: something is wrong in a sweep file, whatever its points are.
        ConfigError: the file cannot be read as a sweep, or searched as it asks, with all that is wrong.
        InputError: an option cannot be used, or there are more runs than anyone means.
    """
    if isinstance(source, Node):  # a config that was read already
        config, path = source, Path(source.place.source)
    else:
        path = source or (_DEFAULT if _DEFAULT.is_file() else _SHIPPED)
        config = read_config(path)
    try:
        sweep = read_sweep(config, path)
    except UnsoundSweep as error:
        found = error.sweep if error.sweep.search else _with_axes(error.sweep, axes)
        raise UnsoundSweep(error.problems, found) from None
    sweep = _fixed(sweep, axes) if sweep.search else _with_axes(sweep, axes)
    sweep = _searched(sweep, sampler, trials)
    if sweep.search and (problems := list(unfit(sweep.search))):
        raise ConfigError(problems)
    sweep = _with_seeds(sweep, repeats, None if seed is None else _seeds(seed))
    if sweep.runs > MAX_RUNS:
        raise InputError(
            f"the sweep would be {counted(sweep.runs)} runs; more than {MAX_RUNS:,} runs are refused: "
            "give fewer values, or fewer repeats"
        )
    if sweep.values > _MAX_VALUES:
        raise InputError("the sweep has too many points of too large a config to look at each; make it smaller")
    most = max(sweep.repeats, *(variant.repeats or 0 for variant in sweep.variants), 0)
    if sweep.search:
        most += 1  # the trials have the first
    if isinstance(sweep.seed, int) and sweep.seed + most - 1 > MAX_SEED:
        raise InputError(
            f"seed {sweep.seed} and {most} repeats go beyond the greatest seed, {MAX_SEED}; give a smaller one"
        )
    if metric is not None:
        sweep = replace(sweep, metric=metric, metric_place=Place(f"--metric {metric}"))
    return replace(sweep, workers=workers or sweep.workers)


def _with_axes(sweep: SweepFile, axes: Sequence[Axis]) -> SweepFile:
    given = {axis.name: axis for axis in axes}
    if len(given) < len(axes):
        names = [axis.name for axis in axes]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"'{twice}' is given twice; give all its values at once, with commas between: 128,512")

    def others(found: Sequence[Axis]) -> tuple[Axis, ...]:
        return tuple(axis for axis in found if axis.name not in given)

    in_the_file = {axis.name: axis for axis in sweep.grid}
    return replace(
        sweep,
        zip=others(sweep.zip),
        grid=tuple((in_the_file | given).values()),
        variants=tuple(replace(variant, changes=others(variant.changes)) for variant in sweep.variants),
        own=sweep if axes else None,
    )


def _fixed(sweep: SweepFile, axes: Sequence[Axis]) -> SweepFile:
    """A search whose base has the values given: what was a dimension of that name is none any more."""
    assert sweep.search is not None
    for axis in axes:
        if len(axis.changes) > 1:
            raise InputError(
                f"'{axis.name}' has {len(axis.changes)} values, but this sweep is a search, which takes its "
                "values from the space in its file; give one value, which then holds for all trials"
            )
    names = {axis.name for axis in axes}
    space = tuple(dimension for dimension in sweep.search.space if dimension.name not in names)
    for dimension in space:
        if gone := names & dimension.when.keys():
            raise InputError(
                f"'{dimension.name}' depends on '{min(gone)}', which is given a value; leave it out, or remove `when`"
            )
    if not space:
        raise InputError(
            "all dimensions of the space are given a value; leave one to the file, or nothing is left to search"
        )
    changes = sorted((change for axis in axes for change in axis.changes), key=attrgetter("depth"))
    bases = tuple(replace(base, config=apply(base.config, changes)) for base in sweep.bases)
    for_all = tuple(axis for axis in sweep.for_all if axis.name not in names)
    return replace(sweep, bases=bases, grid=for_all, search=replace(sweep.search, space=space))


def _searched(sweep: SweepFile, sampler: str | None, trials: int | None) -> SweepFile:
    """With the sampler and the number of trials that the caller asks for."""
    if sampler is None and trials is None:
        return sweep
    if sweep.search is None:
        option = "--trials" if sampler is None else "--sampler"
        raise InputError(
            f"{option}: {sweep.place} is no search; write a `space` and a `sampler` in it (docs/search.md)"
        )
    if sampler is not None and sampler not in SAMPLERS[1:]:
        near = catalog.nearest(sampler, SAMPLERS)
        hint = f"did you mean '{near}'? " if near and near != sampler else ""
        raise InputError(
            f"--sampler {sampler}: there is none such for a search; {hint}there are: {', '.join(SAMPLERS[1:])}"
        )
    if trials is not None and not 1 <= trials <= MAX_TRIALS:
        raise InputError(f"--trials {trials} is too few or too many; give a whole number from 1 to {MAX_TRIALS:,}")
    return replace(
        sweep,
        search=replace(sweep.search, sampler=sampler or sweep.search.sampler, trials=trials or sweep.search.trials),
    )


def _with_seeds(sweep: SweepFile, repeats: int | None, seed: int | tuple[int, ...] | None) -> SweepFile:
    if repeats is not None and not 1 <= repeats <= MAX_REPEATS:
        raise InputError(f"--repeats {repeats} is too few or too many; give a whole number from 1 to {MAX_REPEATS}")
    seeds = sweep.seed if seed is None else seed
    if isinstance(seed, tuple) and repeats not in (None, len(seed)):
        raise InputError(f"--repeats {repeats}, but --seed lists {len(seed)} seeds; leave --repeats out")
    if isinstance(seeds, tuple) and repeats is not None and repeats > len(seeds):
        raise InputError(f"--repeats {repeats}, but the sweep file lists {len(seeds)} seeds; give --seed as well")
    if sweep.search and isinstance(seed, tuple):
        raise InputError("--seed: a search takes one seed; the finalists have those that follow from it")
    count = len(seed) if isinstance(seed, tuple) else repeats
    if count is None:
        return replace(sweep, seed=seeds)
    return replace(
        sweep,
        repeats=count,
        seed=seeds[:count] if isinstance(seeds, tuple) else seeds,
        variants=tuple(replace(variant, repeats=None) for variant in sweep.variants),
    )


def _seeds(text: str) -> int | tuple[int, ...]:
    """What `--seed` says: the first seed, or all of them."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) < 11 and int(word) <= MAX_SEED for word in words):
        raise InputError(f"--seed {text}: a seed is a whole number from 0 to {MAX_SEED}; write 42, or 1,2,3")
    seeds = tuple(int(word) for word in words)
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seed {text}: a seed stands twice, and the same seed gives the same run; give it once")
    return seeds if len(seeds) > 1 else seeds[0]
