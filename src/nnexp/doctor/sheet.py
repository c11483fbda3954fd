"""What to paste into a bug report: plain text, without the names of the computer, the user and their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnexp import machine
from nnexp.doctor.check import Check, one_line, shown

_TOLD = ("python", "platform", "cpu", "cpus", "accelerators")


def sheet(checks: Sequence[Check], ran_on: Mapping[str, Any]) -> str:
    """Versions, computer, settings, and all that is not as it should be."""
    packages = ", ".join(f"{name} {version}" for name, version in ran_on["packages"].items())
    lines = [f"packages: {packages}", f"source: {ran_on['code']}"]
    for name in _TOLD:
        value = ran_on[name]
        lines.append(f"{name}: {', '.join(value) or 'none' if isinstance(value, list) else value}")
    lines.append(f"memory: {machine.written(ran_on['memory_bytes'])}")
    lines += [f"{name}: {one_line(value)}" for name, value in ran_on["variables"].items()]
    lines += [f"{check.state}: {check.topic}: {check.message}" for check in checks if check.state != "ok"]
    return "\n".join(shown(line) for line in lines)
