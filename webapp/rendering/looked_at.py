"""What can be looked at in a long text, as a child process reads it: it may have been written to take long. Pure."""

from collections.abc import Iterator
from typing import IO

from webapp.rendering.markdown import previewed


def pieces(file: IO[bytes]) -> Iterator[dict[int, tuple[str, str]]]:
    yield previewed(file.read().decode())
