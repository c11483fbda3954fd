"""Every command that the documents show is run, each page as one session of a reader who follows it from its top."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pages import Session, Step, is_shown, steps
from PIL import Image
from sklearn.datasets import load_iris

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
GENERATED = (DOCS / "decisions", DOCS / "reference")
PAGES = {
    str(page.relative_to(ROOT)): page
    for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if not any(page.is_relative_to(folder) for folder in GENERATED)
}
AT_ONCE = {"docs/own-data.md"}  # seconds; all others are for `make test-all`
MINUTES = 20

SERVER = "a server, which stays until it is stopped"
QUEUE = "python docs/cluster/jobqueue.py slurm --jobs 8 --walltime 04:00"
# What cannot be run in a test, by page, and why.
NOT_RUN = {
    ("docs/cluster.md", 'pip install "nnexp[dask]"'): "installs from the network",
    ("docs/cluster.md", "dask scheduler --dashboard-address 127.0.0.1:8787"): SERVER,
    ("docs/cluster.md", "dask worker tcp://lab:8786 --nworkers 4 --nthreads 1 --memory-limit 0 --no-dashboard"): SERVER,
    (
        "docs/cluster.md",
        "nnexp sweep --hidden 128,512,1024 --repeats 10 --scheduler tcp://lab:8786",
    ): "needs the host lab",
    ("docs/cluster.md", "pip install dask-jobqueue"): "installs from the network",
    ("docs/cluster.md", f"{QUEUE} --script"): "needs dask-jobqueue",
    ("docs/cluster.md", QUEUE): "needs a queue",
    ("docs/cluster.md", "nnexp sweep … --scheduler tcp://10.0.0.1:40123 --workers 8"): "needs a queue",
    ("docs/install.md", "pipx install ."): "installs from the network; tests of the wheel do it without",
    ("docs/search.md", "python -m benchmarks.search --seeds 10"): "takes an hour",
    ("docs/tracking.md", "mlflow ui --backend-store-uri sqlite:///runs/mlflow/mlflow.db"): SERVER,
    ("docs/tracking.md", "tensorboard --logdir runs"): SERVER,
    ("docs/tracking.md", "wandb sync runs/wandb/offline-run-*"): "needs an account of Weights & Biases",
}

Maker = Callable[[Path], object]


def flowers(path: Path) -> None:
    load_iris(as_frame=True).frame.rename(columns={"target": "species"}).to_csv(path, index=False)


def picture(path: Path) -> None:
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(path)


# What a reader has and a page speaks of: their own data.
OWN: dict[str, dict[str, Maker]] = {
    "README.md": {"flowers/flowers.csv": flowers, "new.csv": flowers},
    "docs/predict.md": {"shoe.png": picture, "shirt.jpg": picture},
}
# What a reader has done before they come to a page that speaks of its result; shorter than they would.
RUN = "nnexp run configs/fashion_sigmoid128.yaml --epochs 1"
CUT_OFF = """
nnexp run configs/fashion_sigmoid128.yaml > said 2>&1 & until grep -q '^epoch' said; do sleep 0.1; done
kill -TERM $!; wait $!; rm said
"""
SWEEP = """
cat > widths.yaml <<'EOF'
name: widths
base:
  dataset: digits
  layers: [flatten, dense: {units: 8, activation: relu}, dense: {units: 10, activation: softmax}]
  epochs: 2
grid: {hidden: [128, 512]}
repeats: 2
EOF
nnexp sweep widths.yaml
"""
BEFORE = {
    "docs/compare.md": SWEEP,
    "docs/export.md": RUN,
    "docs/predict.md": RUN,
    "docs/report.md": RUN + SWEEP,
    "docs/resume.md": SWEEP + CUT_OFF,
    "docs/run-folder.md": RUN,
    "docs/sweeps.md": SWEEP,
    "docs/verify.md": RUN,
}


def steps_of(page: str) -> list[Step]:
    return list(steps(PAGES[page].read_text(encoding="utf-8")))


def is_make(step: Step) -> bool:
    return step.kind == "sh" and step.text.split()[0] == "make"


def only_looks(step: Step) -> bool:
    """Whether a command only says something, at once and the same each time."""
    return step.kind == "sh" and re.match(r"nnexp( check| schema|.* --help|$)", step.text) is not None


def hold(session: Session, page: str, step: Step) -> None:
    """Do a step of a page, and hold what it does against what the page says."""
    if is_make(step) or (page, step.text) in NOT_RUN:
        return
    code, printed = session.do(step)
    place = f"{page}:{step.line}: {step.text}\nexit code {code}, and this was printed:\n{printed}"
    if step.shown and (code == 2 or step.kind == "prompt" or only_looks(step)):
        assert is_shown(step.shown, printed), f"{place}\nin place of\n{step.shown}"
    else:
        assert code == 0, place


def prepared(page: str, folder: Path) -> Path:
    """The folder of a reader of that page."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name, make in OWN.get(page, {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make(folder / name)
    return folder


every_page = pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[] if page in AT_ONCE else [pytest.mark.slow]) for page in PAGES if steps_of(page)],
)


@every_page
def test_a_page_can_be_followed_from_its_top(page: str, tmp_path: Path) -> None:
    with Session(prepared(page, tmp_path), 60 * MINUTES) as session:
        hold(session, page, Step("sh", BEFORE.get(page, "true"), 0))
        for step in steps_of(page):
            hold(session, page, step)


def test_what_the_pages_show_of_checks_is_what_they_print(tmp_path: Path) -> None:
    for page in PAGES:
        found = [step for step in steps_of(page) if step.kind == "file" or (only_looks(step) and step.shown)]
        if any(step.kind == "sh" for step in found):
            with Session(prepared(page, tmp_path / Path(page).stem), 60 * MINUTES) as session:
                for step in found:
                    hold(session, page, step)


def test_every_target_of_make_in_the_documents_is_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = [step.text for page in PAGES for step in steps_of(page) if is_make(step)]
    texts = [path.read_text(encoding="utf-8") for path in (*PAGES.values(), ROOT / "CONTRIBUTING.md")]
    named = {text.split()[1] for text in blocks} | {
        target for text in texts for target in re.findall(r"`make ([\w-]+)`", text)
    }
    assert named
    assert named <= targets


def test_what_is_told_of_pages_here_is_of_pages_that_there_are() -> None:
    shown = {(page, step.text) for page in PAGES for step in steps_of(page)}
    assert set(NOT_RUN) <= shown
    assert {*AT_ONCE, *OWN, *BEFORE} <= set(PAGES)
