"""Execute docs/notebook.ipynb and keep what its cells show: `python docs/make_notebook.py`.

With a folder as argument it is executed there, its runs and the executed notebook stay there, and docs/ is as it was.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "notebook.ipynb"


def execute(folder: Path, target: Path) -> None:
    """Execute the notebook in a folder, and write it to a file."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, resources=where, record_timing=False, coalesce_streams=True).execute()
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of this one
    nbformat.write(notebook, target)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        execute(Path(sys.argv[1]), Path(sys.argv[1], "notebook.ipynb"))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            execute(Path(scratch), NOTEBOOK)
