"""Reading runs back: whole, damaged, and those whose process is gone."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.runs.process import this_process

DONE: dict[str, Any] = {
    "name": "a",
    "status": "completed",
    "seed": 42,
    "identity": "0123456789abcdef",
    "test": {"loss": 0.34, "accuracy": 0.88},
    "test_intervals": {"accuracy": [0.87, 0.89]},
    "history": [{"epoch": 1, "loss": 0.5}],
    "best_epoch": 1,
    "stopped": None,
    "parameters": {"total": 10, "trainable": 9},
    "findings": [{"code": "x"}],
    "timings": {"total": 1.5},
    "started": "2026-11-21T18:45:12+00:00",
}


def write(path: Path, **metrics: Any) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    RunFolder(path).write_metrics({**DONE, **metrics})
    return path


def test_a_record_is_what_was_written(tmp_path: Path) -> None:
    found = record.read(write(tmp_path / "run"))
    assert (found.name, found.status, found.seed, found.best_epoch) == ("a", "completed", 42, 1)
    assert found.test == DONE["test"]
    assert found.test_intervals == {"accuracy": (0.87, 0.89)}
    assert found.history == ({"epoch": 1, "loss": 0.5},)
    assert found.parameters == {"total": 10, "trainable": 9}
    assert (found.finished, found.stopped, found.error) == (None, None, "")
    assert found.folder.model == tmp_path / "run" / "model.keras"


def test_a_run_whose_process_lives_is_running(tmp_path: Path) -> None:
    assert record.read(write(tmp_path, status="running", process=this_process())).status == "running"


def gone() -> dict[str, Any]:
    """What a process that has ended said of itself."""
    code = "import json; from nnexp.runs.process import this_process; print(json.dumps(this_process()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    assert record.read(write(tmp_path, status="running", process=gone())).status == "interrupted"
    # Another process has its number now.
    reused = {**gone(), "pid": os.getpid()}
    assert record.read(write(tmp_path, status="running", process=reused)).status == "interrupted"


@pytest.mark.parametrize("process", [None, {}, [], {"pid": "x"}, {"pid": 10**30, "started": 1.0}, {"pid": -1}])
def test_a_running_run_that_names_no_process_is_interrupted(tmp_path: Path, process: object) -> None:
    if isinstance(process, dict) and process:
        process = {"host": this_process()["host"], **process}
    assert record.read(write(tmp_path, status="running", process=process)).status == "interrupted"


def test_a_run_on_another_machine_is_taken_at_its_word(tmp_path: Path) -> None:
    process = {"pid": 1, "started": 1.0, "host": "elsewhere"}
    assert record.read(write(tmp_path, status="running", process=process)).status == "running"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "it has no metrics.json"),
        (b"", "not JSON"),
        (b'{"status": ', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not the metrics of a run"),
        (b'{"status": "odd"}', "not the metrics of a run"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["missing", "empty", "torn", "binary", "list", "status", "deep"],
)
def test_a_folder_that_is_no_run_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(record.UnreadableRun, match=told):
        record.read(tmp_path)


def test_of_a_folder_of_runs_one_is_named(tmp_path: Path) -> None:
    for name in ("b", "a b"):
        write(tmp_path / name)
    with pytest.raises(record.UnreadableRun, match=f"is a folder of runs; take one of them, such as  '{tmp_path}/a b'"):
        record.read(tmp_path)
    (tmp_path / "sweep.json").touch()
    with pytest.raises(record.UnreadableRun, match="is a sweep of runs; take one of them"):
        record.read(tmp_path)


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(record.UnreadableRun, match="no such run folder; `nnexp ls` lists the runs"):
        record.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"best": "x=2", "groups": [{"label": "x=2", "runs": [{"path": "then/runs/s/x=2_seed=42"}]}]}, "x=2_seed=42"),
        ({"best": "x=2", "groups": [{"label": "x=2", "runs": [{"path": "s/gone"}]}]}, "x=1_seed=42"),
        ({"best": None, "groups": [{"label": "x=2", "runs": 3}, 4]}, "x=1_seed=42"),
        ([], "x=1_seed=42"),
        (None, "x=1_seed=42"),
    ],
    ids=["known", "gone", "none", "forged", "no table"],
)
def test_of_a_sweep_one_of_the_best_is_named(tmp_path: Path, table: Any, named: str) -> None:
    for name in ("x=1_seed=42", "x=2_seed=42"):
        write(tmp_path / name)
    (tmp_path / "sweep.json").touch()
    if table is not None:
        (tmp_path / "table.json").write_text(json.dumps(table))
    with pytest.raises(record.UnreadableRun) as told:
        record.read(tmp_path)
    best = " one of the best:" if "x=2" in named else ""
    assert str(told.value).endswith(f"is a sweep of runs; take one of them, such as{best}  {tmp_path / named}")


@pytest.mark.parametrize("wrong", ["norm_depth", "norm_dept", "20261123-173801_norm_depth"])
def test_a_folder_that_may_be_meant_is_named(tmp_path: Path, wrong: str) -> None:
    for name in ("20261123-173800_norm_depth", "20261122-090000_norm_depth", "20261124-100000_other"):
        write(tmp_path / "runs" / name)
    for place in (tmp_path / "runs", tmp_path):
        with pytest.raises(record.UnreadableRun) as told:
            record.read(place / wrong)
        near = tmp_path / "runs/20261123-173800_norm_depth"
        assert str(told.value) == f"{place / wrong}: no such run folder; did you mean {near}?"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*DONE, "process", "evaluation", "model", "error"]), JSON))
def test_any_figures_are_read_without_a_mishap(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.mkdir(exist_ok=True)
    status = metrics.get("status")
    metrics["status"] = status if isinstance(status, str) and status in record.STATUSES else "running"
    (path / "metrics.json").write_text(json.dumps(metrics))
    found = record.read(path)
    assert found.status in record.STATUSES
    assert all(value is None or math.isfinite(value) for row in found.history for value in row.values())
    assert all(isinstance(row["parameters"], int) for row in found.model)
    assert set(found.evaluation) <= {"per_class", "confusion_matrix", "top_confusions"}
    assert all(math.isfinite(value) for value in [*found.timings.values(), *sum(found.test_intervals.values(), ())])


def test_runs_are_found_below_a_directory_in_order_and_not_inside_runs(tmp_path: Path) -> None:
    for name in ("b", "a", "sweep/y", "sweep/x", "a/inner"):
        write(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in record.find(tmp_path)]
    assert found == ["a", "b", "sweep/x", "sweep/y"]
    assert list(record.find(tmp_path / "nowhere")) == []


def test_rows_that_lack_what_is_shown_of_them_are_left_out(tmp_path: Path) -> None:
    found = record.read(write(tmp_path / "run", stopped={"reason": "x"}, model=[{}, {"layer": "a"}, 7]))
    assert found.stopped is None
    assert list(found.model) == []


@pytest.mark.parametrize("name", ["metrics.json", "elsewhere"])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    write(tmp_path / "outside")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").symlink_to(tmp_path / "outside" / name)
    with pytest.raises(record.UnreadableRun, match=r"run/metrics\.json: a link, and links inside run folders are not"):
        record.read(tmp_path / "run")
    assert list(record.find(tmp_path)) == [tmp_path / "outside", tmp_path / "run"]


def test_a_run_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path / "run"))
    assert record.read(tmp_path / "link").name == "a"


def test_what_is_no_file_is_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pipe", "socket", "directory"):
        Path(name).mkdir()
    os.mkfifo("pipe/metrics.json")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket/metrics.json")
    Path("directory/metrics.json").mkdir()
    for name, told in (("pipe", "a pipe or a device"), ("socket", "a pipe or a device"), ("directory", "a directory")):
        with pytest.raises(record.UnreadableRun, match=told):
            record.read(Path(name))


def test_a_file_that_no_run_makes_so_large_is_not_read(tmp_path: Path) -> None:
    os.truncate(write(tmp_path) / "metrics.json", 10**12)
    with pytest.raises(record.UnreadableRun, match=f"larger than {record.MOST_MEGABYTES} MB"):
        record.read(tmp_path)


@pytest.mark.parametrize("config", ['{"a": [' * 200 + "]}" * 200, json.dumps({"a": "b" * 3_000_000})])
def test_a_config_that_goes_on_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "metrics.json").write_text(f'{{"status": "completed", "config": {config}}}')
    with pytest.raises(record.UnreadableRun, match="its config is larger or deeper than any of a run"):
        record.read(tmp_path)


def test_directories_may_lie_deeper_than_calls_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    deep = sys.getrecursionlimit() + 100
    for _ in range(deep):
        Path("d").mkdir()
        os.chdir("d")
    write(Path("run"))
    os.chdir(tmp_path)
    [found] = record.find(tmp_path)
    assert record.read(found).name == "a"
    # What removes the directories of old tests goes down by recursion, and would fail here.
    (found / "metrics.json").unlink()
    for place in [found, *found.parents][: deep + 1]:
        place.rmdir()


def test_constants_that_are_no_json_are_absent(tmp_path: Path) -> None:
    text = json.dumps({**DONE, "test": {"loss": math.nan, "accuracy": 0.5}, "config": {"a": math.inf}})
    (tmp_path / "metrics.json").write_text(text)
    found = record.read(tmp_path)
    assert (found.test, found.config) == ({"loss": None, "accuracy": 0.5}, {"a": None})


def test_the_metrics_as_they_are_hold_nothing_that_commands_a_terminal(tmp_path: Path) -> None:
    text = '\ufeff{"status": "completed",\r"name": "\x9b31m\x7f\u202e\U000e0001 größer"}'
    (tmp_path / "metrics.json").write_text(text, encoding="utf-8", newline="")
    shown = record.metrics_text(tmp_path)
    assert not [letter for letter in shown if not letter.isprintable()]
    assert json.loads(shown) == json.loads(text.removeprefix("\ufeff"))


def test_a_number_too_large_to_be_one_is_absent(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({**DONE, "test": {"loss": 10**400, "accuracy": 0.5}}))
    assert record.read(tmp_path).test == {"loss": None, "accuracy": 0.5}


def test_text_that_would_command_a_terminal_is_shown_as_spaces(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({**DONE, "name": "a\x1b[2Jb", "error": "one\ntwo\x07"}))
    found = record.read(tmp_path)
    assert (found.name, found.error) == ("a [2Jb", "one\ntwo ")


def test_names_from_files_are_text_on_one_line_wherever_they_stand(tmp_path: Path) -> None:
    evil = "a\x1b[2J\nb\u202e"
    deep = [{evil: [[evil]]}]
    written = {"config": {evil: deep}, "test": {evil: 0.5}, "history": [{evil: 1}], "timings": {evil: 1.0}}
    (tmp_path / "metrics.json").write_text(json.dumps({**DONE, **written}))
    found = record.read(tmp_path)
    clean = "a [2J b "
    assert found.config == {clean: [{clean: [["a [2J\nb "]]}]}
    assert (list(found.test), list(found.history[0]), list(found.timings)) == ([clean], [clean], [clean])
    plain = {**DONE, "config": {"a": [{"b": "c\x7f"}]}, "name": "größer 日本"}
    (tmp_path / "metrics.json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
    assert (record.read(tmp_path).config, record.read(tmp_path).name) == ({"a": [{"b": "c "}]}, "größer 日本")


def test_a_directory_that_cannot_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of more than 4,096 characters is one, for root as well."""
    write(tmp_path / "good")
    monkeypatch.chdir(tmp_path)
    for _ in range(17):
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    os.chdir(tmp_path)
    deep, good = record.find(tmp_path)
    assert good == tmp_path / "good"
    with pytest.raises(record.Unreachable, match="File name too long"):
        record.read(deep)


@pytest.mark.parametrize("name", ["n" * 300, "loop", "loop/inside"])
def test_what_cannot_be_reached_is_not_taken_for_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(record.Unreachable, match="cannot be reached"):
        record.kind_of(tmp_path / name)
    with pytest.raises(record.Unreachable, match="cannot be read"):
        record.read(tmp_path / name)


def test_what_is_at_a_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    names = ("", "file", "link", "pipe", "nowhere", "missing", "file/inside")
    expected = ["directory", "file", "file", "other", "nothing", "nothing", "nothing"]
    assert [record.kind_of(tmp_path / name) for name in names] == expected
