"""`nnexp compare` as a user has it: real processes, what they print and where."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Repeats = Callable[..., list[Path]]


def nnexp(*arguments: object, width: int = 200, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "-m", "nnexp", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": str(width), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture
def study(repeats: Repeats, make: Callable[..., Path]) -> Path:
    """Three widths with three repeats each, one of them worse and never predicting some classes, and a failure."""
    lost = [{"code": "classes_never_predicted", "severity": "warning", "message": "The model never predicts 3."}]
    runs = [*repeats(1024, [0.883, 0.882, 0.883], findings=[]), *repeats(512, [0.882, 0.883, 0.883], findings=[])]
    runs += [*repeats(128, [0.6, 0.59], findings=lost), *repeats(128, [0.61], first_seed=3, findings=[])]
    make("failed", units=128, seed=4, status="failed", findings=[], error="out of memory", test_split="10000 examples")
    return runs[0].parent


def test_table_verdicts_findings_and_what_was_left_out_are_told(study: Path) -> None:
    done = nnexp("compare", study)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, *lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert head.split()[:3] == ["hidden", "runs", "accuracy"]
    assert {line[0] for line in lines[:2]} == {"★", "≈"}
    assert {line.split()[1] for line in lines[:2]} == {"512", "1024"}
    assert lines[2].startswith("128")
    assert "3 of 4" in lines[2]
    assert all("±" in line or "[" in line for line in lines[:3])
    assert "cannot be told apart" in done.stdout
    assert "is better than hidden 128 by 28." in done.stdout
    assert "hidden=128: classes never predicted in 2 of 4 runs" in done.stdout
    assert f"{study / 'failed'}: failed: out of memory" in done.stdout


def test_where_no_run_counts_it_is_said_that_there_are_no_pictures(make: Callable[..., Path], tmp_path: Path) -> None:
    done = nnexp("compare", make("failed", status="failed"), "--plots", tmp_path / "pictures")
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "no pictures")
    assert list((tmp_path / "pictures").iterdir()) == []
    assert "\n\n\n" not in done.stdout


def test_a_best_that_is_only_the_first_of_equals_is_called_so(repeats: Repeats) -> None:
    runs = [*repeats(512, [0.88, 0.883]), *repeats(8, [0.883, 0.88]), *repeats(4, [0.6, 0.61])]
    assert "★ best, the first of 2 with the same mean" in nnexp("compare", runs[0].parent).stdout


def test_runs_of_several_directories_are_told_by_them(repeats: Repeats, tmp_path: Path) -> None:
    for name, run in zip(("anna", "ben"), (*repeats(8, [0.7]), *repeats(512, [0.8])), strict=True):
        shutil.copytree(run, tmp_path / "handed_in" / name / "20261123-074319_digits")
    told = nnexp("compare", tmp_path / "handed_in").stdout
    head, _, best, other = [line.split() for line in told.splitlines() if line.strip()][:4]
    assert head[:2] == ["hidden", "in"]
    assert (best[1:3], other[:2]) == (["512", "ben"], ["8", "anna"])


def test_the_terms_of_the_verdicts_are_told_once(study: Path) -> None:
    told = nnexp("compare", study).stdout
    assert told.count("p: how probable such a difference would be if there were none") == 1
    assert "; Holm over 3: corrected for 3 comparisons" in told


def test_sixty_columns_keep_what_matters_and_name_the_rest(study: Path) -> None:
    done = nnexp("compare", study, width=60)
    table = done.stdout.partition("★ best")[0].splitlines()
    assert all(len(line) <= 60 for line in table)
    assert {"hidden", "runs", "accuracy"} <= set(done.stdout.split())
    assert "no room here for" in done.stdout
    assert sum("±" in line or "[" in line for line in table) == 3


@pytest.mark.parametrize("option", ["--json", "--csv", "--markdown"])
def test_stdout_holds_only_data_and_the_rest_is_told_beside_it(study: Path, option: str) -> None:
    (study / "torn").mkdir()
    (study / "torn" / "metrics.json").write_text("{")
    done = nnexp("compare", study, option)
    assert done.returncode == 0
    assert "out of memory" in done.stderr
    assert "not JSON" in done.stderr
    if option == "--json":
        assert len(json.loads(done.stdout)["unreadable"]) == 1
    elif option == "--csv":
        assert len(list(csv.reader(io.StringIO(done.stdout)))) == 4
    else:
        assert done.stdout.startswith("|")


def test_json_and_csv_give_the_same_figures_in_full(study: Path) -> None:
    whole = json.loads(nnexp("compare", study, "--json", "--sort", "hidden").stdout)
    rows = list(csv.DictReader(io.StringIO(nnexp("compare", study, "--csv", "--sort", "hidden").stdout)))
    assert [row["hidden"] for row in rows] == ["128", "512", "1024"]
    for row, group in zip(rows, whole["groups"], strict=True):
        assert int(row["hidden"]) == group["parameters"]["hidden"]
        assert (int(row["runs"]), int(row["left_out"])) == (len(group["runs"]), len(group["left_out"]))
        for metric, estimate in group["estimates"].items():
            values = [run["metrics"][metric] for run in group["runs"]]
            assert float(row[f"{metric}_mean"]) == estimate["mean"] == pytest.approx(sum(values) / len(values))
            assert [float(row[f"{metric}_{end}"]) for end in ("low", "high")] == [estimate["low"], estimate["high"]]
    assert [row["best"] for row in rows].count("True") == 1
    assert {verdict["outcome"] for verdict in whole["verdicts"]} == {"better", "undecided"}


def test_markdown_is_a_table_that_hostile_names_cannot_break(repeats: Repeats) -> None:
    evil = "|x|<script>`*_\n# "
    runs = [*repeats(8, [0.7] * 3, name=evil), *repeats(16, [0.8] * 3, name="good")]
    done = nnexp("compare", *runs, "--markdown")
    head, rule, *rest = done.stdout.splitlines()
    rows = rest[: rest.index("")]
    assert len(rows) == 2
    cells = {line.replace("\\|", "").count("|") for line in (head, rule, *rows)}
    assert len(cells) == 1
    assert "<script" not in done.stdout


def test_names_from_files_cannot_command_the_terminal(repeats: Repeats) -> None:
    runs = [*repeats(8, [0.7] * 3, name="\x1b[2J\x07evil\nline"), *repeats(16, [0.8] * 3, name="[red]good")]
    done = nnexp("compare", *runs)
    assert done.returncode == 0
    assert not {"\x1b", "\x07"} & set(done.stdout)
    assert "[red]good" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--metric", "acuracy"], "did you mean 'accuracy'"),
        (["--sort", "hiden"], "did you mean 'hidden'"),
        (["--filter", "hidden>2000"], "no run passes --filter 'hidden>2000'"),
        (["--baseline", "2048"], "there are: "),
        (["--csv", "--json"], "--csv and --json go to the same stdout"),
        (["--html", "nowhere/report.html"], "nowhere"),
    ],
)
def test_wrong_input_is_one_kind_message_and_exit_code_2(study: Path, arguments: list[str], told: str) -> None:
    done = nnexp("compare", study, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert told in done.stderr


def test_a_path_with_no_runs_is_wrong_input(tmp_path: Path) -> None:
    done = nnexp("compare", tmp_path)
    assert done.returncode == 2
    assert "no run folder in it" in done.stderr


def test_options_reach_the_comparison(study: Path) -> None:
    options = ["--metric", "loss", "--filter", "hidden>=512", "--baseline", "512", "--sort", "-hidden"]
    whole = json.loads(nnexp("compare", study, "--json", *options).stdout)
    assert (whole["metric"], whole["baseline"]) == ("loss", "hidden=512")
    assert [group["label"] for group in whole["groups"]] == ["hidden=1024", "hidden=512"]


def test_the_report_is_written_beside_the_table(study: Path, tmp_path: Path) -> None:
    done = nnexp("compare", study, "--html", tmp_path / "report.html")
    assert done.returncode == 0
    assert "accuracy" in done.stdout
    assert "hidden=512" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_heavy_is_imported(study: Path) -> None:
    done = nnexp("compare", study, python=("-X", "importtime"))
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "nnexp.comparison.comparison" in loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert not {"tensorflow", "keras", "matplotlib", "plotly", "sklearn", "pandas", "jinja2", "yaml"} & packages
    assert not {"scipy.stats", "nnexp.config", "nnexp.training"} & loaded


def test_many_left_out_are_counted_and_not_all_listed(repeats: Repeats, make: Callable[..., Path]) -> None:
    [run] = repeats(8, [0.7])
    for seed in range(20):
        make(f"lost{seed}", units=8, seed=100 + seed, status="interrupted")
    done = nnexp("compare", run.parent)
    assert done.stdout.count(": interrupted after") == 10
    assert f"nnexp show {run}" in done.stdout
    assert "10 more (10 interrupted)" in done.stdout


@pytest.mark.parametrize("options", [[], ["--csv"], ["--markdown"], ["--metric", "nothing"], ["--sort", "nothing"]])
@pytest.mark.parametrize("width", [60, 200])
def test_neither_do_the_names_of_parameters_and_metrics(
    make: Callable[..., Path], options: list[str], width: int
) -> None:
    evil = "\x1b]0;x\x07\n|<b>"
    runs = [
        make(f"{place}\x1b[2J", config={evil: f"{evil}{place}"}, test={"accuracy": 0.5, evil: 0.1}, test_split=split)
        for place, split in enumerate(("one", "other"))
    ]
    make("lost\x1b[2J", status="failed", error=evil)
    done = nnexp("compare", runs[0].parent, *options, width=width)
    assert done.returncode == (2 if "nothing" in options else 0)
    assert "Traceback" not in done.stderr
    assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)


def test_beside_how_often_a_finding_was_made_stands_its_size(repeats: Repeats) -> None:
    def risen(*ends: object) -> list[list[dict[str, object]]]:
        evidence = [{"best_val_loss": 0.5, "last_val_loss": end} for end in ends]
        return [[{"code": "overfitting", "severity": "warning", "evidence": one}] for one in evidence]

    for seed, findings in enumerate([*risen(0.52, 0.51, 2.0), []], 1):
        [one] = repeats(8, [0.8], first_seed=seed, findings=findings)
    for seed, findings in enumerate(risen(1.5, "more", 1e400), 1):
        repeats(16, [0.9], first_seed=seed, findings=findings)
    told = nnexp("compare", one.parent).stdout
    assert "hidden=8: overfitting in 3 of 4 runs (validation loss 4 % above its lowest)\n" in told
    assert "hidden=16: overfitting in 3 of 3 runs (validation loss 200 % above its lowest)\n" in told


def test_findings_of_another_kind_stop_nothing(make: Callable[..., Path]) -> None:
    odd = [{"code": "x", "severity": severity} for severity in ([], {}, "error")]
    done = nnexp("compare", make("a", findings=odd), make("b", units=8))
    assert done.returncode == 0
    assert "x" in done.stdout.partition("findings")[2]


def test_a_result_is_never_replaced_by_the_page(study: Path) -> None:
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    run = next(path for path in study.iterdir() if path.name.startswith("hidden=512"))
    for arguments in ([study, "--html", run / "metrics.json"], [study, "--html", *sorted(run.iterdir())]):
        done = nnexp("compare", *arguments)
        assert done.returncode == 2
        assert "it must end in .html" in done.stderr
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


def test_a_name_that_is_too_long_is_wrong_input(study: Path) -> None:
    for arguments in (["x" * 300], [study, "--html", f"{'x' * 300}.html"], [study, "--plots", "x" * 300]):
        done = nnexp("compare", *arguments)
        assert done.returncode == 2
        assert "File name too long" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_sweep_folder_is_compared_with_its_own_baseline(study: Path) -> None:
    labels = [path.name for path in study.iterdir()]
    points = [{"label": label, "stem": label.partition("_")[0], "parameters": {}} for label in labels]
    state = {"name": "widths", "description": "Is 512 enough?", "baseline": "hidden=512", "points": points}
    (study / "sweep.json").write_text(json.dumps(state))
    page = study / "page.html"
    whole = json.loads(nnexp("compare", study, "--json", "--html", page).stdout)
    assert whole["baseline"] == "hidden=512"
    text = page.read_text(encoding="utf-8")
    assert "<title>widths</title>" in text
    assert "Is 512 enough?" in text
    assert json.loads(nnexp("compare", study, "--json", "--baseline", "128").stdout)["baseline"] == "hidden=128"
    runs = [study / label for label in labels]
    assert json.loads(nnexp("compare", *runs, "--json").stdout)["baseline"] is None


_WITHOUT_PRIVILEGES = """
import ctypes, os, sys
if os.geteuid() == 0:  # permissions do not bind root until it gives up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    for capability in (1, 2):
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "nnexp", *sys.argv[1:]])
"""


def test_what_permissions_forbid_is_named_and_the_rest_is_compared(study: Path) -> None:
    (study / "open").mkdir()
    forbidden = {study / "hidden=512_seed=1_": 0o000, study / "open" / "closed": 0o000, study / "unlisted": 0o111}
    for path, mode in forbidden.items():
        path.mkdir(exist_ok=True)
        path.chmod(mode)

    def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _WITHOUT_PRIVILEGES, "compare", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    try:
        told = compare(study)
        closed = compare(study / "open" / "closed" / "run")
        page = compare(study, "--html", study / "open" / "closed" / "page.html")
    finally:
        for path in forbidden:
            path.chmod(0o755)
    unreadable = told.stdout.partition("could not be read")[2].splitlines()[1:4]
    assert [line.strip().partition(": ")[2].lower() for line in unreadable] == [
        "cannot be read: permission denied; see that you may read it",
        "cannot be read: permission denied; see that you may read it",
        "cannot be looked into: permission denied; see that you may read it",
    ]
    for done in (closed, page):
        assert (done.returncode, "Permission denied" in done.stderr) == (2, True)
        assert "Traceback" not in done.stderr
