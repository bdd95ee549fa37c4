"""Limits on parsing requests: the size of bodies, files, cookies, and of the headers of multipart forms."""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from io import BytesIO
from math import inf
from threading import Lock
from typing import IO, TypeAlias, cast
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import BLANK_LINE_RE, Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from webapp.base.errors import TooLarge
from webapp.base.heavy.turns import TurnQueue, YieldingStream, give_way

# Browsers send a single Cookie header, and a header can be at most half as long.
MOST_COOKIE_CHARS = 16_384
# The header of a part: the name of its field or file, and its type.
MOST_HEAD_BYTES = 4_096
# Parsing a header takes microseconds for each of these separators and a fifth of one for each character, and a form can have
# two hundred headers.
MARKS, MOST_MARKS = (b";", b"=", b"\\", b"\n"), 100
MOST_HEADS_BYTES = 65_536
CHUNK_BYTES = 65_536
Form: TypeAlias = tuple[MultiDict[str, str], MultiDict[str, FileStorage]]
Parsed: TypeAlias = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class BoundedDecoder(MultipartDecoder):
    """Refuses a part whose header is too long, has too many separators, or contains no name."""

    _heads_bytes = 0

    def next_event(self) -> Event:
        if self.state is State.PART and not self._has_short_head():
            raise RequestEntityTooLarge
        event = super().next_event()
        if isinstance(event, Field | File) and event.name is None:
            raise BadRequest("A part of the form has no name.")
        return event

    def _has_short_head(self) -> bool:
        """Returns whether the header, as far as it has arrived, is within the limits."""
        end = BLANK_LINE_RE.search(self.buffer, 0, MOST_HEAD_BYTES)
        head = self.buffer[: end.start() if end else MOST_HEAD_BYTES]
        self._heads_bytes += len(head) if end else 0
        is_short = (end is not None or len(self.buffer) <= MOST_HEAD_BYTES) and self._heads_bytes <= MOST_HEADS_BYTES
        return is_short and sum(map(head.count, MARKS)) <= MOST_MARKS


class PartsParser(MultiPartParser):
    """Parses multipart forms with `BoundedDecoder`, enforces the size limit of files, and lets other greenlets run in between."""

    most_file_bytes: int | None = None

    def parse(self, stream: IO[bytes], boundary: bytes, content_length: int | None) -> Form:
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        for part, file in self._parts(stream, boundary, content_length):
            if isinstance(part, File):
                files.append((part.name, FileStorage(file, part.filename, part.name, headers=part.headers)))
            else:
                fields.append((part.name, file.read().decode(self.get_part_charset(part.headers), "replace")))
        return self.cls(fields), self.cls(files)

    def _parts(self, stream: IO[bytes], boundary: bytes, length: int | None) -> Iterator[tuple[Field | File, IO[bytes]]]:
        """Yields each part with a file that holds its content; the size limit of a field applies to all fields together."""
        bytes_left, size = self.max_form_memory_size or inf, 0
        current: tuple[Field | File, IO[bytes]] | None = None
        with ExitStack() as opened:
            for event in self._events(stream, boundary):
                if isinstance(event, Field | File):
                    file = self.start_file_streaming(event, length) if isinstance(event, File) else BytesIO()
                    current, size = (event, opened.enter_context(file)), 0
                elif isinstance(event, Data) and current:
                    part, content = current
                    content.write(event.data)
                    size += len(event.data)
                    bytes_left -= len(event.data) if isinstance(part, Field) else 0
                    self._refuse_too_much(part, size, bytes_left)
                    if not event.more_data:
                        content.seek(0)
                        yield part, content
            # Nothing was refused, so the files stay open; the caller closes them.
            opened.pop_all()

    def _refuse_too_much(self, part: Field | File, size: int, bytes_left: float) -> None:
        if bytes_left < 0:
            raise RequestEntityTooLarge
        if isinstance(part, File) and self.most_file_bytes is not None and size > self.most_file_bytes:
            raise TooLarge.file(self.most_file_bytes)

    def _events(self, stream: IO[bytes], boundary: bytes) -> Iterator[Event]:
        decoder = BoundedDecoder(boundary, self.max_form_memory_size, max_parts=self.max_form_parts)
        unhurried = YieldingStream(stream)
        while True:
            decoder.receive_data(unhurried.read(CHUNK_BYTES) or None)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return


# The percent-encoding of a long form is decoded in pieces of this size, for one such form at a time, and other greenlets run
# between the pieces.
PIECE_BYTES = 16_384
_decoding = Lock()
# A form starts new work, so one is parsed per turn of the event loop, and requests waiting to continue earlier work go first.
_beginning = TurnQueue()
_at_once = nullcontext()


class FormParser(FormDataParser):
    """Parses multipart forms with `PartsParser`, and long urlencoded forms in pieces."""

    most_file_bytes: int | None = None

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Parsed:
        # A form that can't be parsed is an empty one.
        with suppress(ValueError):
            if mimetype == "multipart/form-data":
                return stream, *self._parts(stream, (options or {}).get("boundary", ""), content_length)
            if mimetype == "application/x-www-form-urlencoded":
                return stream, self._fields(stream, content_length), self.cls()
        return stream, self.cls(), self.cls()

    def _fields(self, stream: IO[bytes], content_length: int | None) -> MultiDict[str, str]:
        if (content_length or 0) > (self.max_form_memory_size or inf):
            raise RequestEntityTooLarge
        # Reads the body before taking the lock, so that a slow client does not hold up other requests.
        content = stream.read()
        _beginning.enter()
        with _decoding if len(content) > PIECE_BYTES else _at_once:
            return self.cls(list(_decoded_fields(content)))

    def _parts(self, stream: IO[bytes], boundary: str, content_length: int | None) -> Form:
        parser = PartsParser(self.stream_factory, self.max_form_memory_size, cls=self.cls, max_form_parts=self.max_form_parts)
        parser.most_file_bytes = self.most_file_bytes
        if not boundary:
            raise ValueError("no boundary")
        return parser.parse(stream, boundary.encode("ascii"), content_length)


class Unannounced(LimitedStream):
    """A body without a Content-Length. Werkzeug cuts it off at the limit without a word; this refuses it."""

    def __init__(self, body: IO[bytes], limit: int) -> None:
        super().__init__(body, limit, is_max=True)
        self._body = body

    def readall(self) -> bytes:
        content = super().readall()
        if self.is_exhausted and self._body.read(1):
            raise RequestEntityTooLarge
        return content


class Incoming(Request):
    """A request whose view can limit the size of each uploaded file with `most_file_bytes`."""

    form_data_parser_class = FormParser
    most_file_bytes: int | None = None

    def make_form_data_parser(self) -> FormDataParser:
        parser = cast(FormParser, super().make_form_data_parser())
        parser.most_file_bytes = self.most_file_bytes
        return parser

    @cached_property
    def stream(self) -> IO[bytes]:
        body, most = super().stream, self.max_content_length
        if self.content_length is not None or most is None or not self.environ.get("wsgi.input_terminated"):
            return body
        return cast(IO[bytes], Unannounced(self.environ["wsgi.input"], most))

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        # Cookies are read before any handler can refuse the request, so a header over the limit is not parsed at all.
        is_too_much = len(self.environ.get("HTTP_COOKIE", "")) > MOST_COOKIE_CHARS
        return ImmutableMultiDict() if is_too_much else super().cookies


def _decoded_fields(content: bytes) -> Iterator[tuple[str, str]]:
    """Yields the decoded names and values of an urlencoded form."""
    for field in filter(None, content.split(b"&")):
        name, _, value = field.partition(b"=")
        yield _plain(name), _plain(value)


def _plain(escaped: bytes) -> str:
    """Decodes percent-encoding piece by piece: an escape takes a tenth of a microsecond, and a form can have a million."""
    decoder, parts, start = getincrementaldecoder("utf-8")("replace"), [], 0
    while start < len(escaped):
        end = start + PIECE_BYTES
        # Moves the end of the piece so that it does not split an escape.
        end = escaped.rfind(b"%", end - 2, end) if b"%" in escaped[end - 2 : end] else end
        parts.append(decoder.decode(unquote_to_bytes(escaped[start:end].replace(b"+", b" "))))
        start = end
        if start < len(escaped):
            give_way()
    return "".join(parts) + decoder.decode(b"", final=True)
