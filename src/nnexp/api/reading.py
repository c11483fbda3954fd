"""What reads: runs that there are, and what differs between them. Neither TensorFlow nor any config is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnexp.api.views import Comparison, Run, Runs, Sweep
from nnexp.comparison.asked import Asked, asked_of, compare_as_asked
from nnexp.comparison.collect import collect
from nnexp.errors import InputError
from nnexp.runs import record
from nnexp.runs.index import Index
from nnexp.runs.reading import printable


def list_runs(directory: str | os.PathLike[str] = "runs") -> Runs:
    """The runs below a directory, the newest last; or the one in a run folder. It is `nnexp.runs`.

    Those that cannot be read are left out, and told in `unreadable`.

    Raises:
        InputError: there is no such directory.
    """
    place = Path(directory).absolute()
    if record.kind_of(place) != "directory":
        raise InputError(f"{printable(directory)}: no such directory; nnexp.run makes one, or name where the runs are")
    paths = [place] if os.path.lexists(place / "metrics.json") else record.find(place)
    index, found, unreadable = Index(), [], []
    for path in paths:
        try:
            found.append(index.record(path))
        except record.UnreadableRun as error:
            unreadable.append(str(error))
    index.save()
    found.sort(key=lambda run: (run.started, str(run.path)))
    return Runs(tuple(map(Run, found)), tuple(unreadable))


def compare(
    *what: str | os.PathLike[str] | Run | Runs | Sweep,
    metric: str | None = None,
    sort: str | None = None,
    filters: Sequence[str] = (),
    baseline: str | os.PathLike[str] | Run | None = None,
) -> Comparison:
    """Compare runs: repeats become means with intervals, differences are tested, verdicts are told in words.

    `what` are runs, sweeps, or their folders, or directories that hold such. `metric` is accuracy or its like
    by default. `sort` orders by a parameter or metric, `-name` turned round. `filters` are conditions such as
    `"hidden>=512"`. `baseline` is the group to compare all others with: its label, its value, the name of its runs, or
    one of its runs; or, where several parameters differ, a value of some (`"rate=0"`): each group against its like.

    Raises:
        InputError: there is no readable run, or a name that is none.
    """
    paths = list(_paths(what))
    if not paths:
        raise InputError("there is nothing to compare: give runs, sweeps or their folders")
    found = collect(paths)
    against = baseline.path if isinstance(baseline, Run) else baseline
    compared = compare_as_asked(
        found,
        asked_of(paths[0]) if len(paths) == 1 else Asked(),
        metric=metric,
        sort=sort,
        filters=filters,
        baseline=None if against is None else os.fspath(against),
    )
    found.index.save()
    return Comparison(compared)


def _paths(what: Sequence[str | os.PathLike[str] | Run | Runs | Sweep]) -> Iterator[Path]:
    for one in what:
        if isinstance(one, Runs):
            yield from (run.path for run in one)
        elif isinstance(one, (Run, Sweep)):
            yield one.path
        else:
            yield Path(one)
