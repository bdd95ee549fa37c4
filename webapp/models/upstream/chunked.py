"""Decodes the chunked transfer coding of a body (RFC 9112, 7.1). Pure."""

LONGEST_LINE = 65536
# After the last chunk, trailers follow up to an empty line; a line can end without its CR.
ENDS = (b"\n\r\n", b"\n\n")


class Chunked:
    """Takes pieces of any size and returns all of the body that each contains; `is_over` is set after the last trailer."""

    def __init__(self) -> None:
        self.is_over = self.is_in_trailers = False
        self._rest = b""
        # The bytes left of the current chunk, with the two that end its line.
        self._left = 0

    def feed(self, piece: bytes) -> bytes:
        """Returns what the piece contains of the body; raises `ValueError` if the coding is malformed."""
        if self.is_in_trailers:
            self._skip(piece)
            return b""
        received, at, remaining = self._rest + piece, 0, self._left
        self._rest, length = b"", len(received)
        parts: list[bytes] = []
        while at < length:
            if not remaining:
                if (line_end := received.find(b"\n", at)) < 0:
                    self._rest = received[at:]
                    break
                remaining, at = self._begun(received[at:line_end]), line_end + 1
                if self.is_in_trailers:
                    break
            end = at + remaining
            if remaining > 2:
                parts.append(received[at : end - 2])
            at, remaining = end, end - length if end > length else 0
        self._left = remaining
        if len(self._rest) > LONGEST_LINE:
            raise ValueError("the size of a chunk is a long line")
        if self.is_in_trailers:
            self._skip(b"\n" + received[at:])
        return b"".join(parts)

    def _begun(self, line: bytes) -> int:
        """Parses the line that begins a chunk; returns how many bytes follow it."""
        size = int(line.partition(b";")[0] if b";" in line else line, 16)
        if size > 0:
            return size + 2
        if size < 0:
            raise ValueError("the size of a chunk is negative")
        self.is_in_trailers = True
        return 2

    def _skip(self, piece: bytes) -> None:
        lines = self._rest + piece
        self.is_over = self.is_over or any(end in lines for end in ENDS)
        self._rest = lines[-2:]
