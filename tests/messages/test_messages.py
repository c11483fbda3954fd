"""Every message by which nnexp refuses or warns stands on docs/errors.md and says what to do; and really comes."""

from __future__ import annotations

import ast
import builtins
import errno
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from error_page import PAGE, fix_of, page
from error_sites import ERRORS, REASONS, Message, Source
from error_trees import name_of
from typer.testing import CliRunner

from nnexp.cli import application
from nnexp.cli.faults import tell
from nnexp.failures import how_to_report

# Those that hand on a message or a reason, which is listed where that is made.
HANDED_ON = {
    "api/training: ending.message",
    "cli/compared: f'{left.run.path}: {left.reason}'",
    "cli/data: '\\n\\n'.join(failures)",
    "cli/predict: f'note: {note}'",
    "cli/sweep_live: event.text",
    "cli/sweep_live: f'{run.label}: {said}'",
    "cli/sweep_live: str(error)",
    "comparison/collect: str(error)",
    "comparison/grouping: repeats.distrusted[run.path]",
    "config/dataset: error.message",
    "config/experiment: f'{entry.name}: {wrong[0]}'",
    "config/shapes/__init__: misfit.message",
    "config/sweep/reading: f'{path}: {found.message}'",
    "config/sweep/reading: found.message",
    "config/sweep/reading: told.message",
    "data/chain: f'{source.title}: {_reason(error)}'",
    "inference/inputs: note",
    "inference/labelled: f'{printable(file)}: {error}'",
    "inference/labelled: f'{printable(path)}: {error}'",
    "inference/pictures: f'{name}: {before}, {', '.join(done)}'",
    "inference/tables: f'{listed}\\n{what_to_do}'",
    "inference/tables: f'{name}: {error.message}'",
    "recorder: streaming",
    "report/mistakes: found",
    "report/mistakes: test",
    "resume: str(error)",
    "sweeps/child: '\\n'.join((f'{problem.message}\\n{problem.hint}'.strip() for problem in error.problems))",
    "sweeps/child: str(error)",
    "sweeps/execute: reason",
    "sweeps/remote/near: why",
    "sweeps/remote/link: f'{type(error).__name__}: {error}'",
    "sweeps/sweep: f'{run.name}: {text}'",
    "tracking/follow: text",
    "training/callbacks: str(callback.reason)",
    "training/hosts: why",
    "training/link: self.lost",
    "training/link: shown(plain['bye'], _MOST_TOLD)",
    "training/meeting: str(error)",
    "training/meeting: f'{host}: {come.pop(host).lost}'",
}


def test_the_page_lists_every_message(source: Source) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(source.messages), "run `make errors`"


def test_every_message_says_what_to_do(source: Source) -> None:
    """But a finding that is mere information, and a note that gives no warning."""
    due = [
        message
        for message in source.messages
        if message.kind in ("error", "check")
        or (message.kind == "finding" and message.grades != ("info",))
        or (message.kind == "note" and message.text.startswith("warning: "))
    ]
    assert [message for message in due if not fix_of(message)] == []


def test_no_message_is_overlooked(source: Source) -> None:
    assert set(source.silent) <= HANDED_ON


def test_no_kind_of_error_is_overlooked(source: Source) -> None:
    """Whatever nnexp can raise is looked for by its name; ConfigErrors are made of Problems, which are."""
    bases = {
        node.name: {name_of(base) for base in node.bases}
        for module in source.modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    kinds = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    known = set(kinds)
    while more := {name for name, above in bases.items() if above & kinds} - kinds:
        kinds |= more
    assert kinds - known - {"NnexpError", "ConfigError", "UnsoundSweep"} <= {*ERRORS, *REASONS}


LAYERS = "layers: [flatten, dense: {units: 10, activation: softmax}]\n"
GOOD = "dataset: digits\n" + LAYERS
TABLE = "height,width,kind\n" + "1,2,a\n2,1,b\n" * 10
OWN = "dataset: {csv: {path: t.csv, target: kind%s}}\nlayers: [dense: {units: 2, activation: softmax}]\n"
SEARCH = "base: c.yaml\nsampler: random\nspace: {hidden: [4, 8]}\ntrials: 2\nobjective: val_loss\n"


@dataclass(frozen=True)
class Given:
    """What someone types, and the files that are there."""

    command: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    told: str = ""  # a part of the answer


def checked(text: str | bytes, told: str) -> Given:
    return Given("check c.yaml", {"c.yaml": text}, told)


def swept(text: str, told: str) -> Given:
    base = "dataset: digits\nvalidation: 0.1\nlayers: [flatten, dense: 16, dense: {units: 10, activation: softmax}]\n"
    return Given("sweep s.yaml", {"s.yaml": text, "c.yaml": base}, told)


def own(parameters: str, told: str, table: str = TABLE) -> Given:
    return Given("check c.yaml", {"c.yaml": OWN % parameters, "t.csv": table}, told)


WRONG = [
    checked(GOOD + "epoch: 3\n", "did you mean 'epochs'?"),
    checked(GOOD + "epochs: ten\n", "epochs must be a whole number"),
    checked(GOOD + "seed: -1\n", "seed must be a whole number from 0"),
    checked(GOOD + "batch_size: 0\n", "at least 1, not 0"),
    checked(GOOD + "engine: fast\n", "unknown engine: 'fast'"),
    checked(GOOD + "normalization: divide\n", "did you mean"),
    checked(GOOD + "validation: 2\n", "validation cannot be 2"),
    checked(GOOD + "train_size: all\n", "such as 3000, or a fraction"),
    checked(GOOD + "train_size: 5000\n", "write at most 1437, or `none` for all"),
    checked(GOOD + "train_size: 0.0001\n", "write a larger fraction"),
    checked(GOOD + "limit: 3000\n", "did you mean 'train_size'?"),
    checked(GOOD + "checkpoint: sometimes\n", "every 5"),
    checked(GOOD + "description: [a]\n", "description is text, not a list"),
    checked(GOOD + "name: a/b\n", "cannot name a folder"),
    checked(GOOD + "seed: 1\nseed: 2\n", "stands twice"),
    checked(GOOD + "1: 2\n", "a key is a name"),
    checked(GOOD + "a: &x\n---\n", "a second document begins here"),
    checked(GOOD + "name: !!python/name:os.system\n", "remove it: a config is plain data"),
    checked(GOOD + "name: *x\n", "define it earlier with &x"),
    checked("", "the config is empty"),
    checked("- a\n", "a config is a mapping of keys, not a list"),
    checked("layers: [\n", "a quote or a bracket may be open"),
    checked("layers:\n\t- flatten\n", "indent with spaces, not tabs"),
    checked(b"name: \xfc\n", "save the file as UTF-8"),
    checked("a: " + "[" * 60 + "]" * 60, "nested deeper than 50 levels"),
    checked(LAYERS, "the config has no 'dataset'"),
    checked("dataset: digits\n", "the config has no 'layers'"),
    checked("dataset: digit\n" + LAYERS, "did you mean 'digits'?"),
    checked("dataset: csv\n" + LAYERS, "write  csv: {path: …}"),
    checked(GOOD.replace("flatten", "flaten"), "did you mean 'flatten'?"),
    checked(GOOD.replace("softmax", "softmex"), "did you mean 'softmax'?"),
    checked(GOOD.replace("units", "unit"), "did you mean 'units'? allowed:"),
    checked(GOOD.replace("units: 10, ", ""), "dense needs 'units'"),
    checked(GOOD.replace("10", "ten"), "units must be a whole number"),
    checked(GOOD.replace("flatten", "3"), "a layer is a name, not 3"),
    checked(GOOD.replace("flatten", "{dense: 3, dropout: 0.1}"), "is one name, but 2 keys stand here"),
    checked(GOOD.replace("flatten", "lambda"), "cannot be used from a config"),
    checked(GOOD.replace("flatten", "{dense: {units: 8, inputs: [blok]}}"), "no earlier layer is named 'blok'"),
    checked(GOOD.replace("flatten", "{flatten: {inputs: 3}}"), "such as  inputs: [input, block1]"),
    checked(GOOD.replace("flatten", "{flatten: {name: a}}, {dense: {units: 3, name: a}}"), "rename one"),
    checked("dataset: digits\nlayers: [dense: {units: 10, activation: softmax}]\n", "add `- flatten`"),
    checked(GOOD.replace("10", "9"), "set `units: 10` in this layer"),
    checked(GOOD.replace("[flatten", "[flatten, conv2d: {filters: 3, kernel_size: 3}"), "before it"),
    checked(GOOD + "metrics: [categorical_accuracy]\n", "needs one-hot labels"),
    checked(GOOD + "callbacks: [stop_when: accuracy]\n", "write METRIC < | <= | > | >= NUMBER"),
    checked(GOOD + "callbacks: [stop_when: acuracy > 0.9]\n", "did you mean `accuracy`?"),
    checked(GOOD + "callbacks: [early_stopping: {monitor: val_loss}]\n", "set `validation: 0.1`"),
    checked(GOOD + "callbacks: [model_checkpoint: best.h5]\n", "such as filepath: best.keras"),
    checked(GOOD + "callbacks: [csv_logger: ../x.csv]\n", "leads out of the run folder"),
    checked(GOOD + "callbacks: [csv_logger: metrics.json]\n", "the run writes metrics.json itself"),
    checked(GOOD + "track: mlfow\n", "did you mean 'mlflow'?"),
    checked(GOOD + "track: {mlflow: {experimnt: a}}\n", "did you mean 'experiment'?"),
    checked(GOOD + "track: {mlflow: {uri: 'https://a:b@c'}}\n", "the uri holds a password"),
    checked(GOOD + "class_weight: {'0': x}\n", "must be a number from 0"),
    checked(GOOD + "class_weight: {ten: 2}\n", "there is no class 'ten'"),
    Given("check d.yaml", {"c.yaml": GOOD}, "did you mean c.yaml?"),
    Given("check .", {"c.yaml": GOOD}, "name one of those in it: c.yaml"),
    own(", taget: 1", "csv has no parameter 'taget'"),
    own("s", "there is no column 'kinds'"),
    own(", columns: [kind]", "leave it out there"),
    own(", drop: [height, width]", "leave fewer out"),
    own(", drop: [height, height]", "name it once"),
    own(", test: 0.001", "would leave one part empty"),
    own(
        ", group_column: same",
        "name a column of several groups",
        TABLE.replace("\n", ",x\n").replace("kind,x", "kind,same"),
    ),
    own("", "there is nothing to tell apart", TABLE.replace("b", "a")),
    own("", "is missing", TABLE + "1,2,\n"),
    own("", "is no number, as most are", TABLE + "1,two,a\n"),
    own("", "cells, the first row 3", TABLE + "1,2\n"),
    own("", "wanted: a line of names, and rows below it", "height,width,kind\n"),
    Given("check c.yaml", {"c.yaml": OWN % "", "u.csv": TABLE}, "has: c.yaml, u.csv"),
    swept("bse: c.yaml\ngrid: {hidden: [1]}\n", "did you mean 'base'?"),
    swept("base: c.yaml\ngrid: {hiden: [1]}\n", "did you mean 'hidden'?"),
    swept("base: c.yaml\ngrid: {seed: [1]}\n", "the seed cannot be varied here"),
    swept("base: c.yaml\ngrid: {hidden: []}\n", "'hidden' has no values"),
    swept("base: c.yaml\ngrid: 3\n", "grid is a mapping, not 3"),
    swept("base: c.yaml\nzip: {hidden: [1, 2], epochs: [1]}\n", "zip takes values side by side"),
    swept("base: c.yaml\nseed: [1, 1]\n", "keep one: the same seed gives the same run"),
    swept("base: c.yaml\nvariants: [{set: {hidden: 3}}]\n", "the variant has no name"),
    swept("base: c.yaml\nbaseline: wde\nvariants: [{name: wide, set: {hidden: 3}}]\n", "did you mean 'wide'?"),
    swept("base: c.yaml\nrepeats: 2\nseed: [1, 2, 3]\ngrid: {hidden: [1]}\n", "leave `repeats` out"),
    swept("base: c.yaml\ngrid: {hidden: [4]}\ntrials: 3\n", "is of a search, and this sweep is a grid"),
    swept(SEARCH.replace("random", "randm"), "did you mean 'random'?"),
    swept(SEARCH.replace("val_loss", "loss"), "did you mean `val_loss`?"),
    swept(SEARCH.replace("val_loss", "val_los"), "did you mean 'val_loss'?"),
    swept(SEARCH.replace("[4, 8]", "{range: [8, 4]}"), "such as  [4, 8]"),
    swept(SEARCH.replace("[4, 8]", "{log: [0, 4]}"), "a logarithmic range begins above 0"),
    swept(SEARCH.replace("[4, 8]", "4"), "which is no range of values"),
    Given("sweep c.yaml --epochs 1,,2", {"c.yaml": GOOD}, "write values with commas between"),
    Given("sweep c.yaml --set epochs", {"c.yaml": GOOD}, "write path=values"),
    Given("sweep c.yaml --epochs 1 --seed 1,1", {"c.yaml": GOOD}, "give it once"),
    Given("sweep c.yaml --epochs 1 --seed x", {"c.yaml": GOOD}, "write 42, or 1,2,3"),
    Given("sweep c.yaml --epochs 1 --sampler tpe", {"c.yaml": GOOD}, "is no search"),
    Given("sweep c.yaml --epochs 1 --executor procs", {"c.yaml": GOOD}, "did you mean 'processes'?"),
    Given("run c.yaml --hidden 8", {"c.yaml": GOOD}, "add one, such as `- dense"),
    Given("run c.yaml --hidden many", {"c.yaml": GOOD}, "write a number such as 512"),
    Given("run c.yaml --set optimizer", {"c.yaml": GOOD}, "write path=value"),
    Given("run c.yaml --set layers.9.units=3", {"c.yaml": GOOD}, "items: 0 flatten, 1 dense"),
    Given("run c.yaml --set optimzer.learning_rate=3", {"c.yaml": GOOD}, "optimzer"),
    Given("run c.yaml --epochs 1 --runs-dir c.yaml", {"c.yaml": GOOD}, "give another place with --runs-dir"),
    Given("compare none", {}, "no such directory"),
    Given("compare .", {}, "name run folders, or directories that hold some"),
    Given("show none", {}, "`nnexp ls` lists the runs"),
    Given("show .", {"metrics.json": "[]"}, "copy it again, or leave it out"),
    Given("ls none", {}, "`nnexp run` makes one"),
    Given("resume none", {}, "no such"),
    Given("resume deep --repeats 8", {"20261123-173800_deep/sweep.yaml": ""}, "did you mean 20261123-173800_deep?"),
    Given("verify none", {}, "no such"),
    Given("report none", {}, "no such"),
    Given("export none --format onnx", {}, "`nnexp ls` lists the runs"),
    Given("predict none --index 0", {}, "no such"),
    Given("predict none", {}, "give either files, or test examples by --index N"),
    Given("track none --to mlfow", {}, "did you mean 'mlflow'?"),
    Given("data show digts", {}, "did you mean 'digits'?"),
    Given("init none", {}, "make it, or name the one that holds your data"),
    Given("init .", {}, "put them there, or take one of:  --from"),
    Given("init . --from digts", {}, "allowed:"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("given", WRONG, ids=lambda given: f"{given.command}: {given.told}"[:60])
def test_wrong_input_is_told_with_what_to_do(given: Given, here: Path, source: Source) -> None:
    for name, content in given.files.items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = CliRunner().invoke(application((given.command.split()[0],)), given.command.split())
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert given.told in result.stderr
    assert sorted(path.name for path in here.iterdir()) == sorted({Path(name).parts[0] for name in given.files})
    for told in problems(result.stderr):
        assert any(fits(message, told) for message in source.messages if message.kind == "error"), told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("rum c.yaml", "Did you mean 'run'"),
        ("run c.yaml --epoch 3", "--epochs"),
        ("run", "Missing argument 'CONFIG'. \nSuch as  nnexp run configs/fashion_sigmoid128.yaml"),
        ("run c.yaml --lr 0.1", "No such option: --lr (Possible options: --learning-rate)\nAny part of the config"),
        ("train c.yaml", "No such command 'train'; write  nnexp run"),
        ("sweep c.yaml --repeats 0", "'--repeats': 0 is not in the range x>=1"),
        ("join a:4711 --wait -1", "'--wait': -1.0 is not in the range x>=0"),
        ("join a:4711 --wait nan", "'--wait': nan is no number of seconds; give one from 0, such as 300"),
        ("run c.yaml --hosts a:1,b:1 --wait inf", "'--wait': inf is no number of seconds"),
    ],
)
def test_a_mistyped_command_line_is_told_with_the_nearest_that_there_is(typed: str, told: str) -> None:
    result = CliRunner().invoke(application(), typed.split())
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr


def test_a_disk_that_is_full_is_told_without_a_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "nnexp", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: a disk is full; free some space\n")


def test_a_fault_of_nnexp_is_told_with_its_traceback_and_how_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        [].pop()
    except IndexError as error:
        tell(error)
        kept = how_to_report(error, Path("runs/one/log.txt"))
    told = capsys.readouterr().err
    assert "test_messages.py" in told
    assert "IndexError: pop from empty list" in told
    assert "this is a fault of nnexp; please report it" in told.splitlines()[-1]
    assert "the traceback is in runs/one/log.txt" in kept
    assert how_to_report(OSError(errno.ENOSPC, "no space"), Path("log.txt")) == ""


def problems(text: str) -> list[str]:
    """The problems that were told, each with its hint in the lines below."""
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\d+ problems?; nothing was started\.", line)]
    if lines[0].startswith("error: "):
        return ["\n".join(lines).removeprefix("error: ")]
    starts = [index for index, line in enumerate(lines) if not line.startswith("    ")]
    return ["\n".join(lines[one:end]) for one, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def fits(message: Message, told: str) -> bool:
    """Whether what was told is that message with one of its hints, after the place that it is about."""
    ways = [message.text, *(f"{message.text}\n{hint}" for hint in message.hints if hint)]
    if message.hints and "" not in message.hints:
        ways = ways[1:]
    return any(re.fullmatch(rf"(?s)(?:.*?: )?{pattern(way)}\s*", told) for way in ways)


def pattern(template: str) -> str:
    lines = [re.escape(line.strip()).replace(r"\ ", " ") for line in template.split("\n")]
    return re.sub(r"\\\{(?:[^{}]|\\[{}])*?\\\}", ".*", r"\n\s*".join(lines))
