"""What driver and workers must have in common: results follow from it to the last bit."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

from nnexp.runs.environment import code

_PACKAGES = {"nnexp": "nnexp", "keras": "Keras", "tensorflow": "TensorFlow"}


def here() -> dict[str, str]:
    """The versions that this process has, by what they are of."""
    packages = {said: _version(name) for name, said in _PACKAGES.items()}
    return {"Python": platform.python_version(), **packages, "nnexp's source": code()}


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What differs, with both versions; empty where nothing does."""
    differ = [
        (what, version, theirs.get(what, "none")) for what, version in ours.items() if theirs.get(what) != version
    ]
    return ", ".join(f"{what} {there} (here {version})" for what, version, there in differ)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
