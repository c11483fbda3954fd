"""The sweep folder that a sweep goes on with: one of the same points, whose repeats may be fewer by now."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnexp.config.sweep import SweepFile, load_sweep
from nnexp.errors import InputError
from nnexp.sweeps.expand import Point, expand, identity
from nnexp.sweeps.folder import SweepFolder, points_in


def find(runs: Path, plan: SweepFile, points: Sequence[Point]) -> SweepFolder | None:
    """The newest sweep folder in `runs` of these points; where none has just their seeds, one with fewer, or more."""
    known = [(folder, folder.state()) for folder in SweepFolder.all_in(runs)]
    known.sort(key=lambda pair: str(pair[1].get("started")), reverse=True)
    wanted = identity(points, plan)
    found = [folder for folder, state in known if state.get("identity") == wanted]
    if not plan.search:
        found = found or [folder for folder, state in known if has_fewer_repeats(state, points)]
        found = found or [folder for folder, state in known if more_repeats(folder, state, points)]
    return found[0] if found else None


def has_fewer_repeats(state: Mapping[str, Any], points: Sequence[Point]) -> bool:
    """Whether a sweep.json is of these points, each with some of its seeds."""
    now = {_key(point.said()): point for point in points}
    then = points_in(state)
    if not {_key(point) for point in then} <= now.keys() or _stems(then) != _stems([one.said() for one in points]):
        return False
    alike = [replace(now[_key(point)], label=str(point.get("label"))) for point in then]
    return state.get("identity") == identity(alike)


def more_repeats(folder: SweepFolder, state: Mapping[str, Any], points: Sequence[Point]) -> SweepFile | None:
    """The sweep of a folder, if it is of these points with all of their seeds and further ones."""
    then, now = points_in(state), [point.said() for point in points]
    if len(then) <= len(now) or _stems(then) != _stems(now) or not set(map(_key, now)) <= set(map(_key, then)):
        return None
    try:
        plan = load_sweep(folder.sweep)
        theirs = expand(plan)
    except InputError:
        return None
    return plan if has_fewer_repeats({"points": now, "identity": identity(points)}, theirs) else None


def with_repeats(folder: SweepFolder, repeats: int | None) -> SweepFile:
    """The sweep of a folder with so many repeats of each point.

    Raises:
        InputError: it has more already, lists its seeds, or is a search.
    """
    plan = load_sweep(folder.sweep)
    if repeats is None:
        return plan
    name = shlex.quote(str(folder.path))
    if plan.search:
        raise InputError(
            f"--repeats {repeats}: {folder.path} is a search, whose repeats were settled as it began; leave it out"
        )
    most = max(Counter(str(point.get("stem")) for point in folder.points()).values(), default=0)
    if repeats < most:
        raise InputError(f"--repeats {repeats}: {folder.path} has {most} already; give a greater number")
    if isinstance(plan.seed, tuple) and repeats > len(plan.seed):
        such = f"nnexp sweep --resume {name} --seed {','.join(map(str, plan.seed))},…"
        raise InputError(f"--repeats {repeats}: {folder.path} lists its seeds; name the further ones too: {such}")
    return load_sweep(folder.sweep, repeats=repeats)


def looks(folder: SweepFolder, state: Mapping[str, Any]) -> list[int]:
    """With how many repeats a sweep that now gets more was finished and summed up before: someone may have looked."""
    before = state.get("looked_at")
    known = [count for count in before if type(count) is int] if isinstance(before, list) else []
    if not folder.is_done() or not folder.table_json.exists():
        return known
    now = max(Counter(str(point.get("stem")) for point in folder.points()).values(), default=0)
    return sorted({*known, now})


def as_in(folder: SweepFolder, points: Sequence[Point]) -> list[Point]:
    """The points, each called as its run in the folder is: one that was alone with its seed has no seed in its name."""
    alone = {_key(point) for point in folder.points() if point.get("label") == point.get("stem")}
    return [replace(point, label=point.stem) if _key(point.said()) in alone else point for point in points]


def rename(folder: SweepFolder, points: Sequence[Point]) -> None:
    """Give each run the name that it has beside further repeats: `hidden=8` becomes `hidden=8_seed=42`."""
    for then, now in zip(as_in(folder, points), points, strict=True):
        if then.label != now.label and (old := folder.path / then.label).is_dir():
            old.rename(folder.path / now.label)


def _key(point: Mapping[str, Any]) -> tuple[str, str]:
    return str(point.get("stem")), str(point.get("seed"))


def _stems(points: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(point.get("stem")) for point in points}
