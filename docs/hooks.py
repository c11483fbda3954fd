"""What MkDocs shows beside docs/: the front page, the example configs, and links that hold in the repository as well.

README.md, CONTRIBUTING.md and CHANGELOG.md are pages, and each file of configs/ is shown on one. A link to any of these
leads to its page; what is said of other files of the repository, such as a module, is shown without its link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Where in the repository a page comes from that does not lie in docs/.
OUTSIDE = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put all pages of a folder where the navigation names it, so that a new decision needs no line there."""
    assert config.nav
    config.nav = _filled(config.nav, Path(config.docs_dir))
    return config


def _filled(entries: list[Any], docs: Path) -> list[Any]:
    filled: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            [(title, inner)] = entry.items()
            if isinstance(inner, list):
                entry = {title: _filled(inner, docs)}
            elif inner.endswith("/"):
                pages = sorted(path.relative_to(docs).as_posix() for path in (docs / inner).glob("*.md"))
                first = f"{inner[:-1]}.md" if (docs / f"{inner[:-1]}.md").exists() else f"{inner}README.md"
                entry = {title: [first, *(page for page in pages if page != first)]}
        filled.append(entry)
    return filled


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/: three documents, the example configs, and a list of these."""
    root = _root(config)
    for page, source in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(root / source)))
    configs = sorted(path.relative_to(root).as_posix() for path in (root / "configs").rglob("*.yaml"))
    rows = ""
    for source in configs:
        text = (root / source).read_text(encoding="utf-8")
        shown = f"# {posixpath.basename(source)}\n\n`{source}`\n\n```yaml\n{text.rstrip()}\n```\n"
        files.append(File.generated(config, _page_of(source), content=shown))
        said = re.search(r"^description: (.+)$", text, re.MULTILINE)
        rows += f"- [{source}]({_page_of(source)})" + (f": {said[1]}\n" if said else "\n")
    told = "The configs that come with the repository; `nnexp run FILE` or, of a study, `nnexp sweep FILE` does one.\n"
    files.append(File.generated(config, "configs.md", content=f"# Example configs\n\n{told}\n{rows}"))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links as they hold in the repository into links as they hold in the site."""
    here = page.file.src_uri
    if page.file.generated_by and here not in OUTSIDE:
        return markdown
    base = posixpath.dirname(OUTSIDE.get(here, f"docs/{here}"))

    def turned(link: re.Match[str]) -> str:
        sign, text, target = link.groups()
        path, mark, anchor = target.partition("#")
        if not path or "://" in path:
            return link[0]
        there = posixpath.normpath(posixpath.join(base, path))
        if shown := _in_site(there, files):
            if text == path and path.endswith(".md"):
                text = _title(_root(config) / there)
            return f"{sign}[{text}]({posixpath.relpath(shown, posixpath.dirname(here) or '.')}{mark}{anchor})"
        outside = not there.startswith("docs/") and (_root(config) / there).exists()
        return text if outside else link[0]

    return "".join(part if part.startswith("```") else _LINK.sub(turned, part) for part in _FENCED.split(markdown))


def _in_site(path: str, files: Files) -> str | None:
    """The file of the site that shows a path of the repository; None where none does."""
    if path in OUTSIDE.values():
        return next(page for page, source in OUTSIDE.items() if source == path)
    inner = path.removeprefix("docs/") if path.startswith("docs/") else _page_of(path)
    if path == "configs/studies":
        inner = "configs"
    return next((uri for uri in (inner, f"{inner}.md", f"{inner}/README.md") if files.get_file_from_path(uri)), None)


def _page_of(path: str) -> str:
    return re.sub(r"\.yaml$", ".md", path)


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent
