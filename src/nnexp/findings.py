"""Findings: observations in words, each with its evidence and a suggestion.

A finding about a finished run is a function below from plain figures to findings, listed in `OF_A_RUN`; those that a
config gives away before training are in preflight/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed about an experiment or a run: what, by which figures, and what to try."""

    code: str  # stable, snake_case: "diverged", "raw_input"
    severity: Severity
    message: str
    suggestion: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The finding as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Facts:
    """What findings about a finished run are made from."""

    history: Sequence[Mapping[str, float]]  # a row an epoch
    epochs: int  # asked for
    missing_normalization: str  # what would scale raw input; "" where it is scaled, or looked up
    learning_rate: float | None
    stopped: Mapping[str, Any] | None
    diverged_at: int | None  # the first epoch whose loss was no finite number
    on_divergence: str
    figures: Mapping[str, float]  # of the test split: see evaluation.Evaluation
    intervals: Mapping[str, tuple[float, float]]
    per_class: Sequence[Mapping[str, Any]] = ()  # or by label
    dead_units: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # layer -> (dead, of)
    only_in_training: Sequence[str] = ()  # what is at work in training alone: dropout, noise, augmentation
    against_overfitting: Sequence[str] = ()  # what the config has of "early_stopping", "dropout" and "l2"


def of_a_run(facts: Facts) -> list[Finding]:
    """Everything noticed about a finished run, the gravest first."""
    found = [finding for look in OF_A_RUN for finding in look(facts)]
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def _scale(facts: Facts) -> str:
    return f"Scale the input (normalization: {facts.missing_normalization})"


def _diverged(facts: Facts) -> Iterator[Finding]:
    if facts.diverged_at is None:
        return
    epoch = facts.diverged_at
    if facts.missing_normalization:
        suggestion = f"{_scale(facts)}: large raw values make large gradients."
    elif facts.learning_rate is not None:
        suggestion = (
            f"Lower the learning rate, for instance to {facts.learning_rate / 10:g}, or clip gradients (clipnorm: 1.0)."
        )
    else:
        suggestion = "Lower the learning rate or clip gradients (clipnorm: 1.0)."
    went_on = "; training stopped there" if facts.on_divergence == "stop" else "; training went on as asked"
    yield Finding(
        "diverged",
        "error",
        f"The loss was no longer a finite number in epoch {epoch}: the run diverged{went_on}.",
        suggestion,
        {"epoch": epoch, "loss": facts.history[epoch - 1].get("loss")},
    )


def _not_learning(facts: Facts) -> Iterator[Finding]:
    accuracy = facts.figures.get("accuracy")
    if facts.diverged_at or accuracy is None or not facts.per_class:
        return
    total = sum(row["support"] for row in facts.per_class)
    chance = max(row["support"] for row in facts.per_class) / total  # what always naming the commonest class gets
    low, _ = facts.intervals["accuracy"]
    # Less than a fifth of the way from chance to perfect is next to nothing learnt.
    if (low <= chance or accuracy - chance < 0.2 * (1 - chance)) and not _tells_classes_apart(facts.per_class):
        first, last = facts.history[0]["loss"], facts.history[-1]["loss"]
        scale = f"{_scale(facts)}, then try" if facts.missing_normalization else "Try"
        yield Finding(
            "not_learning",
            "warning",
            f"The model hardly learns: test accuracy {accuracy:.3f}, where always naming the commonest class "
            f"gives {chance:.3f}; the loss went from {first:.3g} to {last:.3g}.",
            f"{scale} another learning rate (ten times smaller, ten times larger) or fewer saturating layers.",
            {"accuracy": accuracy, "chance": chance, "first_loss": first, "last_loss": last},
        )


def _tells_classes_apart(per_class: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the mean recall of the classes is beyond chance: what a model learns that is to find the rare ones.

    By as much as accuracy has to be, and two standard errors more, these as Agresti and Coull (1998) have them: of a
    class with one example or two a recall says little.
    """
    shares = [(float(row.get("recall", 0)) * row["support"] + 2, row["support"] + 4) for row in per_class]
    recalls = [(right / of, of) for right, of in shares]
    error = math.sqrt(sum(recall * (1 - recall) / of for recall, of in recalls)) / len(recalls)
    chance = 1 / len(recalls)
    return _mean([recall for recall, _ in recalls]) - 2 * error > chance + 0.2 * (1 - chance)


def _no_better_than_the_mean(facts: Facts) -> Iterator[Finding]:
    explained = facts.figures.get("r2_score")
    # Less than a tenth of the spread explained is next to nothing learnt. NaN is no more than that.
    if facts.diverged_at or explained is None or explained >= 0.1:
        return
    first, last = facts.history[0]["loss"], facts.history[-1]["loss"]
    scale = f"{_scale(facts)}; then end" if facts.missing_normalization else "End"
    yield Finding(
        "not_learning",
        "warning",
        f"The model hardly learns: R² is {explained:.3f} on the test split, where always naming the mean gives 0; the "
        f"loss went from {first:.3g} to {last:.3g}.",
        f"{scale} in a layer that starts where the target is, `rescaling: {{scale: …, offset: …}}` with its deviation "
        "and its mean; or train longer, or try another learning rate (ten times larger, ten times smaller).",
        {"r2_score": explained, "first_loss": first, "last_loss": last},
    )


def _classes_never_predicted(facts: Facts) -> Iterator[Finding]:
    if facts.diverged_at:
        return
    missing = [row["class"] for row in facts.per_class if row["predicted"] == 0 and row["support"] > 0]
    if missing:
        yield Finding(
            "classes_never_predicted",
            "warning",
            f"The model never predicts {listed(missing)}: all their test examples are lost.",
            "Look for a ReLU right before the softmax (its dead units silence whole classes), a learning rate that is "
            "too high, or classes with too few examples; repeat with other seeds to see whether it is chance.",
            {"classes": missing},
        )


def _dead_units(facts: Facts) -> Iterator[Finding]:
    if facts.diverged_at:  # weights that are no numbers make all units seem dead
        return
    for layer, (dead, units) in facts.dead_units.items():
        if dead and dead >= 0.1 * units:
            scale = f"{_scale(facts)}, then lower" if facts.missing_normalization else "Lower"
            yield Finding(
                "dead_units",
                "warning",
                f"{dead} of {units} ReLU units of layer {layer} are dead: zero for every test example.",
                f"{scale} the learning rate, or use leaky_relu.",
                {"layer": layer, "dead": dead, "units": units},
            )


def _overfitting(facts: Facts) -> Iterator[Finding]:
    losses = [row.get("val_loss", math.nan) for row in facts.history]
    if len(losses) < 3 or not all(map(math.isfinite, losses)):
        return
    # One epoch's validation loss wobbles: in longer runs the mean of three neighbours tells where it turned.
    reach, rise = (1, 1.01) if len(losses) >= 9 else (0, 1.02)
    smooth = [_mean(losses[max(0, i - reach) : i + reach + 1]) for i in range(len(losses))]
    best = min(range(len(smooth)), key=smooth.__getitem__)
    train = [row["loss"] for row in facts.history]
    turned_long_ago = len(losses) - 1 - best >= 2 and losses[-1] > min(losses)
    if turned_long_ago and smooth[-1] > rise * smooth[best] and train[-1] < train[best]:
        first, last = max(0, best - reach) + 1, best + reach + 1
        low, high, patience = smooth[best], smooth[-1], _patience(losses)
        single = losses.index(min(losses)) + 1  # what a run's best epoch goes by
        alone = "" if first <= single <= last else f"; the lowest single epoch was {single}"
        digits = _digits(low)
        lowest, later = f"{low:{digits}}", f"{high:{digits}}"
        turned = (
            f"in epochs {first} to {last} (on average {lowest}{alone}) and rose to {later} in the last two"
            if reach
            else f"in epoch {first} ({lowest}) and rose to {later}"
        )
        yield Finding(
            "overfitting",
            "warning",
            f"Overfitting after epoch {best + 1}: validation loss was lowest {turned} while training loss kept falling "
            f"({train[best]:.4f} to {train[-1]:.4f}).",
            _less_overfitting(facts.against_overfitting, patience),
            {
                "best_epoch": best + 1,
                "best_val_loss": low,
                "last_val_loss": high,
                "epochs_meant": 2 * reach + 1,
                "patience": patience,
            },
        )


def _less_overfitting(tried: Sequence[str], patience: int) -> str:
    """What to do about overfitting that the config does not do already."""
    ways = [way for way in ("dropout", "l2") if way not in tried]
    more = f"regularize ({', '.join(ways)})" if ways else "take a smaller model, or more training examples"
    if "early_stopping" in tried:
        return f"Early stopping keeps the best weights already; to make these better, {more}."
    return (
        f"Keep the best weights (early_stopping: {{monitor: val_loss, patience: {patience}, "
        f"restore_best_weights: true}}), or {more}."
    )


def _training_looks_worse(facts: Facts) -> Iterator[Finding]:
    if facts.diverged_at or not facts.history or not facts.only_in_training:
        return
    train, held_out = facts.history[-1]["loss"], facts.history[-1].get("val_loss", math.nan)
    if train - held_out > 0.1 * abs(held_out):
        yield Finding(
            "training_looks_worse",
            "info",
            f"Training figures are worse than those of validation (loss {train:.4f}, val_loss {held_out:.4f}): they "
            f"are taken with {listed(facts.only_in_training)} at work, and those of validation without.",
            "That is no fault; go by the validation figures.",
            {"loss": train, "val_loss": held_out, "only_in_training": list(facts.only_in_training)},
        )


def _patience(losses: Sequence[float]) -> int:
    """The patience, at least 3, with which early stopping would have come to the lowest of these losses."""
    best, waited, longest = math.inf, 0, 0
    for loss in losses[: losses.index(min(losses))]:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        longest = max(longest, waited)
    return max(3, longest + 1)


def _still_improving(facts: Facts) -> Iterator[Finding]:
    if facts.stopped or facts.diverged_at or len(facts.history) < 3 or any(_overfitting(facts)):
        return
    measure = "val_loss" if "val_loss" in facts.history[-1] else "loss"
    losses = [row[measure] for row in facts.history]
    # One epoch tells little of a long run: there the last tenth is held against the tenth before it.
    many = max(1, len(losses) // 10)
    fall = 0.995 if many == 1 else 0.99
    means = [_mean(losses[place : place + many]) for place in range(len(losses) - many + 1)]
    before, last = means[-1 - many], means[-1]
    if math.isfinite(last) and last <= min(means) and last < fall * before:
        when = "in the last epoch" if many == 1 else f"at the end, by the means of {many} epochs"
        held_out = "" if measure == "val_loss" else " (training loss: without `validation` overfitting would not show)"
        yield Finding(
            "still_improving",
            "info",
            f"Still improving {when}: {measure} fell from {before:{_digits(before)}} to {last:{_digits(last)}}"
            f"{held_out}.",
            f"Train longer, for instance --epochs {2 * facts.epochs}.",
            {"measure": measure, "before": before, "last": last, "epochs_meant": many},
        )


def _stopped_early(facts: Facts) -> Iterator[Finding]:
    if facts.stopped and not facts.diverged_at and (epoch := facts.stopped["epoch"]) < facts.epochs:
        yield Finding(
            "stopped_early",
            "info",
            f"Stopped after epoch {epoch} of {facts.epochs}: {facts.stopped['reason']}.",
            evidence={"epoch": epoch, "epochs": facts.epochs},
        )


def _digits(value: float) -> str:
    """How a loss is written; after many epochs it may be so small that four decimals are all 0."""
    return ".4f" if value == 0 or abs(value) >= 1e-3 else ".4g"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


OF_A_RUN: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    _diverged,
    _not_learning,
    _no_better_than_the_mean,
    _classes_never_predicted,
    _dead_units,
    _overfitting,
    _training_looks_worse,
    _still_improving,
    _stopped_early,
)
