"""A model built on paper is the model that Keras builds, and costs no memory."""

from __future__ import annotations

from typing import Any

import pytest

from nnexp.config import catalog
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import split
from nnexp.errors import ConfigError
from nnexp.training.rehearsal import rehearse
from nnexp.training.session import Session

STACKS = {
    "norm": "[flatten, rms_normalization, dense: {units: 4, lora_rank: 2}, dense: 10]",
    "recurrent": "[rnn: {cell: [lstm_cell: 3, gru_cell: 4]}, batch_normalization, dropout: 0.2, dense: 10]",
    "wrapped": "[flatten, spectral_normalization: {layer: {dense: 6}}, dense: {units: 10, bias_initializer: ones}]",
    "joined": "[flatten, dense: {units: 8, name: a}, dense: {units: 8, name: b}, add: {inputs: [a, b]}, dense: 10]",
    "images": "[reshape: [8, 8, 1], resizing: {height: 6, width: 6}, conv_lstm1d: {filters: 3, kernel_size: 3}, "
    "flatten, dense: 10]",
}


@pytest.mark.parametrize("stack", STACKS)
def test_it_has_the_layers_and_numbers_of_the_real_one(experiment: Any, stack: str) -> None:
    layers = STACKS[stack]
    described = experiment(f"dataset: digits\nlayers: {layers}\nthreads: 2\nmetrics: [accuracy]\n")
    digits = DATASETS["digits"]
    on_paper = rehearse(described, digits, threads=2)
    real = Session(described, split(load(digits), "none", 1), digits)
    assert on_paper == (real.summary, real.parameters)


# The ones whose variables differ most; all others take the same way.
_QUICK = ("adam", "muon")
OPTIMIZERS = [
    pytest.param(name, marks=[] if name in _QUICK else pytest.mark.slow) for name in catalog.names("optimizers")
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_taken(experiment: Any, optimizer: str) -> None:
    written = "{loss_scale_optimizer: {inner_optimizer: adam}}" if optimizer == "loss_scale_optimizer" else optimizer
    text = f"dataset: digits\nlayers: [flatten, rms_normalization, dense: 10]\noptimizer: {written}\n"
    rows, parameters = rehearse(experiment(text), DATASETS["digits"], threads=2)
    assert (rows[-1]["output"], parameters["total"]) == ("(10)", 64 + 650)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layers: [flatten, rms_normalization, dense: 9]", "gives 9 outputs, but digits has 10 classes"),
        ("layers: [rms_normalization, conv_lstm1d: {filters: 3, kernel_size: 3}]", "Keras cannot build conv_lstm1d"),
        (
            "layers: [flatten, rms_normalization, dense: 10]\nloss: {tversky: {axis: [5]}}",
            "Keras cannot train this model with the loss tversky",
        ),
        (
            "layers: [flatten, rms_normalization, dense: 10000000, dense: 10000000, dense: 10]\noptimizer: sgd",
            "to train them with sgd takes at least 800,",
        ),
    ],
)
def test_what_keras_or_the_machine_refuses_is_told(experiment: Any, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rehearse(experiment(f"dataset: digits\n{text}\n"), DATASETS["digits"], threads=2)
    assert told in str(caught.value)
