"""`nnexp compare`: what differs between runs, and which differences are more than chance."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated

import typer


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Run folders, sweep folders, or directories of such.", show_default=False),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What to compare by: accuracy or its like (default), loss, val_loss, seconds …"
        ),
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="NAME", help="Order by a parameter or metric; -NAME turns it round.")
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="CONDITION", help="'hidden>=512', 'name=fashion*' … Repeatable: all must hold."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="GROUP", help="Compare all with this group: label, value, name or run folder.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV on stdout.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print table and verdicts as Markdown.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report, one HTML page, too.")] = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the pictures (PNG) into DIR too.")] = None,
) -> None:
    """Compare runs: repeats become means with intervals, differences are tested, verdicts are told in words.

    Prints a table and verdicts; writes only what --html and --plots name.

    Example:  nnexp compare runs/*
    Example:  nnexp compare runs/* --metric loss --filter 'epochs>=10'
    Example:  nnexp compare runs/20261122-013147_fashion_sigmoid128 --baseline 512
    """
    from nnexp.cli.console import end_at_once, say_amiss, stderr, stdout
    from nnexp.comparison import table
    from nnexp.comparison.asked import Asked, asked_of, compare_as_asked
    from nnexp.comparison.collect import collect
    from nnexp.errors import InputError

    formats = [
        (name, write)
        for name, chosen, write in (
            ("--csv", as_csv, table.csv_text),
            ("--json", as_json, table.json_text),
            ("--markdown", as_markdown, table.markdown),
        )
        if chosen
    ]
    if len(formats) > 1:
        raise InputError(f"{' and '.join(name for name, _ in formats)} go to the same stdout; give one of them")
    # NumPy multiplies no matrices here, and its threads for that cost as much time as all the rest of its import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not (html or plots):
        gc.disable()  # all that is made is used to the end
    if html:
        from nnexp.report.target import check_target

        check_target(html, "--html")
    found = collect(paths)
    asked = asked_of(*paths) if len(paths) == 1 else Asked()
    comparison = compare_as_asked(found, asked, metric=metric, sort=sort, filters=filters or (), baseline=baseline)
    if formats:
        [(_, write)] = formats
        typer.echo(write(comparison).rstrip("\n"))
        if comparison.left_out or comparison.unreadable:
            from nnexp.cli.compared import print_left_out

            print_left_out(comparison, stderr())
    else:
        from nnexp.cli.compared import print_comparison

        print_comparison(comparison, stdout())
    if html:
        from nnexp.report.page import write_report

        try:
            write_report(
                html,
                comparison,
                paths,
                title=asked.name,
                question=asked.description,
                reproduce=asked.commands,
                chosen=bool(metric or baseline),
            )
        except OSError as error:
            raise InputError(f"--html {html}: cannot be written: {error.strerror}; give another place") from None
        stderr().print(f"report: {html}", soft_wrap=True)
    if plots:
        from nnexp.comparison.plots import plot_all

        try:
            plots.mkdir(parents=True, exist_ok=True)
            written = plot_all(plots, comparison)
        except OSError as error:
            raise InputError(
                f"{plots}: the pictures cannot be written: {error.strerror}; give another --plots"
            ) from None
        if written:
            stderr().print(f"pictures: {', '.join(map(str, written))}", soft_wrap=True)
        else:
            say_amiss(stderr(), "no pictures: no run that counts has a history, and no parameter has several values")
    found.index.save()
    if not (html or plots):
        end_at_once()
