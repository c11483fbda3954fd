"""nnexp on several devices: a processor made to look like that many, which TensorFlow takes before nnexp starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DEVICES = """
import os, sys
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
import tensorflow as tf
[processor] = tf.config.list_physical_devices("CPU")
parts = [tf.config.LogicalDeviceConfiguration()] * int(sys.argv.pop(1))
tf.config.set_logical_device_configuration(processor, parts)
"""
COMMAND = f"{DEVICES}\nfrom nnexp.cli import main\nmain()"
RUNS = f"""{DEVICES}
import json
from pathlib import Path
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.experiment import Options, run_experiment

for folder, text in json.loads(sys.argv[1]).items():
    run_experiment(parse_experiment(parse_config(text, "it.yaml"), "it"), Options(folder=Path(folder)))
"""


def runs_on(devices: int, configs: dict[Path, str]) -> None:
    """Train each config's text into its folder, one after the other in one process with so many devices."""
    told = json.dumps({str(folder): text for folder, text in configs.items()})
    done = subprocess.run([sys.executable, "-c", RUNS, str(devices), told], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def command_on(devices: int, *arguments: object) -> list[str]:
    """The command line of nnexp with so many devices."""
    return [sys.executable, "-c", COMMAND, str(devices), *map(str, arguments)]
