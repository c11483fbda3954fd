"""A column may say how much each row counts in training; with class weights both count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from nnexp.data.datasets import describe, load
from nnexp.data.splits import split
from nnexp.training import backend
from nnexp.training.session import Session

backend.prepare(threads=2)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize("validation", ["none", "0.25"])
def test_each_row_counts_as_its_column_says(
    experiment: Any, tmp_path: Path, class_weight: str, validation: str
) -> None:
    frame = pd.DataFrame({"x": np.arange(60.0), "y": ["ab"[n % 3 == 0] for n in range(60)], "w": np.arange(60) / 7})
    frame.to_csv(tmp_path / "a.csv", index=False)
    made = experiment(
        f"dataset: {{csv: {{path: {tmp_path}/a.csv, target: y, weight_column: w}}}}\n"
        f"layers: [dense: {{units: 2, activation: softmax}}]\n"
        f"engine: graph\nthreads: 2\nclass_weight: {class_weight}\nvalidation: {validation}\n"
    )
    dataset = describe(made.dataset.name, made.dataset.parameters)
    splits = split(load(dataset), made.validation, 1)
    session = Session(made, splits, dataset)
    weights = np.asarray(session.engine.source.data[2])
    by_class = compute_sample_weight(None if class_weight == "none" else class_weight, splits.y_train)
    np.testing.assert_allclose(weights, splits.x_train[:, 0] / 7 * by_class, rtol=1e-5)
