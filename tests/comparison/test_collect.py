"""From paths to records: every run once, and nothing left out without a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nnexp.comparison.collect import collect
from nnexp.errors import InputError


def names(folder: Path, *paths: Path) -> list[str]:
    return [str(run.path.relative_to(folder)) for run in collect(paths).records]


def test_runs_are_found_however_they_are_named_and_each_counts_once(make: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("sweep/b", "sweep/a", "alone"):
        make(name)
    runs = tmp_path / "runs"
    (runs / "sweep" / "table.csv").write_text("x")
    (runs / "sweep" / "a" / "again").symlink_to(runs / "sweep")
    (runs / "link").symlink_to(runs / "sweep")
    assert names(runs, runs) == ["alone", "sweep/a", "sweep/b"]
    assert names(runs, *sorted((runs / "sweep").iterdir())) == ["sweep/a", "sweep/b"]
    assert names(runs, runs / "alone", runs / "alone" / "metrics.json", runs / "sweep" / ".." / "alone") == ["alone"]
    # A link that the user names is followed; the runs behind it are still the same.
    assert names(runs, runs / "link") == ["link/a", "link/b"]
    assert names(runs, runs / "sweep", runs / "link") == ["sweep/a", "sweep/b"]


def test_paths_may_be_relative(make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("ab")
    make("bb")
    monkeypatch.chdir(tmp_path / "runs")
    assert [run.path for run in collect([Path(), Path("bb"), Path("../runs/ab")]).records] == [Path("ab"), Path("bb")]


def test_what_cannot_be_read_is_named_with_its_reason(make: Callable[..., Path], tmp_path: Path) -> None:
    good, torn = make("good"), make("torn")
    (torn / "metrics.json").write_text('{"status": ')
    (tmp_path / "empty").mkdir()
    found = collect([good.parent, tmp_path / "empty", tmp_path / "nowhere"])
    assert [run.path for run in found.records] == [good]
    assert len(found.unreadable) == 3
    assert all(
        place in text and reason in text
        for text, (place, reason) in zip(
            found.unreadable,
            [("torn", "not JSON"), ("empty", "no run folder in it"), ("nowhere", "no such directory")],
            strict=True,
        )
    )


def test_where_there_is_no_run_at_all_it_says_where_it_looked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no run")
    for paths in ([tmp_path], [tmp_path / "notes.txt"], [tmp_path / "nowhere", tmp_path]):
        with pytest.raises(InputError, match="there is no run to read") as told:
            collect(paths)
        assert all(str(path) in str(told.value) for path in paths)


def test_of_a_folder_named_without_its_date_the_one_that_is_there_is_told(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    good = make("20261123-173800_norm_depth")
    with pytest.raises(InputError, match=f"no such directory; did you mean {good}"):
        collect([good.parent / "norm_depth"])


def test_a_path_that_cannot_be_reached_is_named_and_the_others_are_read(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    good = make("good")
    found = collect([tmp_path / ("n" * 300), good, Path("/dev/null")])
    assert [run.path for run in found.records] == [good]
    assert ["File name too long" in text for text in found.unreadable] == [True, False]
    assert "no such directory" in found.unreadable[1]
