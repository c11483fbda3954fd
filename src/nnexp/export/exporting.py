"""Exporting a run: what is asked for is checked, made at a temporary place, compared, and only then put in its own."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.config.experiment import as_folder_name, load_experiment
from nnexp.config.overrides import Override
from nnexp.data.dataset import Dataset, OwnFiles
from nnexp.data.own.kinds import KINDS
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError, NnexpError, RunError
from nnexp.examples import dataset_of, load_examples
from nnexp.export.formats import FORMATS, NAMES, PROGRAMS, Check, Format, write_and_check
from nnexp.export.program import program
from nnexp.failures import what_failed
from nnexp.inference.inputs import must_fit
from nnexp.inference.model import load_model
from nnexp.inference.signature import signature_of
from nnexp.runs import record
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord

_EXAMPLES = 256  # of the test part, from its first
_MODULES = sys.stdlib_module_names | {"keras", "numpy", "pandas", "PIL", "sklearn", "tensorflow"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written where."""

    run: Path
    format: str
    path: Path
    check: Check | None = None  # of a model: how it was compared with the run's own

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        told = {"run": str(self.run), "format": self.format, "path": str(self.path)}
        return told | (self.check.plain() if self.check else {})


def export(
    path: Path,
    name: str,
    target: Path | None = None,
    *,
    moved_to: Path | None = None,
    force: bool = False,
    offline: bool = False,
    progress: FetchProgress | None = None,
) -> Exported:
    """Write the model of the run at `path` in the format of that name, or the run as a Keras program.

    It goes to `target`; without one, into the current directory under the run's name. A model is loaded back with the
    format's own runtime and must predict what the run's own does. `moved_to` is where the run's own data are by now.

    Raises:
        InputError: run, format or target cannot be used, or a package is missing; nothing was written.
        DataUnavailable: the test examples are not to be had; nothing was written.
        RunError: the format cannot hold the model, or its predictions differ; nothing is left behind.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.4)
        guess = f" did you mean '{near[0]}'?" if near else ""
        raise InputError(f"unknown format '{printable(name)}';{guess} allowed: {', '.join(NAMES)}")
    found = record.read(path)
    found.folder.refuse_links()
    suffix = PROGRAMS.get(name) or FORMATS[name].suffix
    target = target or Path(_stem(found.name, name) + suffix)
    _check_target(target, suffix, found.path, force=force)
    if name in PROGRAMS:
        return _program(found, name, target, moved_to)
    return _model(found, FORMATS[name], target, moved_to, offline=offline, progress=progress)


def _program(found: RunRecord, name: str, target: Path, moved_to: Path | None) -> Exported:
    dataset = dataset_of(found, moved_to)
    experiment = load_experiment(found.folder.config, _paths(dataset) if moved_to else ())
    if experiment.identity != found.identity:
        what = f"{printable(found.folder.config)} is not the one that the run was trained with"
        raise InputError(f"{what} (edited since, or by another nnexp); train it anew, and export that run")
    made = program(found, experiment, dataset)
    with _placing(target) as temporary:
        temporary.write_text(made.script() if name == "script" else made.notebook(), encoding="utf-8")
    return Exported(found.path, name, target)


def _paths(dataset: Dataset) -> list[Override]:
    """What makes a config take own data from where they are now."""
    assert isinstance(dataset.origin, OwnFiles)
    kind, parameters = dataset.origin.kind, dataset.origin.parameters
    names = [name for name, known in KINDS[kind].items() if known.type == "path" and parameters.get(name)]
    return [Override(f"dataset.{name}", json.dumps(parameters[name]), "--dataset") for name in names]


def _model(
    found: RunRecord,
    made: Format,
    target: Path,
    moved_to: Path | None,
    *,
    offline: bool,
    progress: FetchProgress | None,
) -> Exported:
    signature = signature_of(found)
    if missing := made.missing:
        what = f"the format {made.name} needs {', '.join(missing)}, not installed here"
        raise InputError(f"{what}; get it with  pip install 'nnexp[{made.name}]'")
    import numpy as np

    held = load_examples(dataset_of(found, moved_to), offline=offline, progress=progress)
    must_fit(held, signature)
    examples = np.array(held.x[:_EXAMPLES])
    model = load_model(found, signature).keras
    with _placing(target) as temporary:
        try:
            check = write_and_check(model, examples, made, temporary)
        except NnexpError:
            raise
        except Exception as error:  # converters raise whatever they like
            message = f"{made.name} cannot hold this model: {what_failed(error, target.parent)}"
            raise RunError(f"{message}\nnothing was kept; give another --format") from error
        if not check.difference <= check.allowed:
            message = f"as {made.name} it predicts otherwise, by up to {check.difference:.2g}"
            raise RunError(f"{printable(found.path)}: {message}\nnothing was kept; give another --format")
    return Exported(found.path, made.name, target, check)


def _stem(run: str, name: str) -> str:
    """What the file of a run is called where nobody says."""
    stem = as_folder_name(run)
    # Python would import a script of a module's name in its place.
    return f"{stem}_run" if name == "script" and stem in _MODULES else stem


def _check_target(target: Path, suffix: str, run: Path, *, force: bool) -> None:
    """See, before any work, that something can be written at `target`.

    Raises:
        InputError: it cannot, or must not.
    """
    shown = printable(target)
    if target.suffix != suffix:
        raise InputError(f"{shown}: the name must end in {suffix}; give  -o {printable(target.stem)}{suffix}")
    kind = record.kind_of(target.absolute().parent)
    if kind != "directory":
        what = "does not exist" if kind == "nothing" else "is no directory"
        raise InputError(f"{printable(target.parent)} {what}; make it, or give another place with -o")
    if not os.access(target.absolute().parent, os.W_OK | os.X_OK):
        raise InputError(f"{printable(target.parent)} cannot be written to; give another place with -o")
    if target.resolve().is_relative_to(run.resolve()):
        raise InputError(f"{shown} is inside the run, which stays as it was; give another place with -o")
    there = record.kind_of(target)
    if there == "nothing":
        return
    if not force:
        raise InputError(f"{shown} exists; give another name with -o, or replace it with --force")
    if there == "directory" and not (target / "saved_model.pb").is_file():
        raise InputError(f"{shown} is a directory, and no exported model; give another name with -o")


@contextlib.contextmanager
def _placing(target: Path) -> Iterator[Path]:
    """Give a temporary path, of the same name; when the block ends well, what it has made there becomes `target`.

    A file or a directory; if the block raises, `target` is as it was.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            yield made
            if target.is_dir() or made.is_dir():  # no rename replaces a directory
                with contextlib.suppress(FileNotFoundError):
                    target.rename(Path(scratch) / "before")
            made.replace(target)
    except OSError as error:
        raise RunError(
            f"{printable(target)} cannot be written: {error.strerror or error}; give another place with -o"
        ) from error
