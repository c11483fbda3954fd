"""The paths that callbacks write to: inside the run folder, and never over what the run writes itself."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from nnexp.config.loading import shortened
from nnexp.runs.folder import OWN_FILES

PATH_PARAMETERS = ("filepath", "filename", "log_dir")
LONGEST_NAME = 200  # bytes; a file name holds 255, and the time of a run stands before its name
_FIGURE = re.compile(r"\{\w+(:0?[0-9]?(\.[0-9])?[defg]?)?\}")  # in a path, filled in by Keras


def path_problem(parameter: str, path: str) -> tuple[str, str] | None:
    """What is wrong with the path of a callback's file, and what to write instead; None where it is good."""
    if not _stays_inside(path):
        hint = f"give a path inside the run folder, such as {parameter}: {PurePosixPath(path).name[:60] or 'logs'}"
        return f"{parameter} leads out of the run folder: {shortened(path)}", hint
    if (own := PurePosixPath(path).parts[0]) in OWN_FILES:
        return f"the run writes {own} itself", f"give another name, such as {parameter}: my_{own}"
    if max(len(part.encode(errors="replace")) for part in PurePosixPath(path).parts) > LONGEST_NAME:
        return f"{parameter} has a name of more than {LONGEST_NAME} bytes", "give a shorter one"
    if set("{}") & set(_FIGURE.sub("", path)):
        hint = "write figures as {epoch} or {val_loss:.2f}"
        return f"{parameter} has braces that are no figure of an epoch: {shortened(path)}", hint
    return None


def _stays_inside(path: str) -> bool:
    pure = PurePosixPath(path.replace("\\", "/"))
    return not pure.is_absolute() and ".." not in pure.parts and pure.parts != () and not path.startswith("~")
