"""`nnexp sweep`: many runs at once, and what they say together."""

from __future__ import annotations

import contextlib
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.cli import overrides as options
from nnexp.cli.signals import handle_sigterm

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from nnexp.config.sweep import SweepFile
    from nnexp.config.sweep.space import Search
    from nnexp.sweeps.expand import Point
    from nnexp.sweeps.folder import SweepFolder
    from nnexp.sweeps.sweep import Job, Options


def sweep(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG | SWEEP]",
            help="An experiment, a sweep file, or with --resume a sweep folder; "
            "without one: configs/fashion_sigmoid128.yaml, or nnexp's own copy of it.",
            show_default=False,
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="N | NxM,…", help="512: units of every hidden dense layer; 256x128: of the first, the second."
        ),
    ] = None,
    activation: options.Activation = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    normalization: options.Normalization = None,
    dataset: options.Dataset = None,
    track: options.Track = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=A,B,…", help="Any part: layers.dropout.rate=0,0.2,0.5. Repeatable."),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs of each point, with the same N seeds at every point.")
    ] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="The first seed, or all of them: 1,2,3.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare by this metric; else the file's, or accuracy or its like."),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(metavar="random | tpe | cmaes", help="How a search proposes its trials, else as its file says."),
    ] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many trials a search has.")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at a time; else one a CPU, or a thread of a cluster.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(metavar="processes | serial | dask", help="Where runs are done; else processes of this computer."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a Dask cluster: tcp://host:8786, or its scheduler file.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and about how long they take.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Do only what is missing or failed of this sweep.")] = False,
    runs_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the sweep folder is made.")] = Path("runs"),
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sweep's table.json on stdout.")] = False,
    notify: options.Notify = False,  # see decoding.Command
) -> None:
    """Train all combinations of the values given, each with the same seeds, and say what makes a difference.

    Every option that changes the config takes one value, or several with commas between.

    Writes runs/DATE_TIME_NAME: a run folder for each run, table.csv, table.json, plots and report.html.

    Example:  nnexp sweep --hidden 128,512,1024 --repeats 5
    Example:  nnexp sweep iris.yaml --set optimizer.learning_rate=0.1,0.01 --dry-run
    Example:  nnexp sweep configs/studies/fashion_coursework.yaml
    """
    from nnexp.cli.console import say_amiss, stderr
    from nnexp.errors import InputError
    from nnexp.sweeps import earlier
    from nnexp.sweeps.baseline import without_baseline
    from nnexp.sweeps.executors import need_name, opened
    from nnexp.sweeps.expand import expand
    from nnexp.sweeps.sweep import Options, begin, go_on, missing_of

    if scheduler is not None and executor not in (None, "dask"):
        raise InputError(f"--scheduler is for --executor dask, not {executor}; leave one of them out")
    need_name(executor or "processes")

    axes = {
        "dataset": dataset,
        "normalization": normalization,
        "hidden": hidden,
        "activation": activation,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "track": options.trackers(track),
    }
    given = {name: text for name, text in axes.items() if text is not None}
    searched = (sampler, trials)
    plan, points, found = _asked(source, given, sets or [], repeats, seed, workers, metric, searched, resume=resume)
    if not quiet and (told := without_baseline(plan)):
        say_amiss(stderr(), told, "bold")
    if found is None and resume:
        found = earlier.find(runs_dir, plan, points)
        if found is None:
            say_amiss(stderr(), f"no such sweep in {runs_dir} yet: it begins now")
        elif more := earlier.more_repeats(found, found.state(), points):
            say_amiss(stderr(), f"{found.path} has these points with more repeats: nnexp goes on with it")
            plan = replace(more, workers=plan.workers, metric=plan.metric)
            points = expand(plan)
    if dry_run:
        how = Options(runs_dir, offline, sys.argv)
        points = tuple(earlier.as_in(found, points)) if found else points
        left = missing_of(found, plan, points) if found else None
        if plan.search:
            _list_search(plan, plan.search, points, len(left) if left is not None else plan.runs, how, as_json=as_json)
        else:
            todo = [point for point in points if left is None or point.label in left]
            _list(points, todo, plan.workers, how, as_json=as_json)
    else:
        with opened(executor or ("dask" if scheduler else "processes"), scheduler or "", plan.workers) as where:
            how = Options(runs_dir, offline, sys.argv, where)
            job = go_on(found, plan, points, how) if found else begin(plan, points, how)
            _carry_out(job, how, quiet=quiet, as_json=as_json)


def resume_sweep(path: Path, repeats: int | None, *, offline: bool, quiet: bool, as_json: bool) -> None:
    """Do what is missing or failed of the sweep in a folder, with so many repeats, or those that it has."""
    from nnexp.sweeps.earlier import with_repeats
    from nnexp.sweeps.expand import expand
    from nnexp.sweeps.folder import SweepFolder
    from nnexp.sweeps.sweep import Options, go_on

    folder = SweepFolder(path)
    plan = with_repeats(folder, repeats)
    how = Options(offline=offline, command=sys.argv)
    _carry_out(go_on(folder, plan, expand(plan), how), how, quiet=quiet, as_json=as_json)


def _asked(
    source: Path | None,
    given: dict[str, str],
    sets: list[str],
    repeats: int | None,
    seed: str | None,
    workers: int | None,
    metric: str | None,
    searched: tuple[str | None, int | None],
    *,
    resume: bool,
) -> tuple[SweepFile, Sequence[Point], SweepFolder | None]:
    """The sweep that the command line asks for, its points, and its folder where that was named."""
    from nnexp.config.sweep import parse_axis
    from nnexp.errors import InputError
    from nnexp.runs import record
    from nnexp.sweeps.earlier import with_repeats
    from nnexp.sweeps.expand import load_points
    from nnexp.sweeps.folder import SweepFolder

    axes = [parse_axis(name, text, f"--{name.replace('_', '-')}") for name, text in given.items()]
    for text in sets:
        path, equals, values = text.partition("=")
        if not equals or not path.strip():
            such = "--set optimizer.learning_rate=0.1,0.01"
            raise InputError(f"--set {text} is no path with values; write path=values, such as {such}")
        axes.append(parse_axis(path.strip(), values, "--set"))
    if source is None or record.kind_of(source) != "directory":
        sampler, trials = searched
        about = {"repeats": repeats, "seed": seed, "workers": workers, "metric": metric}
        return *load_points(source, axes, **about, sampler=sampler, trials=trials), None
    folder = SweepFolder(source)
    if not folder.sweep.exists():
        raise InputError(f"{source} is a directory without a sweep.yaml; give a config, or a sweep folder")
    if not resume:
        raise InputError(f"{source} is a sweep folder; to go on with it: {_resuming(source)}")
    if axes or any(searched):
        raise InputError("--resume with a sweep folder does what its sweep.yaml says; leave the other options out")
    if not seed:
        with_repeats(folder, repeats)  # tells what speaks against these
    return *load_points(folder.sweep, repeats=repeats, seed=seed, workers=workers, metric=metric), folder


def _resuming(folder: Path) -> str:
    return f"nnexp resume {shlex.quote(str(folder))}"


def _carry_out(job: Job, how: Options, *, quiet: bool, as_json: bool) -> None:
    from nnexp.cli.compared import print_comparison
    from nnexp.cli.console import say, say_amiss, stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.cli.sweep_live import SweepLive
    from nnexp.sweeps import sweep
    from nnexp.sweeps.estimate import rough_seconds

    console = stderr()
    if not quiet:
        with contextlib.suppress(OSError):  # a terminal that is gone or full must not cost the sweep
            _print_noticed(job.points, console)
            say(console, _plan_in_words(job))
    handle_sigterm()
    try:
        known = {point.label: rough_seconds(point.experiment) for point in job.points if point.experiment}
        if job.plan.search:  # not known yet which they are
            known = dict.fromkeys(job.missing, 1.0)
        costs = {label: known[label] for label in job.missing if label in known}
        values = {point.label: _differing(point) for point in job.points}
        logged = logged_in(job.points)
        with SweepLive(console, job.folder.path, costs, job.workers, quiet=quiet, values=values, logged=logged) as live:
            fetching = None if quiet else RichFetchProgress(console)
            comparison = sweep.carry_out(job, how, live.report, fetching)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            done, runs = _progress(job, sweep.missing_of(job.folder, job.plan, job.points))
            kept = f"stopped with {done} of {runs} runs done; what is done is kept"
            say_amiss(console, f"{kept}. To go on: {_resuming(job.folder.path)}")
        raise
    failed = sweep.failures(job)
    with contextlib.suppress(OSError):
        if not quiet:
            print_comparison(comparison, console, job.folder.table_csv.name)
            if comparison.best:
                model = shlex.quote(str(comparison.group(comparison.best).runs[0].path))
                say(console, f"to use a model of the best:  nnexp predict {model} FILE")
            console.print(f"report: {job.folder.report}", soft_wrap=True)
        if failed:
            told = f"{len(failed)} of {_progress(job, ())[1]} runs failed: {', '.join(failed)}"
            say_amiss(console, told, "bold red")
            say_amiss(console, f"to try them again: {_resuming(job.folder.path)}")
    if as_json:
        typer.echo(job.folder.table_json.read_text(encoding="utf-8"), nl=False)
    if failed:
        raise typer.Exit(1)


def logged_in(points: Sequence[Point]) -> tuple[str, ...]:
    """The metrics of all points that are trained, beside the loss."""
    from nnexp.preflight.measures import logged_metrics

    names = [name for point in points if point.experiment for name in logged_metrics(point.experiment)]
    return tuple(dict.fromkeys(n for n in names if n not in ("loss", "learning_rate") and not n.startswith("val_")))


def _differing(point: Point) -> dict[str, str]:
    """What a run's label says, without the names."""
    from nnexp.sweeps.labels import written

    seed = {} if point.label == point.stem else {"seed": str(point.seed)}
    return {name: written(value) for name, value in point.parameters.items()} | seed


def _refused(job: Job) -> set[str]:
    """The labels of the points that fail as expected: no runs, though they have a result."""
    return {point.label for point in job.points if not point.experiment}


def _progress(job: Job, missing: Collection[str]) -> tuple[int, int]:
    """How many runs have a result, where those of some labels have none, and how many there are to be in all."""
    refused = _refused(job)
    said = job.folder.state().get("runs")  # a search may come to have fewer than planned
    runs = (said if isinstance(said, int) else job.plan.runs) - len(refused)
    return runs - len(set(missing) - refused), runs


def _plan_in_words(job: Job) -> str:
    refused = _refused(job)
    before, runs = _progress(job, job.missing)
    done = f", {before} of them done before" if before else ""
    done += f", and {len(refused)} that fail{'s' if len(refused) == 1 else ''} as expected" if refused else ""
    threads = "1 thread" if job.threads == 1 else f"{job.threads} threads"
    at_a_time = min(job.workers, max(1, runs - before))
    return f"{runs} runs{done}; {at_a_time} at a time, {threads} each; in {job.folder.path}"


def _list(points: Sequence[Point], left: Sequence[Point], workers: int | None, how: Options, *, as_json: bool) -> None:
    """What the sweep would do: those of its points that are left."""
    from nnexp.cli.console import duration, say, stdout, table
    from nnexp.files import to_json
    from nnexp.sweeps.estimate import estimate
    from nnexp.sweeps.shares import share

    at_a_time, threads = share(points, workers)
    guess = estimate(left, at_a_time, threads, how.runs)
    if as_json:
        runs = [
            {
                "run": point.label,
                "seed": point.seed,
                **point.parameters,
                "total_parameters": point.total_parameters,
                "expected_to_fail": point.experiment is None,
            }
            for point in left
        ]
        typer.echo(to_json({"runs": runs, "seconds": guess.seconds, "basis": guess.basis}))
        return
    console = stdout()
    shown = table("run", "seed", "parameters", right=("parameters",))
    for point in left:
        count = "–" if point.total_parameters is None else f"{point.total_parameters:,}"
        shown.add_row(point.label, str(point.seed), count if point.experiment else "fails, as expected")
    console.print(shown)
    _print_noticed(left, console)
    trained = sum(point.experiment is not None for point in left)
    time = f"about {duration(guess.seconds)} ({guess.basis})"
    say(console, f"{trained} runs, {at_a_time} at a time: {time}; nothing was started")


def _list_search(
    plan: SweepFile, search: Search, points: Sequence[Point], left: int, how: Options, *, as_json: bool
) -> None:
    """What the search would do: its space, and how many runs are left."""
    from nnexp.cli.console import duration, say, stdout, table
    from nnexp.comparison.parameters import compact
    from nnexp.files import to_json
    from nnexp.sweeps.estimate import estimate
    from nnexp.sweeps.shares import share

    at_a_time, threads = share(points, plan.workers)
    alike = [points[number % len(points)] for number in range(left)]
    guess = estimate(alike, at_a_time, threads, how.runs)
    if as_json:
        told = {"search": search.plain(), "runs": left, "seconds": guess.seconds, "basis": guess.basis}
        typer.echo(to_json(told))
        return
    console = stdout()
    shown = table("varied", "values", "only where")
    for dimension in search.space:
        values = dimension.values.plain()
        chosen = ", ".join(map(compact, values["choice"])) if "choice" in values else _range_in_words(values)
        when = " and ".join(f"{name} is {' or '.join(map(compact, wanted))}" for name, wanted in dimension.when.items())
        shown.add_row(dimension.name, chosen, when)
    console.print(shown)
    finals = f", then the best {search.finalists} with {plan.repeats} fresh seeds each" if search.finalists else ""
    time = f"about {duration(guess.seconds)} ({guess.basis})"
    what = f"{search.trials} trials by {search.sampler} for the best {search.objective}{finals}"
    say(console, f"{what}: {left} runs, {at_a_time} at a time: {time}; nothing was started")


def _range_in_words(values: dict[str, Any]) -> str:
    low, high = values.get("log") or values["range"]
    how = ", logarithmic" if "log" in values else f" in steps of {values['step']}" if "step" in values else ""
    return f"{low} to {high}{how}"


def _print_noticed(points: Sequence[Point], console: Console) -> None:
    """What will likely go wrong, before it does."""
    from nnexp.cli.outcome import in_a_sweep, print_finding
    from nnexp.sweeps.expand import noticed

    stems = {point.stem for point in points}
    for finding, found in noticed(points):
        at = "" if len(found) == len(stems) else f"{', '.join(found[:3])}{' …' if len(found) > 3 else ''}: "
        told = {"message": f"{at}{finding.message}", "suggestion": in_a_sweep(finding.message, finding.suggestion)}
        print_finding(console, {**finding.plain(), **told})
