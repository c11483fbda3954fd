"""What a tracker has of a run, read with its own reader; every tracker passes the same tests."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from readers import READERS, OfMLflow, OfWandb, accumulated, expected, rewritten
from typer.testing import CliRunner

from nnexp import events
from nnexp.cli import application
from nnexp.errors import InputError
from nnexp.runs import record
from nnexp.runs.process import this_process
from nnexp.tracking import follow
from nnexp.tracking.follow import Follower
from nnexp.tracking.kept import kept
from nnexp.tracking.kinds import TRACKERS
from nnexp.tracking.tracker import Tracker
from nnexp.tracking.trackers import begin, open_trackers, tell, tell_sweep

SLOW = pytest.param("wandb", marks=pytest.mark.slow)  # starts a service
live_tracker = pytest.mark.parametrize("tracker", ["mlflow", "tensorboard"], indirect=True)
every_tracker = pytest.mark.parametrize("tracker", ["mlflow", "tensorboard", SLOW], indirect=True)


def ended(number: int, run: Path) -> events.EpochEnded:
    """What a run tells at the end of an epoch."""
    row = dict(record.read(run).history[number - 1])
    seconds = row.pop("seconds")
    return events.EpochEnded(row.pop("epoch"), 3, row, seconds)


@every_tracker
def test_a_run_is_told_with_each_epoch_and_the_figures_of_its_test(tracker: Tracker, run: Path) -> None:
    assert tell(tracker, run)
    assert READERS[tracker.name](run.parent).series(run) == expected(run)


@every_tracker
def test_telling_it_again_changes_nothing(tracker: Tracker, run: Path) -> None:
    tell(tracker, run)
    assert not tell(tracker, run)
    assert READERS[tracker.name](run.parent).series(run) == expected(run)


@every_tracker
def test_a_run_that_was_cut_off_and_went_on_is_one_run_with_each_epoch_once(tracker: Tracker, run: Path) -> None:
    whole = json.loads((run / "metrics.json").read_text())
    rewritten(run, status="interrupted", history=whole["history"][:2], test={}, test_intervals={})
    tell(tracker, run)
    rewritten(run, **whole)
    tell(tracker, run)
    assert READERS[tracker.name](run.parent).series(run) == expected(run)


@live_tracker
def test_epochs_are_told_as_they_come_and_those_that_were_told_before_are_not(tracker: Tracker, run: Path) -> None:
    reader, finished = READERS[tracker.name](run.parent), json.loads((run / "metrics.json").read_text())
    rewritten(run, status="running", history=[], test={}, test_intervals={}, finished=None)
    for told in ([1, 2], [2, 3]):  # the second time it goes on from the checkpoint after epoch 1
        with Follower([tracker], lambda folder, text: pytest.fail(text)) as follower:
            for number in told:
                rewritten(run, history=finished["history"])
                follower.event(run, ended(number, run))
                follower._told_at.clear()
    assert reader.series(run)["loss"] == expected(run)["loss"]


@every_tracker
def test_a_run_that_is_done_from_its_start_again_is_told_whole(tracker: Tracker, run: Path) -> None:
    with Follower([tracker], lambda folder, text: pytest.fail(text)) as follower:
        follower.event(run, ended(1, run))
        while not (run / "tracking.json").exists():
            time.sleep(0.01)
        for path in [run / "tracking.json", *run.glob("events.*")]:  # its worker died, and it cannot go on exactly
            path.unlink()
        follower.over(run)
    assert READERS[tracker.name](run.parent).series(run) == expected(run)


@every_tracker
def test_what_is_no_finite_number_is_told_as_such(tracker: Tracker, run: Path) -> None:
    history = json.loads((run / "metrics.json").read_text())["history"]
    rewritten(run, status="diverged", history=[*history[:2], {**history[2], "loss": None}])
    tell(tracker, run)
    assert np.isnan(READERS[tracker.name](run.parent).series(run)["loss"][2][1])


@every_tracker
def test_no_global_random_generator_is_touched(tracker: Tracker, run: Path) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    [again] = open_trackers([(tracker.name, {"experiment": "other", "project": "other"})], run.parent)
    tell(again, run)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def change_store(runs: Path, change: str) -> None:
    """Change the tables of an MLflow store behind MLflow's back."""
    with contextlib.closing(sqlite3.connect(runs / "mlflow" / "mlflow.db")) as store:
        store.execute(change)
        store.commit()


def test_mlflow_finds_runs_by_parameters_tags_and_figures(runs: Path, run: Path, trained: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "widths"})], runs)
    narrow = Path(shutil.copytree(trained / "hidden=4_seed=2", runs / "narrow"))
    for folder in (run, narrow):
        tell(tracker, folder)
    found = OfMLflow(runs)
    [wide] = found.search("params.`layers.1.units` = '16' and metrics.test_accuracy > 0 and tags.`nnexp.seed` = '1'")
    assert wide.info.run_name == "wide"
    assert wide.info.status == "FINISHED"
    assert wide.data.params["optimizer.learning_rate"] == "0.001"
    assert wide.data.tags["nnexp.identity"] == record.read(run).identity
    names = {file.path for file in found.client.list_artifacts(wide.info.run_id)}
    assert names == {"config.yaml", "metrics.json", "model.keras", "history.png", "confusion_matrix.png"}
    assert [row.info.run_name for row in found.search("params.`layers.1.units` = '4'")] == ["narrow"]
    assert sorted(path.name for path in record.find(runs)) == ["narrow", "wide"]  # not the copies in the store


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "told"),
    [("interrupted", "KILLED"), ("failed", "FAILED"), ("diverged", "FINISHED"), ("running", "KILLED")],
)
def test_mlflow_gets_the_status_of_a_run_also_of_one_whose_process_is_gone(
    runs: Path, run: Path, status: str, told: str
) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp", "artifacts": False})], runs)
    rewritten(run, status=status, process={"pid": 2**22 + 1, "host": "elsewhere", "started": 1.0}, finished=None)
    if status == "running":
        long_ago = time.time() - 3600
        os.utime(run / "metrics.json", (long_ago, long_ago))
    tell(tracker, run)
    [found] = OfMLflow(runs).search()
    assert found.info.status == told
    assert not OfMLflow(runs).client.list_artifacts(found.info.run_id)


@pytest.mark.slow
def test_the_runs_of_a_sweep_are_nested_under_it(runs: Path, trained: Path) -> None:
    labels = ["hidden=4_seed=1", "hidden=16_seed=1"]
    sweep = runs / "widths"
    for label in labels:
        shutil.copytree(trained / label, sweep / label)
    points = [{"label": label} for label in labels]
    (sweep / "sweep.json").write_text(json.dumps({"name": "widths", "description": "Wider?", "points": points}))
    (sweep / "table.csv").write_text("hidden\n")
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    for _ in range(2):
        for label in labels:
            tell(tracker, sweep / label)
        tell_sweep(tracker, sweep)
    found = OfMLflow(runs)
    [parent] = found.search("tags.`nnexp.kind` = 'sweep'")
    children = found.search(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert sorted(child.info.run_name for child in children) == sorted(labels)
    assert parent.info.status == "FINISHED"
    assert [file.path for file in found.client.list_artifacts(parent.info.run_id)] == ["table.csv"]
    assert len(found.search()) == 3


@pytest.fixture
def sweep(runs: Path, trained: Path) -> Path:
    """A sweep folder of one run."""
    folder = runs / "widths"
    shutil.copytree(trained / "hidden=4_seed=1", folder / "hidden=4_seed=1")
    (folder / "sweep.json").write_text(json.dumps({"points": [{"label": "hidden=4_seed=1"}], "runs": 1}))
    return folder


def test_a_search_that_is_not_at_its_end_is_told_as_stopped(runs: Path, sweep: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    run = sweep / "hidden=4_seed=1"
    rewritten(run, stopped={"epoch": 3, "reason": "pruned: its search gave it up for better ones"})
    (sweep / "sweep.json").write_text(json.dumps({"points": [{"label": run.name}], "runs": 2}))
    tell(tracker, run)
    tell_sweep(tracker, sweep)
    [trial] = OfMLflow(runs).search("tags.`nnexp.stopped` LIKE 'pruned%'")
    [parent] = OfMLflow(runs).search("tags.`nnexp.kind` = 'sweep'")
    assert (trial.info.status, parent.info.status) == ("FINISHED", "KILLED")


def test_a_run_of_a_sweep_that_began_anew_is_there_once(runs: Path, sweep: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    run = sweep / "hidden=4_seed=1"
    begin(tracker, record.read(run))
    (run / "tracking.json").unlink()  # with the whole folder, since it could not go on exactly
    tell(tracker, run)
    [found] = OfMLflow(runs).search("attributes.run_name = 'hidden=4_seed=1'")
    assert found.info.run_id == kept(run, "mlflow").id


def test_a_sweep_that_goes_on_runs_in_mlflow_until_its_next_end(runs: Path, sweep: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    run = sweep / "hidden=4_seed=1"

    def statuses(status: str) -> set[str]:
        rewritten(run, status=status, process=this_process(), finished=None)
        tell(tracker, run)
        tell_sweep(tracker, sweep)
        return {found.info.status for found in OfMLflow(runs).search()}

    assert statuses("interrupted") == {"KILLED"}
    assert statuses("running") == {"RUNNING"}
    assert statuses("interrupted") == {"KILLED"}


def test_tensorboard_shows_parameters_pictures_and_text(runs: Path, run: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    [tracker] = open_trackers([("tensorboard", {})], runs)
    tell(tracker, run)
    found = accumulated(run)
    assert set(found.Tags()["images"]) == {"history", "confusion_matrix"}
    assert found.Images("history")[0].encoded_image_string == (run / "history.png").read_bytes()
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    assert start.hparams["layers.1.units"].number_value == 16
    assert start.hparams["optimizer"].string_value == "adam"
    assert {"config", "run"} <= set(found.Tags()["tensors"])


def test_a_store_that_breaks_is_told_once_and_made_good_at_the_end(runs: Path, run: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    warned: list[str] = []

    def mend(folder: Path, text: str) -> None:
        warned.append(text)
        change_store(runs, "ALTER TABLE gone RENAME TO metrics")

    with Follower([tracker], mend) as follower:
        change_store(runs, "ALTER TABLE metrics RENAME TO gone")
        for number in (1, 2, 3):
            follower.event(run, ended(number, run))
            follower._told_at.clear()
        follower.over(run)
    assert len(warned) == 1
    assert "mlflow cannot be told now" in warned[0]
    assert "the run goes on, and tries again" in warned[0]
    assert warned[0] in (run / "log.txt").read_text()
    assert OfMLflow(runs).series(run) == expected(run)


def test_a_store_that_stays_broken_costs_nothing_but_a_hint(runs: Path, run: Path) -> None:
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    change_store(runs, "DROP TABLE metrics")
    warned: list[str] = []
    with Follower([tracker], lambda folder, text: warned.append(text)) as follower:
        follower.event(run, ended(1, run))
        follower.over(run)
    assert len(warned) == 2
    assert f"nnexp track {run} --to mlflow" in warned[1]


def test_a_tracker_that_failed_is_told_again_after_a_while(
    runs: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_LEFT_ALONE_SECONDS", 0.0)
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    follower = Follower([tracker], lambda folder, text: change_store(runs, "ALTER TABLE gone RENAME TO metrics"))
    with follower:
        change_store(runs, "ALTER TABLE metrics RENAME TO gone")
        for number in (1, 2):
            follower.event(run, ended(number, run))
            follower._told_at.clear()
    assert [step for step, _ in OfMLflow(runs).series(run)["loss"]] == [2]  # the first is left to the run's end


def test_a_store_that_does_not_answer_is_left_in_the_end(
    runs: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_PATIENCE_SECONDS", 0.1)
    [tracker] = open_trackers([("mlflow", {"experiment": "nnexp"})], runs)
    warned: list[str] = []
    with contextlib.closing(sqlite3.connect(runs / "mlflow" / "mlflow.db")) as held:
        held.execute("BEGIN EXCLUSIVE")
        with Follower([tracker], lambda folder, text: warned.append(text)) as follower:
            follower.over(run)
        assert f"nnexp track {run} --to mlflow" in warned[-1]
        held.rollback()
    follower._thread.join()


def test_an_id_that_a_stranger_wrote_is_taken_for_none(run: Path) -> None:
    (run / "tracking.json").write_text(json.dumps({"mlflow": {"id": "../../x", "told": 3}}))
    assert kept(run, "mlflow").id == ""


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_installed_is_told_before_anything_begins(
    name: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not there
    with pytest.raises(InputError, match=rf"pip install 'nnexp\[{name}\]'"):
        open_trackers([(name, {})], runs)


@pytest.mark.parametrize("uri", ["sqlite:////dev/null/mlflow.db", "http://127.0.0.1:9"])
def test_a_store_that_cannot_be_reached_is_told_before_anything_begins(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match=f"the store {uri} cannot be used"):
        open_trackers([("mlflow", {"uri": uri, "experiment": "nnexp"})], runs)


def test_a_store_that_the_environment_names_is_used_and_said(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////dev/null/mlflow.db")
    with pytest.raises(InputError, match=r"mlflow.db of MLFLOW_TRACKING_URI cannot be used"):
        open_trackers([("mlflow", {"experiment": "nnexp"})], runs)


MAKE = """
import sys
from pathlib import Path
from nnexp.tracking.trackers import open_trackers

open_trackers([("mlflow", {"experiment": "nnexp"})], Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_two_processes_may_make_one_store_at_once(tmp_path: Path) -> None:
    made = [subprocess.Popen([sys.executable, "-c", MAKE, tmp_path], stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[1][-500:] for process in made] == [b"", b""]
    assert [process.returncode for process in made] == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["wandb"], indirect=True)
def test_wandb_has_a_run_by_its_sweep_with_parameters_and_files_and_nothing_of_the_computer(
    tracker: Tracker, runs: Path, sweep: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, ways_out = sweep / "hidden=4_seed=1", (sys.exit, sys.excepthook)
    tell(tracker, run)
    rewritten(run, status="failed", finished="2026-01-01T00:00:00+00:00")
    tell(tracker, run)  # it went on, and failed: in the place of what was told before
    assert capfd.readouterr() == ("", "")
    assert (sys.exit, sys.excepthook) == ways_out
    [offline] = (runs / "wandb").glob("offline-run-*")
    files = [path.relative_to(offline / "files") for path in (offline / "files").rglob("*") if path.is_file()]
    assert {str(path) for path in files if path.parts[0] != "media"} == {"nnexp/config.yaml", "nnexp/model.keras"}
    records = OfWandb(runs).records(run)
    [said] = [one.run for one in records if one.HasField("run")]
    assert (said.project, said.run_group, said.display_name) == ("nnexp", "widths", "hidden=4_seed=1")
    assert said.host == ""
    config = {item.key: json.loads(item.value_json) for item in said.config.update}
    assert (config["layers.1.units"], config["optimizer"]) == (4, "adam")
    assert config["nnexp"]["status"] == "failed"
    assert [one.exit.exit_code for one in records if one.HasField("exit")] == [1]
    assert not any(one.HasField("environment") or one.HasField("stats") for one in records)
    assert list(record.find(runs)) == [run]


def test_the_command_tells_runs_once(runs: Path, run: Path) -> None:
    command = ["track", str(runs), "--to", "mlflow,tensorboard"]
    first = CliRunner().invoke(application(["track"]), [*command, "--json"])
    assert [(row["tracker"], row["new"]) for row in json.loads(first.stdout)] == [
        ("mlflow", True),
        ("tensorboard", True),
    ]
    second = CliRunner().invoke(application(["track"]), command)
    assert second.stdout.count("was told all before") == 2
    assert len(OfMLflow(runs).search()) == 1


@pytest.mark.parametrize(("to", "told"), [("mlflw", "did you mean 'mlflow'"), ("none", "no tracker is named")])
def test_the_command_wants_a_tracker_that_there_is(to: str, told: str, run: Path) -> None:
    answer = CliRunner().invoke(application(["track"]), ["track", str(run), "--to", to])
    assert answer.exit_code == 2
    assert told in answer.stderr
