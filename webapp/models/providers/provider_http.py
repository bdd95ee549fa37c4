"""HTTP requests to one model server: sends them, parses streamed replies, and turns errors into `ProviderError`."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from webapp.base.heavy.turns import TimeSlice, give_way
from webapp.base.untrusted_json import JsonObject
from webapp.models.providers import pictures, recordings, voices
from webapp.models.providers.base import Drawn, Embedded, ProviderError, Reply, Spoken, Transcribed, events_of
from webapp.models.providers.calls import Calls
from webapp.models.providers.embeddings import PATH as EMBEDDINGS, embedded_in
from webapp.models.providers.error_mapping import error_of, plain_error_of, provider_error
from webapp.models.providers.inline_pictures import MOST_BYTES as MOST_PICTURE_BYTES, InlinePictures
from webapp.models.providers.reply_stream import ReplyReader, ReplyStream
from webapp.models.providers.values import parsed
from webapp.models.upstream import Body, JsonReply, Multipart, Stopped, Trust, Upstream, base_address
from webapp.models.upstream.body import MOST_JSON_BYTES
from webapp.models.upstream.large_replies import read_in_thread
from webapp.streaming.events import PICTURE_LEFT_OUT, Ended, Event, Kept, Notice, Pictured, Started, Usage
from webapp.streaming.stop import Stop

# The first characters of a reply are read without waiting for the beat. This many, because a text that begins like a reasoning
# tag is held back until it can't be one any more, so that the first visible word can come this late.
FIRST_CHARS = 32
# How long to wait for the usage, the only thing that follows the terminal marker.
USAGE_SECONDS = 5.0
# A picture takes longer than any text's first word.
PICTURE_SECONDS, FETCH_SECONDS = 180.0, 30.0
# Longer than a slow computer takes for ten minutes of speech.
TRANSCRIPT_SECONDS = 120.0
ERROR_SECONDS = 10.0
# Of a reply in one piece, which can have several pictures.
MOST_REPLY_BYTES = 48 * 1024 * 1024
MOST_ERROR_BYTES = 256 * 1024
# Of a stream whose data is all there, so many bytes are read between two looks at the time.
PIECE_BYTES = 16 * 1024


def _nothing_known(_: Mapping[str, str]) -> Usage:
    return Usage()


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """How to parse the replies of a protocol: `known` reads the usage from the headers and is passed to the other two.

    They also get what collects the calls in the reply, or None if none were asked for. In a protocol that `has_pictures`, their
    data is decoded before.
    """

    path: str
    reader: Callable[[Usage, Calls | None], ReplyReader]
    reply: Callable[[Mapping[str, Any], Usage, Calls | None], Reply | None]
    known: Callable[[Mapping[str, str]], Usage] = _nothing_known
    has_pictures: bool = True


class ProviderHttp:
    """Sends requests to one server.

    `first_byte_seconds` limits the wait for a streamed reply; a whole one is limited only by its `stop`. Every `beat_seconds`,
    what has arrived of a stream is read in one go. `label` is the name of the server in messages, by default its host.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        upstream: Upstream,
        *,
        headers: Mapping[str, str],
        label: str = "",
        trust: Trust = "public",
        read_size: int = 65536,
        first_byte_seconds: float = 60,
        beat_seconds: float = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.url = base_address(base_url)
        self.host = urlsplit(self.url).hostname or ""
        self.label = label or self.host
        self._key, self._upstream, self._own_headers = key, upstream, dict(headers)
        self._trust: Trust = trust
        self._read_size, self._first_byte_seconds, self._now = read_size, first_byte_seconds, now
        self._beat_seconds = beat_seconds

    def stream(
        self, payload: JsonObject, stop: Stop, reply_format: ReplyFormat, started: Started, calls: Calls | None = None
    ) -> Generator[Event, None, None]:
        """Yields the events of a streamed reply, as `Provider.stream` promises them."""
        try:
            # A server that doesn't stream pictures sends nothing before they are done.
            seconds = max(self._first_byte_seconds, PICTURE_SECONDS) if "modalities" in payload else self._first_byte_seconds
            with self._post(reply_format.path, payload, stop, "text/event-stream", seconds) as body:
                self._refuse(body)
                yield from self._events(body, stop, reply_format, started, calls)
        except Stopped:
            return

    def complete(self, payload: JsonObject, stop: Stop, reply_format: ReplyFormat, calls: Calls | None = None) -> Reply:
        """Returns the reply in one piece; raises `ProviderError` if it is stopped before it is complete."""
        try:
            with self._post(reply_format.path, payload, stop, "application/json", 0) as body:
                self._refuse(body)
                return self._reply(body, b"", reply_format, reply_format.known(body.headers), calls, stop)
        except Stopped:
            raise self._stopped() from None

    def embed(self, payload: JsonObject, stop: Stop) -> Embedded:
        """Returns vectors for the texts of one request; the whole reply must arrive within `first_byte_seconds`."""
        try:
            with self._post(EMBEDDINGS, payload, stop, "application/json", self._first_byte_seconds) as body:
                self._refuse(body)
                body.within(self._first_byte_seconds)
                value = self._object(content := body.read_all())
                # A reply with a vector for each token is long.
                embedded = read_in_thread(lambda _: embedded_in(value, len(payload["input"])), content)
        except Stopped:
            raise self._stopped() from None
        if embedded is None:
            raise ProviderError("invalid", f"{self.label} didn't return a vector for each text.")
        return embedded

    def draw(self, path: str, payload: JsonObject | Multipart, stop: Stop) -> Drawn:
        """Returns the picture of one request, which some servers send at an address of its own.

        Raises `cut` if the request was sent and no whole reply was seen, within three minutes.
        """
        until = monotonic() + PICTURE_SECONDS
        try:
            with self._post(path, payload, stop, "application/json", PICTURE_SECONDS) as body:
                self._refuse(body)
                body.within(until - monotonic())
                answered = pictures.picture_in(self._object(body.read_all(2 * pictures.MOST_BYTES)))
            content = answered and (_unpacked(answered.packed) or (answered.url and self._picture_at(answered.url, stop)))
            if not (answered and content):
                raise ProviderError("invalid", f"{self.label} didn't return a picture.")
            return Drawn(content, answered.usage)
        except Stopped:
            raise self._stopped() from None

    def transcribe(self, form: Multipart, stop: Stop) -> Transcribed:
        """Returns what was said in a recording; the whole reply must arrive within `TRANSCRIPT_SECONDS`."""
        until = monotonic() + TRANSCRIPT_SECONDS
        try:
            with self._post(recordings.PATH, form, stop, "application/json", TRANSCRIPT_SECONDS) as body:
                self._refuse(body)
                body.within(until - monotonic())
                transcribed = recordings.transcribed_in(self._object(body.read_all(recordings.MOST_REPLY_BYTES)))
        except Stopped:
            raise self._stopped() from None
        if transcribed is None:
            raise ProviderError("invalid", f"{self.label} didn't return what was said.")
        return transcribed

    def speak(self, payload: JsonObject, stop: Stop, known: Callable[[Mapping[str, str]], Usage]) -> Spoken:
        """Returns the speech of one request, all of which must arrive within `voices.SECONDS`; `known` reads its usage."""
        until = monotonic() + voices.SECONDS
        try:
            with self._post(voices.PATH, payload, stop, "audio/*", voices.SECONDS) as body:
                self._refuse(body)
                body.within(until - monotonic())
                content = self._audio(body, voices.most_bytes(payload["input"]), stop)
                return Spoken(content, voices.media_type_of(content), known(body.headers))
        except Stopped:
            raise self._stopped() from None

    def _audio(self, body: Body, most_bytes: int, stop: Stop) -> bytes:
        """Reads audio; anything else is refused by its first bytes, with the error that it reports, if any."""
        chunks, head = body.chunks(self._read_size), b""
        while len(head) < voices.HEAD_BYTES and (chunk := next(chunks, b"")):
            head += chunk
        if not (stop or voices.media_type_of(head)):
            if head.lstrip()[:1] in (b"{", b"<"):
                self._object(head + body.read_all(MOST_ERROR_BYTES))
            raise ProviderError("invalid", f"{self.label} didn't return audio.")
        return head + body.read_all(most_bytes - len(head))

    def _picture_at(self, url: str, stop: Stop) -> bytes:
        """Fetches a picture, without the key; from this server as it is trusted, from any other only if that is public."""
        trust: Trust = self._trust if urlsplit(url)[:2] == urlsplit(self.url)[:2] else "public"
        headers = {"Accept": "image/*"}
        with self._upstream.open("GET", url, stop=stop, headers=headers, first_byte_seconds=FETCH_SECONDS, trust=trust) as body:
            if body.status != 200:
                raise ProviderError("invalid", f"{body.host} has no picture at the address that {self.label} returned.")
            body.within(FETCH_SECONDS)
            return body.read_all(pictures.MOST_BYTES)

    def get(self, path: str) -> Any:
        """Returns the JSON at this path."""
        return self._value(self._answer(path))

    def found(self, path: str) -> Any | None:
        """Returns the JSON at this path, or None for a 404."""
        answer = self._answer(path)
        return None if answer.status == 404 else self._value(answer)

    def beside(self, path: str) -> Any | None:
        """Returns the JSON that a local server has at this path beside its API; None if it has none."""
        url = self.url.removesuffix("/v1") + path
        try:
            answer = self._upstream.json("GET", url, headers=self._headers("application/json"), trust=self._trust, seconds=5)
        except ProviderError:
            return None
        return answer.value if answer.status == 200 else None

    def _post(
        self, path: str, payload: JsonObject | Multipart, stop: Stop, accept: str, seconds: float
    ) -> AbstractContextManager[Body]:
        url, headers = self.url + path, self._headers(accept)
        body: JsonObject = {"content" if isinstance(payload, Multipart) else "json": payload}
        return self._upstream.open(
            "POST", url, stop=stop, headers=headers, first_byte_seconds=seconds, trust=self._trust, label=self.label, **body
        )

    def _answer(self, path: str) -> JsonReply:
        headers = self._headers("application/json")
        return self._upstream.json("GET", self.url + path, headers=headers, trust=self._trust, label=self.label)

    def _value(self, answer: JsonReply) -> Any:
        if answer.status == 404:
            raise self._wrong_address()
        if answer.status != 200:
            raise self._refusal(answer.status, answer.content, answer.headers)
        if answer.value is None:
            raise ProviderError("invalid", f"{self.label} didn't return JSON. Is the address correct?")
        return answer.value

    def _headers(self, accept: str) -> dict[str, str]:
        if not (self._key.isascii() and self._key.isprintable()):
            raise ProviderError("auth", f"The key for {self.label} contains invalid characters. Paste it again.")
        return {"Accept": accept, **self._own_headers}

    def _events(
        self, body: Body, stop: Stop, reply_format: ReplyFormat, started: Started, calls: Calls | None
    ) -> Iterator[Event]:
        usage = reply_format.known(body.headers)
        kind = body.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise self._web_page()
        if kind == "application/json":
            reply = self._reply(body, b"", reply_format, usage, calls, stop)
            yield started
            yield from events_of(reply)
            return
        yield started
        if usage != Usage():
            yield usage
        chunks = body.chunks(self._read_size)
        head = next((stripped for chunk in chunks if (stripped := chunk.lstrip())), b"")
        # No line of an event stream begins like this, so it is a whole reply with a wrong content type.
        if head[:1] in (b"{", b"<", b"["):
            yield from events_of(self._reply(body, head, reply_format, usage, calls, stop))
        else:
            reader, inline = reply_format.reader(usage, calls), InlinePictures(is_on=reply_format.has_pictures)
            yield from self._streamed(body, chain([head], chunks), stop, reader, calls, inline=inline)

    def _streamed(
        self,
        body: Body,
        chunks: Iterator[bytes],
        stop: Stop,
        reader: ReplyReader,
        calls: Calls | None,
        *,
        inline: InlinePictures,
    ) -> Iterator[Event]:
        """Yields the events of a stream; no error after the terminal marker undoes a completed answer."""
        failure = ProviderError("cut", f"{self.label} cut the answer off before it finished.", retryable=True)
        reply = ReplyStream(reader, refuse=self._reported, nonsense=self._nonsense)
        try:
            for piece in _in_turns(self._on_the_beat(chunks, body, reply), stop):
                was_finished = reader.finish
                for event in reply.feed(inline.feed(piece)):
                    if isinstance(event, Pictured):
                        yield from self._read_picture(event, inline, stop)
                    else:
                        yield event
                if reply.is_over:
                    break
                if reader.finish and not was_finished:
                    body.within(USAGE_SECONDS, quietly=True)
            reply.close()
        except ProviderError as error:
            failure = error
        if reader.usage:
            yield reader.usage
        if reader.finish:
            body.finish()
            if kept := reader.kept:
                yield Kept(kept)
            yield Ended("completed", calls.reason(reader.finish) if calls else reader.finish)
        elif not stop:
            raise failure

    def _on_the_beat(self, chunks: Iterator[bytes], body: Body, reply: ReplyStream) -> Iterator[bytes]:
        """Yields one read per beat; the first words and the end are read without delay."""
        for chunk in chunks:
            yield chunk
            if reply.yielded_chars >= FIRST_CHARS and not reply.is_finished:
                body.rest(self._beat_seconds)

    def _reply(self, body: Body, head: bytes, reply_format: ReplyFormat, usage: Usage, calls: Calls | None, stop: Stop) -> Reply:
        content, inline = head + body.read_all(MOST_REPLY_BYTES), InlinePictures(is_on=reply_format.has_pictures)
        content = b"".join(inline.feed(piece) for piece in _in_turns(iter([content]), stop))
        if stop:
            raise Stopped(self.label)
        if len(content) > MOST_JSON_BYTES:
            raise ProviderError("invalid", f"{self.label} sent a reply larger than {MOST_JSON_BYTES >> 20} MB.")
        if reply := reply_format.reply(self._object(content), usage, calls):
            read = (self._read_picture(picture, inline, stop) for picture in reply.pictures)
            return replace(reply, pictures=tuple(chain.from_iterable(read))) if reply.pictures else reply
        raise self._nonsense()

    def _read_picture(self, picture: Event, inline: InlinePictures, stop: Stop) -> Iterator[Pictured | Notice]:
        """Yields a picture with its content, or a notice if it can't be read; nothing for one beyond those of one reply."""
        if not isinstance(picture, Pictured) or not inline.may_be_read():
            return
        if content := inline.content_at(picture.address):
            yield Pictured(content)
        elif picture.address.startswith(("https://", "http://")):
            try:
                yield Pictured(self._picture_at(picture.address, stop))
            except ProviderError as error:
                yield Notice(PICTURE_LEFT_OUT, f"A picture was left out. {error}")
        else:
            words = f"{self.label} sent a picture that can't be read, or is larger than {MOST_PICTURE_BYTES >> 20} MB."
            yield Notice(PICTURE_LEFT_OUT, words)

    def _object(self, content: bytes) -> JsonObject:
        """Parses a whole reply; raises the error that it reports."""
        value = read_in_thread(parsed, content)
        if value is None:
            raise self._web_page() if content.lstrip()[:1] == b"<" else self._nonsense()
        if (error := error_of(value)) is not None:
            raise self._reported(error)
        return value

    def _refuse(self, body: Body) -> None:
        """Raises the error of an unsuccessful status; reads the body for its message, but only for a short time."""
        if 200 <= body.status < 300:
            return
        body.within(ERROR_SECONDS, quietly=True)
        try:
            content = body.read_all(MOST_ERROR_BYTES)
        except ProviderError:
            content = b""
        raise self._refusal(body.status, content, body.headers)

    def _refusal(self, status: int, content: bytes, headers: Mapping[str, str]) -> ProviderError:
        value = parsed(content)
        details = {"message": content.decode("utf-8", "replace")} if value is None else error_of(value) or plain_error_of(value)
        return provider_error(self.label, status, details, key=self._key, headers=headers, now=self._now())

    def _reported(self, error: Any) -> ProviderError:
        """Returns the error that a server reports within a successful reply."""
        return provider_error(self.label, None, error, key=self._key, now=self._now())

    def _stopped(self) -> ProviderError:
        return ProviderError("cut", f"The request to {self.label} was stopped.")

    def _nonsense(self) -> ProviderError:
        return ProviderError("invalid", f"{self.label} returned something that isn't a model's answer.")

    def _wrong_address(self) -> ProviderError:
        advice = "Check its path." if urlsplit(self.url).path else "Most servers need /v1 at the end."
        return ProviderError("invalid", f"{self.label} has nothing at this address (404). {advice}")

    def _web_page(self) -> ProviderError:
        return ProviderError("invalid", f"{self.label} returned a web page instead of an answer. Is the address correct?")


def _unpacked(packed: str) -> bytes:
    content, time_slice = bytearray(), TimeSlice(give_way)
    for piece in pictures.pieces(packed):
        content += piece
        time_slice.check()
    return bytes(content)


def _in_turns(chunks: Iterator[bytes], stop: Stop) -> Iterator[bytes]:
    """Yields the bytes in pieces, and yields after slow ones, so that one endless stream does not block the others."""
    time_slice = TimeSlice(give_way)
    for chunk in chunks:
        # Waiting for it has let the others run.
        time_slice.begin()
        for at in range(0, len(chunk), PIECE_BYTES):
            yield chunk[at : at + PIECE_BYTES]
            time_slice.check()
            if stop:
                return
