"""`nnexp report` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from reports import Edit

from nnexp.errors import InputError
from nnexp.report.target import check_target


def nnexp(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nnexp", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)


def test_a_page_is_written_where_asked(digits: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    done = nnexp(*digits, "-o", target, "--title", "Widths & depths", "--metric", "loss")
    assert (done.returncode, done.stdout) == (0, "")
    assert str(target) in done.stderr
    page = target.read_text()
    assert "<title>Widths &amp; depths</title>" in page
    assert "loss by hidden" in page
    assert list(tmp_path.iterdir()) == [target]


def test_a_filter_leaves_the_runs_asked_for(digits: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    done = nnexp(*digits, "-o", target, "--filter", "hidden=16")
    assert (done.returncode, done.stderr) == (0, f"report of {len(digits) // 2} runs: {target}\n")
    assert "--filter hidden=16" in target.read_text()


def test_a_sweep_folder_gets_its_page_and_other_folders_leave_it_here(
    digits: list[Path], edited: Edit, tmp_path: Path
) -> None:
    run = edited(digits[0], tmp_path / "sweep" / "hidden=16")
    (tmp_path / "sweep" / "sweep.yaml").write_text("")
    assert nnexp(tmp_path / "sweep", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.rglob("report.html")] == ["report.html"]
    assert (tmp_path / "sweep" / "report.html").exists()
    assert nnexp(run, cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.html").exists()


def test_what_cannot_be_used_is_said_and_leaves_the_old_page(digits: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    for arguments, words in (
        ([tmp_path / "nothing", "-o", target], "nothing"),
        ([digits[0], "-o", target, "--metric", "acuracy"], "accuracy"),
        ([digits[0], "-o", tmp_path], "is a directory"),
        ([digits[0], "-o", tmp_path / "missing" / "page.html"], "no such directory"),
    ):
        done = nnexp(*arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_page_is_made_without_tensorflow(digits: list[Path], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nnexp.cli.report import report; "
        "report([Path(sys.argv[1])], Path(sys.argv[2])); print(*{name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, digits[0], tmp_path / "page.html"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "pandas"} & set(done.stdout.split())


def test_only_pages_are_ever_replaced(digits: list[Path], edited: Edit, tmp_path: Path) -> None:
    run = edited(digits[0], tmp_path / "run")
    (tmp_path / "link.html").symlink_to(run / "metrics.json")
    os.mkfifo(tmp_path / "pipe.html")
    (tmp_path / "old.htm").write_text("old")
    for target, words in (
        (run / "metrics.json", "must end in .html"),
        (run / "model.keras", "must end in .html"),
        (tmp_path / "new", "must end in .html"),
        (tmp_path / "link.html", "metrics.json is no name of a page"),
        (tmp_path / "pipe.html", "a device or a pipe"),
        (Path("/dev/null"), "must end in .html"),
        (tmp_path / f"{'x' * 300}.html", "File name too long"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            check_target(target, "-o")
    for target in (tmp_path / "old.htm", tmp_path / "NEW.HTML"):
        check_target(target, "-o")
    before = (run / "metrics.json").read_bytes()
    done = nnexp(run, "-o", run / "metrics.json")
    assert (done.returncode, (run / "metrics.json").read_bytes()) == (2, before)


def test_a_sweep_folder_keeps_its_name_question_and_baseline(digits: list[Path], edited: Edit, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    points = []
    for path in digits:
        edited(path, sweep / path.name)
        points.append({"label": path.name, "stem": path.name.partition("_")[0], "seed": 1, "parameters": {}})
    state = {"name": "widths", "description": "Is 4 enough?", "baseline": "hidden=4", "points": points}
    (sweep / "sweep.json").write_text(json.dumps(state))
    (sweep / "sweep.yaml").write_text("")
    assert nnexp(sweep).returncode == 0
    page = (sweep / "report.html").read_text()
    assert "<title>widths</title>" in page
    assert "<h1>Is 4 enough?</h1>" in page
    assert "the one named minus hidden=4" in page
    assert f"nnexp sweep {sweep / 'sweep.yaml'}" in page
    assert "To make the runs and this report again" in page
    assert nnexp(sweep, "--title", "Mine", "--baseline", "16").returncode == 0
    page = (sweep / "report.html").read_text()
    assert "<title>Mine</title>" in page
    assert "the one named minus hidden=16" in page
    assert "To make the runs again" in page
    assert f"nnexp report {sweep} --metric accuracy --baseline hidden=16 -o report.html" in page
    narrowed = [sys.executable, "-m", "nnexp", "compare", str(sweep), "--filter", "hidden<=16", "--html", "few.html"]
    assert subprocess.run(narrowed, capture_output=True, timeout=300, cwd=tmp_path).returncode == 0
    page = (tmp_path / "few.html").read_text()
    assert "<dt>only</dt><dd><code>hidden&lt;=16</code></dd>" in page
    assert "To make the runs again" in page
    assert f"nnexp report {sweep} --filter &#39;hidden&lt;=16&#39; --metric accuracy --baseline hidden=4" in page
