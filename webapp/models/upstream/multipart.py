"""A body of fields and files, as HTML forms send them: read from the disk while it is sent, so that no file is in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from webapp.base.heavy.turns import TimeSlice, give_way
from webapp.streaming.failure import ProviderError

PIECE_BYTES = 64 * 1024
# What would end a name between quotation marks, as browsers write it.
ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class MultipartFile:
    """A file of a body: the field it is in, its path on this disk, and the type and the name that the server is told."""

    field: str
    path: Path
    media_type: str
    name: str


class Multipart:
    """The body of one request, `content_type` its header; raises `ProviderError` if a file isn't there, or changes meanwhile."""

    def __init__(self, fields: Sequence[tuple[str, str]], files: Sequence[MultipartFile]) -> None:
        boundary = token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._heads: list[tuple[bytes, MultipartFile | None]] = [
            (_head(boundary, name) + value.encode(), None) for name, value in fields
        ]
        self._heads += [(_head(boundary, file.field, file), file) for file in files]
        self._end = f"--{boundary}--\r\n".encode()
        self._sizes = [_size(file) if file else 0 for _, file in self._heads]

    def __len__(self) -> int:
        return sum(len(head) + size + 2 for (head, _), size in zip(self._heads, self._sizes, strict=True)) + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        time_slice = TimeSlice(give_way)
        for (head, file), size in zip(self._heads, self._sizes, strict=True):
            yield head
            if file:
                for piece in _pieces(file, size):
                    yield piece
                    time_slice.check()
            yield b"\r\n"
        yield self._end


def _head(boundary: str, field: str, file: MultipartFile | None = None) -> bytes:
    name = f'; filename="{file.name.translate(ESCAPED)}"\r\nContent-Type: {file.media_type}' if file else ""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{field.translate(ESCAPED)}"{name}\r\n\r\n'.encode()


def _size(file: MultipartFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError as error:
        raise _gone(file) from error


def _pieces(file: MultipartFile, size: int) -> Iterator[bytes]:
    try:
        with file.path.open("rb") as stored:
            while size and (piece := stored.read(min(size, PIECE_BYTES))):
                size -= len(piece)
                yield piece
    except OSError as error:
        raise _gone(file) from error
    if size:
        raise _gone(file)


def _gone(file: MultipartFile) -> ProviderError:
    return ProviderError("invalid", f"The file {file.name} can't be read any more.")
