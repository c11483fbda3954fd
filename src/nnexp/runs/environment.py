"""What a run ran on: versions, machine, commit, command. For repeating it, and for seeing why a repeat differs."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("nnexp", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "matplotlib")
# Environment variables that change what TensorFlow computes, or where.
_VARIABLES = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "CUDA_VISIBLE_DEVICES")


def describe(command: Sequence[str], threads: int) -> dict[str, Any]:
    """The environment as plain data; `command` is the command line, `threads` what TensorFlow was given."""
    import psutil

    return {
        "command": list(command),
        "directory": str(Path.cwd()),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "threads": threads,
        "accelerators": _accelerators(),
        "git_commit": _git_commit(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _accelerators() -> list[str]:
    """The names of the accelerators that TensorFlow, where it is loaded, sees."""
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return []
    devices = (device for device in tf.config.list_physical_devices() if device.device_type != "CPU")
    return [tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in devices]


def _git_commit() -> str | None:
    """The commit of the directory the run was started in, with `+` where files differ from it; None outside git."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
