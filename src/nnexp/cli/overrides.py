"""Options that several commands share: those that change a config, and `--notify`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nnexp.config.overrides import Override


def limited(seconds: float) -> float:
    """The seconds of `--wait`; NaN and infinity pass Typer's `min`, and nothing would end such a wait."""
    if not math.isfinite(seconds):
        raise typer.BadParameter(f"{seconds} is no number of seconds; give one from 0, such as 300")
    return seconds


Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change any part: optimizer.learning_rate=0.01, layers.dropout.rate=0.2. Repeatable.",
    ),
]
Hidden = Annotated[
    str | None, typer.Option(metavar="N | NxM", help="Units of every hidden dense layer, or of each: 256x128.")
]
Activation = Annotated[
    str | None, typer.Option(metavar="NAME", help="Activation of every hidden dense and convolution layer.")
]
Epochs = Annotated[str | None, typer.Option(metavar="N", help="Number of epochs.")]
BatchSize = Annotated[str | None, typer.Option(metavar="N", help="Examples in a batch.")]
Optimizer = Annotated[str | None, typer.Option(metavar="NAME", help="Optimizer, with its defaults.")]
LearningRate = Annotated[str | None, typer.Option(metavar="RATE", help="The optimizer's learning rate.")]
Normalization = Annotated[str | None, typer.Option(metavar="NAME", help="How raw input is normalized.")]
Dataset = Annotated[str | None, typer.Option(metavar="NAME", help="Dataset; `nnexp data ls` lists them.")]
Track = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Trackers to tell: mlflow, tensorboard, wandb; none takes the config's away."),
]
Hosts = Annotated[
    str | None,
    typer.Option(metavar="A:PORT,B:PORT", help="Spread the run over these hosts, this one first; see `nnexp join`."),
]
Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, callback=limited, help="With --hosts: how long the others are waited for."),
]
Seed = Annotated[str | None, typer.Option(metavar="N", help="The root seed.")]
Notify = Annotated[
    bool, typer.Option("--notify", help="When it ends, ring the terminal's bell and tell the desktop, if there is one.")
]

# Option -> the path it sets. Order matters: an optimizer is replaced before its learning rate is set.
_PATHS = {
    "--dataset": "dataset",
    "--normalization": "normalization",
    "--hidden": "--hidden",
    "--activation": "--activation",
    "--optimizer": "optimizer",
    "--learning-rate": "optimizer.learning_rate",
    "--batch-size": "batch_size",
    "--epochs": "epochs",
    "--seed": "seed",
    "--track": "track",
}


def trackers(text: str | None) -> str | None:
    """What `--track` says as a list: `mlflow,tensorboard` needs no brackets."""
    return text if text is None or text.strip() in ("none", "") or text.lstrip().startswith("[") else f"[{text}]"


def of_hosts(hosts: str | None, wait: float) -> dict[str, Any]:
    """What `--hosts` and `--wait` say, as options of a run."""
    if hosts is None:
        return {}
    from nnexp.training.meeting import hosts_of

    return {"hosts": hosts_of(hosts), "wait": wait}


def collect(sets: list[str] | None, **options: str | None) -> list[Override]:
    """The overrides that the options ask for.

    A `--set` of a whole key comes first and one of a part last: `--set optimizer=sgd --learning-rate 0.1` is one thing.
    """
    from nnexp.config.overrides import Override

    given = {f"--{name.replace('_', '-')}": value for name, value in options.items() if value is not None}
    named = [
        Override(path, given[option], f"{option} {given[option]}") for option, path in _PATHS.items() if option in given
    ]
    asked = [Override.parse(text) for text in sets or []]
    whole = [override for override in asked if "." not in override.path]
    return [*whole, *named, *(override for override in asked if "." in override.path)]
