"""Every command that the documents show is run, each page as one session of a reader who follows it from its top."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
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

QUEUE = "python docs/cluster/jobqueue.py slurm --jobs 8 --walltime 04:00"
# What stays until it is stopped, by page, with what it prints once others can use it; a page of its own is looked at.
SERVERS = {
    ("docs/cluster.md", "dask scheduler --dashboard-address 127.0.0.1:8787"): "Scheduler at:",
    (
        "docs/cluster.md",
        "dask worker tcp://lab:8786 --nworkers 4 --nthreads 1 --memory-limit 0 --no-dashboard",
    ): "Registered to:",
    ("docs/cluster.md", QUEUE): "nnexp sweep … --scheduler tcp://",
    (
        "docs/tracking.md",
        "pipx run --spec 'mlflow<4' mlflow ui --backend-store-uri sqlite:///runs/mlflow/mlflow.db",
    ): "http://127.0.0.1:",
    ("docs/tracking.md", "tensorboard --logdir runs"): "http://localhost:",
}
# Commands by page that are done with something else in place of a part: other hosts, or less of it.
IN_PLACE = {
    "docs/cluster.md": {
        "dask scheduler --dashboard": "dask scheduler --host 127.0.0.1 --port $PORT --dashboard",
        "tcp://lab:8786": "tcp://127.0.0.1:$PORT",
        "--repeats 10 --scheduler": "--repeats 2 --epochs 1 --scheduler",
        "nnexp sweep …": "nnexp sweep configs/examples/diabetes.yaml --hidden 16,64 --repeats 2",
        "tcp://10.0.0.1:40123": "$(grep -ho 'tcp://[0-9.:]*' *.served | tail -1)",
    },
    "docs/search.md": {"--seeds 10": "--seeds 1 --trials 12"},
    "docs/tracking.md": {"wandb sync": "env $ACCOUNT wandb sync"},
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
# Offline runs, and an account: `sent` has what its server, on this computer, is sent.
ACCOUNT = f"""
nnexp sweep --hidden 16,32 --epochs 2 --set validation=0.1 --track wandb
python {ROOT}/tests/docs/wandb_server.py sent > address 2> served &
until [ -s address ] || ! kill -0 $!; do sleep 0.1; done
ACCOUNT="WANDB_BASE_URL=$(cat address) WANDB_API_KEY=$(printf 'k%.0s' $(seq 40))"
ACCOUNT="$ACCOUNT WANDB_CACHE_DIR=.cache WANDB_ERROR_REPORTING=false"
"""
FREE_PORT = "import socket; print(socket.create_server(('127.0.0.1', 0)).getsockname()[1])"
BEFORE = {
    "docs/cluster.md": f'PORT=$(python -c "{FREE_PORT}"); PATH={ROOT}/tests/docs/queue:$PATH',
    "docs/compare.md": SWEEP,
    "docs/export.md": RUN,
    "docs/install.md": "export PIPX_HOME=$PWD/.pipx PIPX_BIN_DIR=$PWD/.bin PATH=$PWD/.bin:$PATH",
    "docs/predict.md": RUN,
    "docs/report.md": RUN + SWEEP,
    "docs/resume.md": SWEEP + CUT_OFF,
    "docs/run-folder.md": RUN,
    "docs/sweeps.md": SWEEP,
    "docs/tracking.md": ACCOUNT,
    "docs/verify.md": RUN,
}


def all_was_sent(folder: Path) -> None:
    """What the server of W&B was sent is what the run folders have."""
    told = {
        json.loads(file.read_text())["wandb"]["id"]: file.parent
        for file in (folder / "runs").glob("*/hidden=*/tracking.json")
        if "wandb" in file.read_text()
    }
    assert len(told) == 2
    assert {path.name for path in (folder / "sent").iterdir()} == set(told)
    for sent, run in ((folder / "sent" / number, run) for number, run in told.items()):
        kept = json.loads((run / "metrics.json").read_text())
        lines = (sent / "wandb-history.jsonl").read_text().splitlines()
        rows = [row | {"epoch": row["_step"]} for row in map(json.loads, lines)]
        assert {"val_loss", "accuracy"} < set(rows[-1])
        history = [{name: row[name] for name in epoch} for row, epoch in zip(rows, kept["history"], strict=True)]
        assert history == kept["history"]
        summary = json.loads((sent / "wandb-summary.json").read_text())
        assert {name: summary[f"test_{name}"] for name in kept["test"]} == kept["test"]
        made = json.loads((sent / "run.json").read_text())
        assert (made["project"], made["groupName"], made["displayName"]) == ("nnexp", run.parent.name, run.name)
        assert json.loads(made["config"])["layers.1.units"] == {"value": int(run.name.removeprefix("hidden="))}
        assert (made["complete"], made["exitcode"]) == (True, 0)
        assert "host" not in made
        for name in ("config.yaml", "model.keras"):
            assert (sent / "files/nnexp" / name).read_bytes() == (run / name).read_bytes()


# What is to be seen of a command beside what it prints, by page.
DONE: dict[tuple[str, str], Callable[[Path], None]] = {
    ("docs/tracking.md", "wandb sync runs/wandb/offline-run-*"): all_was_sent,
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
    if is_make(step):
        return
    sign = SERVERS.get((page, step.text))
    text = step.text
    for part, other in IN_PLACE.get(page, {}).items():
        text = text.replace(part, other)
    code, printed = session.do(replace(step, text=serving(text, sign, f"{step.line}.served") if sign else text))
    place = f"{page}:{step.line}: {step.text}\nexit code {code}, and this was printed:\n{printed}"
    if step.shown and (code == 2 or step.kind == "prompt" or only_looks(step)):
        assert is_shown(step.shown, printed), f"{place}\nin place of\n{step.shown}"
    else:
        assert code == 0, place
    if sign and sign.startswith("http"):
        [address] = set(re.findall(rf"{sign}\d+", printed))
        assert answers(address), place
    if (page, step.text) in DONE:
        print(place)  # seen if what follows fails
        DONE[page, step.text](session.folder)


def serving(command: str, sign: str, file: str) -> str:
    """Begin a server, and wait until it prints that sign, or ends."""
    return (
        f"{command} > {file} 2>&1 &\n"
        f"until grep -q '{sign}' {file} || ! kill -0 $!; do sleep 0.2; done; cat {file}; grep -q '{sign}' {file}"
    )


def answers(address: str) -> bool:
    """Whether there is a page, within a minute: some servers print their address before they listen."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return bool(answer.read())
        except urllib.error.URLError:
            time.sleep(1)
    return False


def prepared(page: str, folder: Path) -> Path:
    """The folder of a reader of that page: as much of a checkout as the pages speak of, and what the reader has."""
    for name in ("benchmarks", "configs", "docs/cluster", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
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
    assert {*SERVERS, *DONE} <= shown
    assert {*AT_ONCE, *OWN, *BEFORE} <= set(PAGES)
    for page, parts in IN_PLACE.items():
        assert all(any(part in text for where, text in shown if where == page) for part in parts)
