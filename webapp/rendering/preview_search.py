"""Finds the previews of a long text in a child process, as the text can be crafted to take long. Pure."""

from collections.abc import Iterator
from typing import IO

from webapp.rendering.markdown import previewed


def pieces(file: IO[bytes]) -> Iterator[dict[int, tuple[str, str]]]:
    yield previewed(file.read().decode())
