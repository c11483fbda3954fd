# mypy: ignore-errors
"""Runs in MLflow's default store, a SQLite file: python mlflow_runs.py make FOLDER RUNS, or list FOLDER RUNS."""

import sys

import mlflow
from mlflow.entities import Metric, Param

_, what, folder, runs = sys.argv
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
if what == "make":
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("main_job")
    for number in range(int(runs)):
        run = client.create_run(experiment, run_name=f"run-{number}").info.run_id
        parameters = [Param("units", str(16 + number // 5)), Param("seed", str(number % 5))]
        client.log_batch(run, [Metric("loss", 0.1, 1, 0), Metric("accuracy", 0.9 + number / 1e5, 1, 0)], parameters)
        client.set_terminated(run)
else:
    table = mlflow.search_runs(experiment_names=["main_job"], max_results=int(runs))
    assert len(table) == int(runs)
    print(table.to_string())
