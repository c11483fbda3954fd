"""`nnexp report`: what runs say together, as one page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def report(
    paths: Annotated[
        list[Path], typer.Argument(metavar="DIR…", help="Run folders, sweep folders, nested.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write; else report.html in the sweep folder, or here."
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="Compare by this metric; else by accuracy or its like."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="LABEL", help="Compare all with this one; else with the best.")
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="CONDITION", help="Only such runs: 'hidden>=512' … Repeatable: all must hold."
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="The page's heading; else the folder's name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print where the page is as JSON on stdout.")] = False,
) -> None:
    """Write one self-contained HTML page: answer, table, curves, every run's details.

    Example:  nnexp report runs -o report.html
    Example:  nnexp report runs/20261122-013147_fashion_sigmoid128 --baseline 512
    """
    from nnexp.cli.console import stderr
    from nnexp.comparison.asked import Asked, asked_of, compare_as_asked
    from nnexp.comparison.collect import collect
    from nnexp.comparison.result import runs_of
    from nnexp.errors import InputError
    from nnexp.report.page import write_report
    from nnexp.report.target import check_target

    target = output or _beside(paths[0])
    check_target(target, "-o")
    collected = collect(paths)
    asked = asked_of(*paths) if len(paths) == 1 else Asked()
    comparison = compare_as_asked(collected, asked, metric=metric, filters=filters or (), baseline=baseline)
    try:
        write_report(
            target,
            comparison,
            paths,
            title=title or asked.name,
            question=asked.description,
            reproduce=asked.commands,
            chosen=bool(metric or baseline),
        )
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}; name another place with -o") from None
    count = len(runs_of(comparison.groups))
    if as_json:
        from nnexp.files import to_json

        typer.echo(to_json({"report": str(target), "runs": count}))
    stderr().print(f"report of {count} run{'s' if count > 1 else ''}: {target}", soft_wrap=True)
    collected.index.save()


def _beside(path: Path) -> Path:
    """In a sweep folder, with what else tells of it; else here."""
    is_sweep = os.path.isfile(path / "sweep.yaml")  # noqa: PTH113  Path's raises where a name is too long
    return (path if is_sweep else Path()) / "report.html"
