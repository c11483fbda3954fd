"""Run folders from strangers: copies of real ones in which a seeded generator changes bytes, values, names and files.

Links in them lead to a folder outside, whose text `SECRET` nothing may ever show.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

SECRET = "outside-of-every-run-folder"
FILES = ("metrics.json", "predictions.npz", "config.yaml", "environment.json", "history.csv")
TEXTS = (
    "",
    "../../../etc/passwd",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "[red]markup[/red] [link=file:///etc]x[/link] :smile:",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "line\u2028end\u0000\ud800\u202e\r\nnext",
    "=cmd|' /C calc'!A0",
    "$x_1$ %{y} \\frac{",
    "nan",
    "9" * 400,
    "x" * 70_000,
)
VALUES: tuple[Any, ...] = (
    *TEXTS,
    *(None, True, [], {}, [[]], [{}], {"": None}, [None, 1, "a"]),
    *(0, -1, 2**31, 2**63, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
)
NAMES = (
    "<img src=x onerror=alert(5)>",
    "..;..",
    "-o",
    "[bold]x",
    "a\x1b[31mb\x07",
    "two\nlines",
    "\u202etxt.exe",
    " ",
    "'\"`$(touch x)`",
    "%s%n{0}",
    os.fsdecode(b"\xff\xfe-no-utf8"),
    "n" * 240,
)

Change = Callable[[random.Random, Path, Path], None]


def make_runs(seed: int, count: int, sources: list[Path], folder: Path, outside: Path) -> dict[str, list[str]]:
    """Fill `folder` with so many changed copies of the sources; what was done to each, by its name."""
    chance = random.Random(seed)
    done = {}
    for number in range(count):
        name = f"{number:04d}{chance.choice(NAMES) if chance.random() < 0.4 else ''}"
        shutil.copytree(chance.choice(sources), folder / name)
        changes = chance.choices(CHANGES, k=chance.choice((1, 1, 2, 4)))
        for change in changes:
            change(chance, folder / name, outside)
        done[name] = [change.__name__ for change in changes]
    return done


def make_outside(folder: Path, source: Path) -> Path:
    """What no run folder may lead to: a whole run that says `SECRET` in all its texts."""
    shutil.copytree(source, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "name": SECRET, "error": SECRET}))
    (folder / "config.yaml").write_text(f"description: {SECRET}")
    (folder / "environment.json").write_text(json.dumps({"packages": {SECRET: SECRET}, "cpu": SECRET}))
    return folder


def state(*folders: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything below some folders as it is: kind, size, time of change, content; pipes and links are not opened."""
    found = {}
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (Path(place), *(Path(place) / name for name in names)):
                status = path.lstat()
                plain = path.is_file() and not path.is_symlink() and status.st_size < 10_000_000
                content = path.read_bytes() if plain else b""
                found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


# Bytes


def flip_bytes(chance: random.Random, run: Path, _: Path) -> None:
    def flipped(content: bytearray) -> None:
        for _ in range(chance.choice((1, 5, 50))):
            content[chance.randrange(len(content))] = chance.randrange(256)

    _bytes(chance, run, flipped)


def cut_short(chance: random.Random, run: Path, _: Path) -> None:
    def cut(content: bytearray) -> None:
        del content[chance.randrange(len(content)) :]

    _bytes(chance, run, cut)


def repeat_a_part(chance: random.Random, run: Path, _: Path) -> None:
    def repeated(content: bytearray) -> None:
        start = chance.randrange(len(content))
        content[start:start] = content[start : start + 500]

    _bytes(chance, run, repeated)


def replace_the_text(chance: random.Random, run: Path, _: Path) -> None:
    whole = _content(run / "metrics.json").decode(errors="replace")
    texts = [
        *(b"", b"null", b"[]", b"\xff\xfe\x00", b'{"status": "completed"}', b'{"status": "completed", "seed": NaN}'),
        b"\xef\xbb\xbf" + whole.encode(errors="replace"),
        whole.encode("utf-16", errors="replace"),
        b'{"status": "completed", "config": ' + b'{"a": [' * 900 + b"]}" * 900 + b"}",
        b"[" * 200_000,
        b'{"status": "completed", "seed": ' + b"9" * 5000 + b"}",
        b'{"status": "failed", "status": "completed", "test": {"accuracy": 1, "accuracy": "one"}}',
        b'{"status": "completed", "history": [' + b"{}," * 20_000 + b"{}]}",
        b'{"status": "completed", "config": {' + b",".join(b'"k%d": %d' % (n, n) for n in range(3000)) + b"}}",
        b'{"status": "completed", "test": {' + b",".join(b'"m%d": %d' % (n, n) for n in range(3000)) + b"}}",
    ]
    _write(run / chance.choice(("metrics.json", "metrics.json", "environment.json")), chance.choice(texts))


def grow_huge(chance: random.Random, run: Path, _: Path) -> None:
    path = run / chance.choice(FILES)
    if path.is_file():
        os.truncate(path, 3 * 10**9)  # a hole: it takes no room on the disk


def _bytes(chance: random.Random, run: Path, change: Callable[[bytearray], None]) -> None:
    path = run / chance.choice(FILES)
    content = bytearray(_content(path))
    if content:
        change(content)
        _write(path, bytes(content))


# Values


def change_values(chance: random.Random, run: Path, _: Path) -> None:
    path = run / chance.choice(("metrics.json", "metrics.json", "metrics.json", "environment.json"))
    data = _json(path)
    for holder, key in chance.sample(places := list(_places(data)), min(len(places), chance.choice((1, 3, 20)))):
        holder[key] = chance.choice(VALUES)
    _write(path, json.dumps(data).encode())


def change_a_part(chance: random.Random, run: Path, _: Path) -> None:
    data = _json(run / "metrics.json")
    for key in chance.sample(list(data), min(len(data), 2)):
        data[key] = chance.choice(VALUES)
    data["status"] = chance.choice(("completed", "completed", "failed", "diverged", "interrupted", "running"))
    _write(run / "metrics.json", json.dumps(data).encode())


def change_keys(chance: random.Random, run: Path, _: Path) -> None:
    data = _json(run / "metrics.json")
    holders = [holder for holder, _ in _places(data) if isinstance(holder, dict) and holder is not data]
    for holder in chance.sample(holders, min(len(holders), 5)):
        if holder:
            holder[chance.choice(TEXTS)] = holder.pop(chance.choice(list(holder)))
    _write(run / "metrics.json", json.dumps(data).encode())


def nest_deeply(chance: random.Random, run: Path, _: Path) -> None:
    data = _json(run / "metrics.json")
    places = list(_places(data))
    if places:
        holder, key = chance.choice(places)
        for _ in range(chance.choice((5, 50, 300))):
            holder[key] = chance.choice(({"a": holder[key]}, [holder[key]], {"dense": holder[key]}))
    _write(run / "metrics.json", json.dumps(data).encode())


def repeat_rows(chance: random.Random, run: Path, _: Path) -> None:
    data = _json(run / "metrics.json")
    lists = [holder[key] for holder, key in _places(data) if isinstance(holder[key], list)]
    if lists:
        chance.choice(lists)[:] *= chance.choice((2, 100, 2000))
    _write(run / "metrics.json", json.dumps(data).encode())


def write_evil_text(chance: random.Random, run: Path, _: Path) -> None:
    texts = (*TEXTS, "a: !!python/object/apply:os.system ['touch x']", "a: &a [1]\nb: [*a, *a]")
    path = run / chance.choice(("config.yaml", "environment.json", "history.csv", "log.txt"))
    _write(path, chance.choice(texts).encode(errors="surrogatepass"))


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder with a key or place in it."""
    waiting = [data]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            yield holder, key
            waiting.append(holder[key])


# Files


def lead_outside(chance: random.Random, run: Path, outside: Path) -> None:
    name = chance.choice(FILES)
    inside = (Path("../../outside") / name, Path(name), Path("no"))
    targets = (outside / name, *inside, Path("/dev/zero"), Path("/dev/stdin"))
    _replace(run / name).symlink_to(chance.choice(targets))


def put_something_else(chance: random.Random, run: Path, _: Path) -> None:
    path = _replace(run / chance.choice(FILES))
    match chance.choice(("nothing", "directory", "pipe", "socket")):
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            back = Path.cwd()
            os.chdir(run)  # a socket's name may have a hundred characters
            try:
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(path.name)
            finally:
                os.chdir(back)


def add_files(chance: random.Random, run: Path, outside: Path) -> None:
    for name in chance.sample(NAMES, 3):
        path = run / name
        if not os.path.lexists(path):
            path.symlink_to(outside) if chance.random() < 0.5 else path.write_text(name, errors="replace")


# Predictions


def forge_arrays(chance: random.Random, run: Path, _: Path) -> None:
    arrays = _arrays(run)
    n = len(arrays["labels"])
    forged = (
        {"labels": np.array([print] * n, dtype=object)},
        {"probabilities": np.array([{}], dtype=object)},
        {"labels": arrays["labels"][:-1]},
        {"labels": arrays["labels"].reshape(1, -1)},
        {"labels": np.array(3)},
        {"labels": np.zeros(0, int), "predicted": np.zeros(0, int), "probabilities": np.zeros((0, 10))},
        {"predicted": np.full(n, 10**6)},
        {"predicted": np.full(n, -1)},
        {"predicted": np.full(n, "a")},
        {"predicted": np.zeros(n, "V8")},
        {"predicted": np.zeros(n, [("a", "i4")])},
        {"predicted": np.full(n, np.datetime64("NaT"))},
        {"probabilities": np.full((n, 10), np.nan)},
        {"probabilities": np.full((n, 10), np.inf)},
        {"probabilities": np.full((n, 10), -1e300)},
        {"probabilities": np.zeros((n, 0))},
        {"probabilities": np.zeros((n, 2), "f2")},
        {"split_fingerprint": np.array(["a", "b"])},
        {"split_fingerprint": np.array(chance.choice(TEXTS))},
    )
    _save(run, {**arrays, **chance.choice(forged)})


def forge_the_archive(chance: random.Random, run: Path, _: Path) -> None:
    members = {f"{name}.npy": _npy(array) for name, array in _arrays(run).items()}
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    match chance.choice(("bomb", "climbs", "header", "long", "lies", "many", "missing", "twice")):
        case "bomb":
            members["labels.npy"] = bytes(30_000_000)
        case "climbs":
            members = {f"../../{name}": content for name, content in members.items()} | {"/etc/x": b"x"}
        case "header":
            headers = (b"(" * 3000, b"{'descr': '<U0', 'fortran_order': False, 'shape': (10**9,)}", b"-" * 9000 + b"1")
            header = chance.choice(headers)
            members["labels.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        case "long":
            header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }\n"
            members["labels.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        case "many":
            members |= {f"{number}.npy": b"" for number in range(3000)}
        case "missing":
            members.pop(chance.choice(list(members)))
        case "lies" | "twice":
            pass
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    content = bytearray(file.getvalue())
    for sign, places in ((b"PK\1\2", range(8, 28)), (b"PK\3\4", range(6, 26))):
        # The flags, the way of packing, the checksum or the sizes of a member.
        if (at := content.find(sign)) >= 0 and chance.random() < 0.5:
            content[at + chance.choice(places)] = chance.randrange(256)
    _write(run / "predictions.npz", bytes(content))


def _arrays(run: Path) -> dict[str, Any]:
    """What the run's predictions hold, or what some run's might."""
    n = np.arange(300) % 10
    some = {"labels": n, "predicted": n, "probabilities": np.eye(10)[n], "split_fingerprint": np.array("")}
    try:
        with np.load(io.BytesIO(_content(run / "predictions.npz"))) as arrays:
            found = {name: np.asarray(arrays[name]) for name in some}
        return found if found["labels"].ndim == 1 else some
    except Exception:  # noqa: BLE001  changed before
        return some


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _save(run: Path, arrays: dict[str, Any]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    _write(run / "predictions.npz", file.getvalue())


def _json(path: Path) -> Any:
    """What a file holds as JSON; a little where an earlier change has left none."""
    try:
        return json.loads(_content(path))
    except (ValueError, RecursionError):
        return {"status": "completed", "test": {"accuracy": 0.5}, "history": [{"epoch": 1, "loss": 1.0}]}


def _content(path: Path) -> bytes:
    plain = path.is_file() and not path.is_symlink() and path.stat().st_size < 10_000_000
    return path.read_bytes() if plain else b""


def _write(path: Path, content: bytes) -> None:
    _replace(path).write_bytes(content)


def _replace(path: Path) -> Path:
    """The path, with nothing at it: what earlier changes put there may be a link, or a directory."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


CHANGES: tuple[Change, ...] = (
    *(flip_bytes, cut_short, repeat_a_part, replace_the_text, grow_huge),
    *(change_values, change_values, change_a_part, change_keys, nest_deeply, repeat_rows, write_evil_text),
    *(lead_outside, put_something_else, add_files, forge_arrays, forge_the_archive),
)
