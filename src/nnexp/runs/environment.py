"""What a run ran on: versions, machine, commit, command. For repeating it, and for seeing why a repeat differs."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nnexp.errors import Reason
from nnexp.runs.reading import printable

_PACKAGES = ("nnexp", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "matplotlib")
_WITHOUT_EFFECT = ("matplotlib",)  # on figures and weights
# Environment variables that change what TensorFlow computes, or where.
_VARIABLES = (
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "TF_DETERMINISTIC_OPS",
    "NVIDIA_TF32_OVERRIDE",
    "CUDA_VISIBLE_DEVICES",
)
_CACHE_FLAG = "--tf_xla_persistent_cache_"  # nnexp sets it; it changes no result
_LONGEST_VALUE = 100  # characters shown of a value, which may be a stranger's


def describe(command: Sequence[str], threads: int, replicas: Sequence[str] | None = None) -> dict[str, Any]:
    """The environment as plain data.

    `command` is the command line, `threads` what TensorFlow was given, `replicas` the devices that batches are spread
    over; None where they are not.
    """
    import psutil

    return {
        "command": list(command),
        "directory": str(Path.cwd()),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "code": code(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "threads": threads,
        "replicas": None if replicas is None else list(replicas),
        "accelerators": _accelerators(),
        "git_commit": _git_commit(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


@functools.cache
def code() -> str:
    """16 hex digits of the SHA-256 of nnexp's own source: what it does may change where its version does not."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def changes(recorded: Any, now: Mapping[str, Any]) -> list[Reason]:
    """What in two environments may make a difference to figures and weights, each in words; `recorded` may be forged.

    What either of them does not say is passed over, but for the variables: there it means that they were not set.
    """
    recorded = _mapping(recorded)
    then_has, now_has = _mapping(recorded.get("packages")), _mapping(now.get("packages"))
    pairs = [(name, then_has.get(name), now_has.get(name)) for name in _PACKAGES if name not in _WITHOUT_EFFECT]
    pairs.append(("Python", recorded.get("python"), now.get("python")))
    if then_has.get("nnexp") == now_has.get("nnexp"):
        pairs.append(("nnexp of the same version but another source:", recorded.get("code"), now.get("code")))
    pairs.append(("processor:", recorded.get("cpu"), now.get("cpu")))
    pairs.append(("threads:", recorded.get("threads"), now.get("threads")))
    pairs.append(("devices of distribute:", _places(recorded.get("replicas")), _places(now.get("replicas"))))
    pairs.append(("accelerators:", _names(recorded.get("accelerators")), _names(now.get("accelerators"))))
    pairs.append(("engine:", _mapping(recorded.get("engine")).get("name"), _mapping(now.get("engine")).get("name")))
    then_set, now_set = _mapping(recorded.get("variables")), _mapping(now.get("variables"))
    pairs += [(f"{name}:", _setting(then_set.get(name)), _setting(now_set.get(name))) for name in _VARIABLES]
    return [
        f"{what} {_shown(then)} then, {_shown(here)} now"
        for what, then, here in pairs
        if isinstance(then, (str, int)) and isinstance(here, (str, int)) and then != here
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: Any) -> str | None:
    """Names in one text; None where they are not known."""
    if not isinstance(value, list):
        return None
    return ", ".join(name for name in value if isinstance(name, str)) or "none"


def _places(value: Any) -> str | None:
    """Devices in one text, those of several hosts with a number for each host: what it is called changes no result."""
    if not isinstance(value, list) or not all(isinstance(name, str) and " " in name for name in value):
        return _names(value)
    hosts = list(dict.fromkeys(name.split()[0] for name in value))
    return _names([f"{name.split()[-1]} of host {1 + hosts.index(name.split()[0])}" for name in value])


def _setting(value: Any) -> str:
    flags = value.split() if isinstance(value, str) else []
    flags = [flag for flag in flags if not flag.startswith(_CACHE_FLAG)]
    return " ".join(flags) or "not set"


def _shown(value: object) -> str:
    text = printable(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


@functools.cache  # a process keeps what it has imported
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


def _accelerators() -> list[str] | None:
    """The names of the accelerators that TensorFlow sees; None where it is not loaded."""
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return None
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
