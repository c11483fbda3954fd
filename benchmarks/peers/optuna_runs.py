# mypy: ignore-errors
"""Trials in an Optuna study in a SQLite file: python optuna_runs.py make FOLDER RUNS, or list FOLDER RUNS."""

import sys

import optuna
from optuna.distributions import IntDistribution

_, what, folder, runs = sys.argv
place = {"storage": f"sqlite:///{folder}/optuna.db", "study_name": "main_job"}
if what == "make":
    study = optuna.create_study(direction="maximize", **place)
    ranges = {"units": IntDistribution(1, 4096), "seed": IntDistribution(0, 4)}
    for number in range(int(runs)):
        chosen = {"units": 16 + number // 5, "seed": number % 5}
        accuracy = 0.9 + number / 1e5
        study.add_trial(
            optuna.create_trial(params=chosen, distributions=ranges, value=accuracy, user_attrs={"loss": 0.1})
        )
else:
    table = optuna.load_study(**place).trials_dataframe()
    assert len(table) == int(runs)
    print(table.to_string())
