"""Make the pictures in docs/images/ anew, from real runs on this computer: python docs/make_pictures.py.

A run is started on a terminal of its own, and what stands on that in the end becomes an SVG. A headless Chromium takes
the picture of a sweep's report; the others are those that nnexp itself draws. They show times: let it run undisturbed.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
COLUMNS = 100  # of the terminal

# Rich's own format loads a font from the web, which pictures on a page may not. Each piece of text has its length, so
# that any monospaced font will do.
SVG = """\
<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def nnexp() -> Path:
    """The command of the environment that runs this."""
    return Path(sys.executable).with_name("nnexp")


def recorded(words: list[str], folder: Path) -> str:
    """All that `nnexp` with these words sends to a terminal of its own, in a folder."""
    keyboard, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    environment["TERM"] = "xterm-256color"
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with subprocess.Popen([nnexp(), *words], cwd=folder, env=environment, start_new_session=True, **streams) as process:
        os.close(terminal)
        pieces = []
        with contextlib.suppress(OSError):  # so Linux says that nobody holds the terminal any more
            while piece := os.read(keyboard, 65536):
                pieces.append(piece)
        os.close(keyboard)
    if process.returncode:
        sys.exit(f"nnexp {' '.join(words)}: exit code {process.returncode}\n{b''.join(pieces).decode()}")
    return b"".join(pieces).decode()


def standing(sent: str) -> str:
    """What a terminal shows in the end of what was sent to it, with its colours.

    Rich moves by whole lines alone: up, and to the start of one that it empties. Anything else is an error here.
    """
    rows, row = [""], 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b", sent):
        if part == "\n":
            row += 1
            rows += [""] * (row - len(rows) + 1)
        elif part == "\x1b[2K":
            rows[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d+)A", part):
            row -= int(up[1])
        elif part in {"\r", "\x1b[?25l", "\x1b[?25h"}:
            continue
        elif part.startswith("\x1b") and not part.endswith("m"):
            raise ValueError(f"unknown to this terminal: {part!r}")
        else:
            rows[row] += part
    return "\n".join(rows).rstrip()


def terminal_picture(words: list[str], folder: Path, name: str) -> None:
    """Run `nnexp` with these words in a folder, and keep the terminal as docs/images/NAME.svg."""
    shown = standing(recorded(words, folder))
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), color_system="truecolor", highlight=False)
    console.print(Text.assemble(("$ ", "dim"), (f"nnexp {' '.join(words)}", "bold")))
    console.print(Text.from_ansi(shown), end="\n\n")  # the frame cuts the last line
    svg = console.export_svg(title="", code_format=SVG, unique_id=name)
    (IMAGES / f"{name}.svg").write_text(re.sub(r" +$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def page_picture(page: Path, name: str) -> None:
    """Keep the top of a report, down to the end of its table, as docs/images/NAME.png."""
    own = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        program = own or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=2)
        shown.goto(page.as_uri())
        shown.wait_for_selector("#answer .plot-container")
        table = shown.locator("#table").bounding_box()
        assert table is not None
        size = {"x": 0, "y": 0, "width": 1000, "height": table["y"] + table["height"]}
        taken = shown.screenshot(full_page=True, clip=size)
        browser.close()
    # A page has few colours: so it is a third as large.
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(64).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Do the runs, one after the other, and write each picture."""
    with tempfile.TemporaryDirectory(prefix="nnexp-pictures-") as temporary:
        folder = Path(temporary)
        shutil.copytree(ROOT / "configs", folder / "configs")
        subprocess.run([nnexp(), "data", "fetch", "fashion_mnist"], check=True)  # or the terminal would show it
        subprocess.run([nnexp(), "data", "show", "mnist", "--count", "5", "-o", IMAGES / "mnist.png"], check=True)
        terminal_picture(["run", "configs/fashion_sigmoid128.yaml"], folder, "terminal")
        subprocess.run([nnexp(), "run", "configs/fashion_30_epochs.yaml"], cwd=folder, check=True)
        for config, name in (("fashion_sigmoid128", "history"), ("fashion_30_epochs", "overfitting")):
            [run] = folder.glob(f"runs/*_{config}")
            shutil.copyfile(run / "history.png", IMAGES / f"{name}.png")
        subprocess.run([nnexp(), "sweep", "--hidden", "128,512,1024", "--repeats", "5"], cwd=folder, check=True)
        [report] = folder.glob("runs/*/report.html")
        page_picture(report, "report")


if __name__ == "__main__":
    main()
