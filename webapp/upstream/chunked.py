"""Takes a body out of the chunks that it is sent in (RFC 9112, 7.1). Pure."""

LONGEST_LINE = 65536
# Behind the last chunk, lines follow up to an empty one; a line may end without its CR.
ENDS = (b"\n\r\n", b"\n\n")


class Chunked:
    """Fed pieces of any size, it gives all that they bring at once; `is_over` behind the last trailer."""

    def __init__(self) -> None:
        self.is_over = self.is_in_trailers = False
        self._rest = b""
        # How much of a chunk is still to come, with the two bytes that end its line.
        self._left = 0

    def feed(self, piece: bytes) -> bytes:
        """What the piece brings of the body; raises `ValueError` when it does not consist of chunks."""
        if self.is_in_trailers:
            self._skip(piece)
            return b""
        received, at, parts = self._rest + piece, 0, list[bytes]()
        self._rest = b""
        while at < len(received) and not self.is_in_trailers:
            if self._left:
                end = at + self._left
                parts.append(received[at : max(at, end - 2)])
                at, self._left = end, max(0, end - len(received))
            elif (line_end := received.find(b"\n", at)) >= 0:
                self._begin(received[at:line_end])
                at = line_end + 1
            else:
                self._rest, at = received[at:], len(received)
        if len(self._rest) > LONGEST_LINE:
            raise ValueError("the size of a chunk is a long line")
        if self.is_in_trailers:
            self._skip(b"\n" + received[at:])
        return b"".join(parts)

    def _begin(self, line: bytes) -> None:
        size = int(line.partition(b";")[0], 16)
        if size < 0:
            raise ValueError("the size of a chunk is negative")
        self._left, self.is_in_trailers = size + 2, not size

    def _skip(self, piece: bytes) -> None:
        lines = self._rest + piece
        self.is_over = self.is_over or any(end in lines for end in ENDS)
        self._rest = lines[-2:]
