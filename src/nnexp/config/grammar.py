"""The one grammar of a config: an entry is a name, or one name with its parameters.

adam                                            ->  Entry("adam")
adam: 0.01                                      ->  Entry("adam", {"learning_rate": 0.01})
dense: {units: 10, kernel_regularizer: l2}      ->  Entry("dense", {"units": 10, "kernel_regularizer": Entry("l2")})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A named part with its parameters; a parameter is plain data, or an entry, or a list of entries."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def get(self, parameter: str, default: Any = None) -> Any:
        """The value of a parameter, or `default` where the entry does not give it."""
        return self.parameters.get(parameter, default)

    def plain(self) -> Any:
        """The entry as YAML and JSON write it: `name`, or `{name: {parameter: value}}`."""
        if not self.parameters:
            return self.name
        return {self.name: {key: plain(value) for key, value in self.parameters.items()}}


def plain(value: Any) -> Any:
    """Entries inside `value` as YAML and JSON write them; everything else as it is."""
    if isinstance(value, Entry):
        return value.plain()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value
