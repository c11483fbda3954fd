"""Train every row of the courseworks through the `nnexp` command and write docs/results.md beside the known figures.

python docs/make_results.py [RUNS_DIR]: the run folders are kept in RUNS_DIR, or thrown away where none is given.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One experiment as it was done before: by a notebook, and by stock Keras with seeds 1, 2 and 3."""

    id: str
    notebook: str  # training / test accuracy of one unseeded run
    repeated: str  # test accuracy


ROWS = (
    Row("mnist_raw_relu100", "0.197 / 0.184", "0.193, 0.167, 0.114"),
    Row("mnist_raw_linear100", "0.099 / 0.098, NaN", "0.098, 0.098, 0.098, NaN"),
    Row("mnist_l2_linear100", "0.888 / –", "0.895, 0.896, 0.896"),
    Row("mnist_l2_relu100", "–", "0.895, 0.895, 0.896"),
    Row("mnist_l2_relu_before_softmax", "0.886 / –", "0.647, 0.448, 0.810"),
    Row("mnist_l2_deep_mixed", "0.833 / –", "0.854, 0.818, 0.847"),
    Row("fashion_sigmoid128", "0.9005 / 0.8706", "0.878, 0.880, 0.877"),
    Row("fashion_sigmoid512", "0.910 / 0.8837", "0.878, 0.883, 0.883"),
    Row("fashion_sigmoid1024", "0.911 / 0.8882", "0.883, 0.882, 0.883"),
    Row("fashion_no_flatten", "an error", "–"),
    Row("fashion_five_outputs", "an error", "–"),
    Row("fashion_15_epochs", "0.9136 / 0.8807", "0.885, 0.884, 0.885"),
    Row("fashion_30_epochs", "0.9406 / 0.8858", "0.888, 0.887, 0.887"),
    Row("fashion_stop_at_loss", "stopped after epoch 1 at loss 0.4765", "–"),
    Row("fashion_stop_at_accuracy", "–", "–"),
)

INTRODUCTION = """\
# Results

Every experiment of two courseworks, trained by nnexp on the real data: 60,000 training and 10,000 test images.
This page is written by `make results`; run it again after a change that may move a figure.

- *notebook*: the training / test accuracy that the coursework's notebook printed, from one run without a seed.
- *stock Keras*: the test accuracy of the same model trained by Keras' own `fit`, with seeds 1, 2 and 3.
- *nnexp*: the training / test accuracy of `nnexp run` on the config, with the Wilson 95 % interval of the latter. The
  interval tells how sure 10,000 test images are; how much another seed changes is seen in the column before it.
- *noticed*: codes of the findings, explained in [findings.md](findings.md) and told in words below.

`fashion_sigmoid512` and `fashion_sigmoid1024` validate on the test set, as the notebook did, so that all 60,000 images
train. `fashion_30_epochs` holds a tenth of them out instead, so 54,000 train: its epoch to stop at is a choice.
"""


@dataclass(frozen=True)
class Outcome:
    """What `nnexp run` on a row's config gave: metrics.json, or the message of a config that cannot work."""

    row: Row
    metrics: dict[str, Any] | None
    message: str

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        first = (f"[{self.row.id}](../configs/{self.row.id}.yaml)", self.row.notebook, self.row.repeated)
        if self.metrics is None:
            return (*first, "not started", "–", "the error, below")
        history, test = self.metrics["history"], self.metrics["test"]["accuracy"]
        low, high = self.metrics["test_intervals"]["accuracy"]
        train = history[-1]["accuracy"]
        accuracy = f"{train:.4f} / **{test:.4f}** [{low:.4f}, {high:.4f}]"
        codes = ", ".join(f"`{finding['code']}`" for finding in self.metrics["findings"])
        return (*first, accuracy, str(len(history)), codes or "–")

    def words(self) -> str:
        """What nnexp told, as it told it."""
        if self.metrics is None:
            return f"### {self.row.id}\n\n```text\n{self.message}\n```\n"
        told = [f"{finding['message']} {finding['suggestion']}".strip() for finding in self.metrics["findings"]]
        bullets = "".join(f"- {text}\n" for text in told or ["nothing was noticed"])
        return f"### {self.row.id}\n\n{bullets}"


def run(row: Row, runs: Path) -> Outcome:
    """Train one row by the command that a user would type."""
    nnexp = Path(sys.executable).with_name("nnexp")
    command = [nnexp, "run", f"configs/{row.id}.yaml", "--quiet", "--json", "--runs-dir", runs]
    sys.stderr.write(f"{row.id}\n")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2):
        sys.exit(f"{row.id}: exit code {done.returncode}\n{done.stderr}")
    return Outcome(row, json.loads(done.stdout) if done.returncode == 0 else None, done.stderr.strip())


def page(outcomes: list[Outcome]) -> str:
    """The whole of docs/results.md."""
    heads = ("experiment", "notebook", "stock Keras", "nnexp", "epochs", "noticed")
    lines = [heads, tuple("---" for _ in heads), *(outcome.cells() for outcome in outcomes)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    words = "\n".join(outcome.words() for outcome in outcomes)
    return f"{INTRODUCTION}\n{table}\n\n{readings(outcomes)}\n## What nnexp said\n\n{words}"


def readings(outcomes: list[Outcome]) -> str:
    """Three conclusions that one notebook run got wrong, held against these runs."""
    of = {outcome.row.id: outcome.metrics for outcome in outcomes if outcome.metrics}
    small, large = (of[f"fashion_sigmoid{units}"] for units in (512, 1024))
    overlap = large["test_intervals"]["accuracy"][0] <= small["test_intervals"]["accuracy"][1]
    accuracies = f"{small['test']['accuracy']:.4f} and {large['test']['accuracy']:.4f}"
    stopped = of["fashion_stop_at_loss"]["stopped"]
    relu = of["mnist_l2_relu_before_softmax"]["test"]["accuracy"]
    return f"""\
## What one run of a notebook got wrong

- *More units help (512 → 1024).* The two runs here give {accuracies}; their intervals
  {"overlap" if overlap else "do not overlap"}. Stock Keras' repeats: 0.878 to 0.883, and 0.882 to 0.883.
- *A ReLU before the softmax changes nothing.* This run gives {relu:.4f}, stock Keras' repeats anything from 0.448 to
  0.810: which output units die is chance, and each one that does loses a class.
- *Stop at a loss of 0.40.* The notebook's callback tested `loss > 0.4`, so it stopped after the first epoch, at 0.4765.
  Here the condition is the one at which to stop, and training stopped after epoch {stopped["epoch"]}.
"""


def main() -> None:
    """Run all rows, one at a time, and write the page."""
    with tempfile.TemporaryDirectory(prefix="nnexp-results-") as temporary:
        runs = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(temporary)
        outcomes = [run(row, runs) for row in ROWS]
        (ROOT / "docs" / "results.md").write_text(page(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main()
