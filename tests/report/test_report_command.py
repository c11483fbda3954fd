"""`nnexp report` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from reports import Edit


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
