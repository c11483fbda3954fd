"""Which callbacks act at each batch, and not at the ends of epochs alone."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.config.grammar import Entry


def needs_batches(entries: Sequence[Entry]) -> str:
    """The name of the first callback that acts at each batch, or "" where epoch ends suffice for all."""
    for entry in entries:
        every_batches = isinstance(entry.get("save_freq"), int) or entry.get("update_freq") not in (None, "epoch")
        profiles = entry.name == "tensorboard" and (entry.get("profile_batch") or entry.get("write_steps_per_second"))
        if every_batches or profiles or entry.name == "terminate_on_nan":
            return entry.name
    return ""
