"""Memory that runs out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from disk import Disk
from kills import the_run

from nnexp.failures import what_failed
from nnexp.runs import record

# Attention from each of 64,000 places to each, for 32 examples: half a terabyte, of which no output of a layer tells.
TOO_LARGE = """
dataset: digits
layers:
  - reshape: [64, 1]
  - up_sampling1d: {size: 1000}
  - multi_head_attention: {num_heads: 1, key_dim: 1}
  - global_average_pooling1d
  - dense: {units: 10, activation: softmax}
epochs: 1
threads: 1
engine: ENGINE
"""
WHAT_TO_DO = "memory ran out; close other programs, or give a smaller batch_size or a smaller model"


def test_an_array_that_is_too_large_is_told_as_memory_that_ran_out(tmp_path: Path) -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**55)
    assert what_failed(caught.value, tmp_path) == WHAT_TO_DO


@pytest.mark.slow
def test_a_run_that_has_too_little_memory_says_so_and_can_be_gone_on_with(tmp_path: Path) -> None:
    with Disk(tmp_path / "disk") as disk:
        for engine in ("graph", "keras"):
            (disk.root / "large.yaml").write_text(TOO_LARGE.replace("ENGINE", engine))
            done = disk("run", "large.yaml", "--runs-dir", engine, "--quiet", memory=64_000_000_000)
            assert done.code == 1, done
            failed = the_run(disk.root / engine)
            path = f"{engine}/{failed.name}"
            assert done.said.splitlines() == [
                f"error: the run failed: {WHAT_TO_DO}",
                f"what was done is kept; to go on from its start:  nnexp resume {path}",
            ]
            assert record.read(failed).status == "failed"
            assert record.read(failed).error == WHAT_TO_DO
            assert disk("show", path).said.splitlines()[-1] == f"to go on:  nnexp resume {path}"
            again = disk("resume", path, "--quiet", memory=64_000_000_000)
            assert (again.code, again.said) == (1, done.said)
