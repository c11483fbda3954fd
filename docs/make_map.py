"""Draw docs/images/code_map.svg: the packages of nnexp in the layers that pyproject.toml gives them, and their imports.

python docs/make_map.py: what a package does is the first line of its docstring, what it imports is read from its code.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "code_map.svg"
WIDTH, GAP, LINE = 960, 10, 16  # units of the picture; a text line of 12 is 16 high
LETTER = 6.6  # the width of an average letter of 12 in a wide font


@dataclass(frozen=True)
class Box:
    """A package or module as it is drawn: its name, what it does, and the names of what it imports."""

    name: str
    does: str
    imports: tuple[str, ...]

    def lines(self, width: float) -> list[tuple[str, str]]:
        """The lines of text below the name, each with its class, for a box of that width."""
        letters = int((width - 24) / LETTER)
        below = f"imports {', '.join(self.imports)}" if self.imports else "imports nothing of nnexp"
        return [
            *(("does", line) for line in textwrap.wrap(self.does, letters)),
            *(("imports", line) for line in textwrap.wrap(below, letters)),
        ]


def contract() -> dict[str, list[str]]:
    """The contract that `make lint` holds the imports against."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [found for found in project["tool"]["importlinter"]["contracts"] if found["type"] == "layers"]
    return layers


def layers() -> list[list[str]]:
    """The names in each layer, the highest first."""
    return [[name.strip().removeprefix("nnexp.") for name in layer.split("|")] for layer in contract()["layers"]]


def boxes() -> dict[str, Box]:
    """Every package and module right below nnexp, by its name.

    Raises:
        SystemExit: one has no place in the layers.
    """
    graph = grimp.build_graph("nnexp", cache_dir=None)
    names = sorted(name.removeprefix("nnexp.") for name in graph.find_children("nnexp"))
    order = [name for layer in layers() for name in layer]
    if lost := set(names) ^ set(order):
        raise SystemExit(f"not in the layers of pyproject.toml, or only there: {', '.join(sorted(lost))}")
    for ignored in contract()["ignore_imports"]:
        importer, imported = ignored.split(" -> ")
        graph.remove_import(importer=importer, imported=imported)
    for name in names:
        graph.squash_module(f"nnexp.{name}")
    found = {}
    for name in names:
        imported = {each.removeprefix("nnexp.") for each in graph.find_modules_directly_imported_by(f"nnexp.{name}")}
        found[name] = Box(name, _does(name), tuple(sorted(imported - {"nnexp", name}, key=order.index)))
    return found


def _does(name: str) -> str:
    """The first line of a docstring, up to what explains it."""
    path = ROOT / "src" / "nnexp" / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    assert text, f"{source} says nothing of itself"
    return re.split(r"\.$|\. ", text.splitlines()[0].replace("`", ""))[0]


def draw() -> str:
    """The picture as the text of an SVG file."""
    known = boxes()
    # A group for each layer: where a box grows, the file's lines on other layers stay as they are, but for their place.
    parts, top = [], 44
    for layer in layers():
        width = (WIDTH - GAP * (len(layer) + 1)) / len(layer)
        texts = {name: known[name].lines(width) for name in layer}
        height = 28 + LINE * max(len(lines) for lines in texts.values())
        parts.append(f'<g transform="translate(0 {top})">')
        for place, name in enumerate(layer):
            left = GAP + place * (width + GAP)
            shape = "package" if (ROOT / "src" / "nnexp" / name).is_dir() else "module"
            title = f"{name}/" if shape == "package" else f"{name}.py"
            parts.append(f'<rect class="{shape}" x="{left:g}" width="{width:g}" height="{height}" rx="6"/>')
            parts.append(f'<text class="name" x="{left + 12:g}" y="19">{title}</text>')
            for number, (kind, line) in enumerate(texts[name], start=1):
                y = 19 + LINE * number
                parts.append(f'<text class="{kind}" x="{left + 12:g}" y="{y}">{escape(line)}</text>')
        parts.append("</g>")
        top += height + GAP
    style = (
        "text{font:12px 'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#1f2933}"
        ".name{font-weight:bold;font-size:13px;fill:#123a63}.imports{fill:#5b6672}"
        ".package{fill:#e8f0fa;stroke:#7b9cc4}.module{fill:#f6f6f3;stroke:#b5b5ab}"
    )
    title = "The code of nnexp: each layer imports from those below it only, never from beside or above."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}">',
            f"<title>{title}</title>",
            f"<style>{style}</style>",
            f'<rect width="{WIDTH}" height="{top}" rx="8" fill="#ffffff"/>',
            f'<text x="{GAP + 12}" y="28">{title} Blue: a package; grey: one file.</text>',
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
