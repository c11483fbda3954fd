"""Sources on the web, which the datasets' authors, Keras and OpenML name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from nnexp.data.content import Content, Part, idx_content
from nnexp.data.local import read_npz, read_part
from nnexp.data.progress import FetchProgress
from nnexp.data.sources import Patience

_ANSWER = 1_000_000  # bytes, more than any answer of OpenML to a question


@dataclass(frozen=True, slots=True)
class Mirror:
    """A web folder that holds each part under its name plus `suffix`."""

    base: str
    suffix: str = ""
    patience: Patience = field(default_factory=Patience)
    network: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return self.base

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        from nnexp.data.download import download

        urls = [f"{self.base}{part.name}{self.suffix}" for part in parts]
        download(urls, workspace, progress, self.patience, max(part.size for part in parts))
        return {part.name: read_part(workspace, part) for part in parts}


@dataclass(frozen=True, slots=True)
class NpzMirror:
    """An MNIST-like dataset on the web as one .npz file."""

    url: str
    patience: Patience = field(default_factory=Patience)
    network: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return self.url

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        from nnexp.data.download import download

        (path,) = download([self.url], workspace, progress, self.patience, sum(part.size for part in parts))
        return read_npz(path, parts)


@dataclass(frozen=True, slots=True)
class OpenML:
    """An MNIST-like dataset of OpenML, through scikit-learn: rows of 784 columns, the first `train` are to train on."""

    name: str
    train: int = 60_000
    patience: Patience = field(default_factory=Patience)
    network: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return f"OpenML {self.name!r}"

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        from nnexp.data.download import download, within

        # scikit-learn asks without a time limit: find out first, with one, whether OpenML answers.
        query = f"https://www.openml.org/api/v1/json/data/list/data_name/{self.name.lower()}/limit/2"
        download([query], workspace, progress, self.patience, _ANSWER)
        progress.start(self.title, None)
        try:
            return within(self.patience.total, lambda: self.rows(workspace))
        finally:
            progress.done()

    def rows(self, folder: Path) -> Content:
        """OpenML's rows as the content of the IDX files; scikit-learn keeps its download in `folder`."""
        from sklearn.datasets import fetch_openml

        x, y = fetch_openml(
            self.name, version=1, data_home=folder, return_X_y=True, as_frame=False, parser="pandas", n_retries=1
        )
        images, labels = x.reshape(-1, 28, 28), y.astype("uint8")
        return idx_content(images[: self.train], labels[: self.train], images[self.train :], labels[self.train :])
