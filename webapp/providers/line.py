"""The line to one server: what it is sent, its stream followed to the end, and what it means when it refuses."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol
from urllib.parse import urlsplit

from webapp.providers.base import Embedded, ProviderError, Reply
from webapp.providers.embeddings import PATH as EMBEDDINGS
from webapp.providers.embeddings import embedded_in
from webapp.providers.refusals import error_of, refusal, said_in
from webapp.providers.values import parsed
from webapp.streaming.codec import Decoder, Message, TooLong
from webapp.streaming.events import Delta, Ended, Event, Reasoning, Started, Usage
from webapp.streaming.stop import Stop
from webapp.upstream import Answer, Body, Stopped, Trust, Upstream, base_address

BAD_IN_A_ROW = 3
# After the terminal marker only the usage is still to come; nobody waits for that for long.
USAGE_SECONDS = 5.0
ERROR_SECONDS = 10.0
MOST_ERROR_BYTES = 256 * 1024


class Reading(Protocol):
    """One streamed reply as it is read: `finish` is empty until the terminal marker, `is_over` when nothing follows it."""

    finish: str

    @property
    def is_over(self) -> bool: ...
    @property
    def usage(self) -> Usage | None: ...
    def take(self, chunk: Mapping[str, Any]) -> Iterator[Event]: ...


def _nothing_known(_: Mapping[str, str]) -> Usage:
    return Usage()


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one protocol is read: `known` says what the headers tell of an answer, the others are given that."""

    path: str
    reading: Callable[[Usage], Reading]
    reply: Callable[[Mapping[str, Any], Usage], Reply | None]
    known: Callable[[Mapping[str, str]], Usage] = _nothing_known


class Line:
    """`first_byte_seconds` limits the wait for a streamed reply; a whole one is limited by its `stop` alone."""

    def __init__(
        self,
        base_url: str,
        key: str,
        upstream: Upstream,
        *,
        headers: Mapping[str, str],
        trust: Trust = "public",
        read_size: int = 65536,
        first_byte_seconds: float = 60,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.url = base_address(base_url)
        self.host = urlsplit(self.url).hostname or ""
        self._key, self._upstream, self._own_headers, self._trust = key, upstream, dict(headers), trust
        self._read_size, self._first_byte_seconds, self._now = read_size, first_byte_seconds, now

    def stream(self, asked: dict[str, Any], stop: Stop, grammar: Grammar, started: Started) -> Generator[Event, None, None]:
        """The events of a streamed reply, as `Provider.stream` promises them."""
        try:
            with self._post(grammar.path, asked, stop, "text/event-stream", self._first_byte_seconds) as body:
                self._refuse(body)
                yield from self._events(body, stop, grammar, started)
        except Stopped:
            return

    def complete(self, asked: dict[str, Any], stop: Stop, grammar: Grammar) -> Reply:
        """The answer in one piece; when `stop` was asked meanwhile, a `ProviderError` that says so."""
        try:
            with self._post(grammar.path, asked, stop, "application/json", 0) as body:
                self._refuse(body)
                return self._reply(body.whole(), grammar, grammar.known(body.headers))
        except Stopped:
            raise self._stopped() from None

    def embed(self, asked: dict[str, Any], stop: Stop) -> Embedded:
        """Vectors for the texts of one request, within the time that a first byte may take."""
        try:
            with self._post(EMBEDDINGS, asked, stop, "application/json", self._first_byte_seconds) as body:
                self._refuse(body)
                body.within(self._first_byte_seconds)
                found = embedded_in(self._object(body.whole()), len(asked["input"]))
        except Stopped:
            raise self._stopped() from None
        if found is None:
            raise ProviderError("invalid", f"{self.host} answered with something that is not a vector for each text.")
        return found

    def get(self, path: str) -> Any:
        """What the server has at this place, as JSON."""
        return self._value(self._answer(path))

    def found(self, path: str) -> Any | None:
        """The same, or None when there is nothing at this place."""
        answer = self._answer(path)
        return None if answer.status == 404 else self._value(answer)

    def _post(self, path: str, asked: dict[str, Any], stop: Stop, accept: str, seconds: float) -> AbstractContextManager[Body]:
        url, headers = self.url + path, self._headers(accept)
        return self._upstream.open(
            "POST", url, stop=stop, headers=headers, json=asked, first_byte_seconds=seconds, trust=self._trust
        )

    def _answer(self, path: str) -> Answer:
        return self._upstream.json("GET", self.url + path, headers=self._headers("application/json"), trust=self._trust)

    def _value(self, answer: Answer) -> Any:
        if answer.status != 200:
            raise self._refusal(answer.status, answer.content, answer.headers)
        if answer.value is None:
            raise ProviderError("invalid", f"{self.host} answered with something else than JSON; is the address right?")
        return answer.value

    def _headers(self, accept: str) -> dict[str, str]:
        if not (self._key.isascii() and self._key.isprintable()):
            raise ProviderError("auth", f"The key for {self.host} holds characters that no key has; paste it again.")
        return {"Accept": accept, **self._own_headers}

    def _events(self, body: Body, stop: Stop, grammar: Grammar, started: Started) -> Iterator[Event]:
        known = grammar.known(body.headers)
        kind = body.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise self._web_page()
        if kind == "application/json":
            reply = self._reply(body.whole(), grammar, known)
            yield started
            yield from _told(reply)
            return
        yield started
        if known != Usage():
            yield known
        chunks = body.chunks(self._read_size)
        head = next((stripped for chunk in chunks if (stripped := chunk.lstrip())), b"")
        # No line of an event stream begins like this: it is a whole reply under a wrong name.
        if head[:1] in (b"{", b"<", b"["):
            yield from _told(self._reply(head + body.whole(), grammar, known))
        else:
            yield from self._streamed(body, chain([head], chunks), stop, grammar.reading(known))

    def _streamed(self, body: Body, chunks: Iterator[bytes], stop: Stop, reading: Reading) -> Iterator[Event]:
        """The events of a stream; whatever happens after the terminal marker does not undo it."""
        failure = ProviderError("cut", f"{self.host} broke the answer off before its end.", retryable=True)
        try:
            for chunk in self._parsed(chunks):
                if (error := error_of(chunk)) is not None:
                    raise refusal(self.host, None, error, key=self._key, now=self._now())
                was_finished = reading.finish
                yield from reading.take(chunk)
                if reading.is_over:
                    break
                if reading.finish and not was_finished:
                    body.within(USAGE_SECONDS, quietly=True)
        except ProviderError as error:
            failure = error
        if reading.usage:
            yield reading.usage
        if reading.finish:
            body.finish()
            yield Ended("completed", reading.finish)
        elif not stop:
            raise failure

    def _parsed(self, chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """The JSON objects up to `[DONE]`; a bad line is forgiven, several in a row and nothing else are not."""
        good, bad, bad_in_a_row = 0, 0, 0
        for message in self._messages(chunks):
            if message.data.strip() == "[DONE]":
                break
            value = parsed(message.data)
            if message.event == "error":
                value = value if value and error_of(value) is not None else {"error": value or message.data or "unknown"}
            if value is None:
                is_bad = message.event == "message" and bool(message.data.strip())
                bad, bad_in_a_row = bad + is_bad, bad_in_a_row + is_bad
            else:
                good, bad_in_a_row = good + 1, 0
                yield value
            if bad_in_a_row == BAD_IN_A_ROW:
                raise self._nonsense()
        if bad and not good:
            raise self._nonsense()

    def _messages(self, chunks: Iterator[bytes]) -> Iterator[Message]:
        decoder = Decoder()
        try:
            for chunk in chunks:
                yield from decoder.feed(chunk)
        except TooLong:
            raise self._nonsense() from None

    def _reply(self, content: bytes, grammar: Grammar, known: Usage) -> Reply:
        if reply := grammar.reply(self._object(content), known):
            return reply
        raise self._nonsense()

    def _object(self, content: bytes) -> dict[str, Any]:
        """A whole reply that is no error."""
        value = parsed(content)
        if value is None:
            raise self._web_page() if content.lstrip()[:1] == b"<" else self._nonsense()
        if (error := error_of(value)) is not None:
            raise refusal(self.host, None, error, key=self._key, now=self._now())
        return value

    def _refuse(self, body: Body) -> None:
        """Raises what a status that is not a success means; its body is read for words, but not waited for."""
        if 200 <= body.status < 300:
            return
        body.within(ERROR_SECONDS, quietly=True)
        try:
            content = body.whole(MOST_ERROR_BYTES)
        except ProviderError:
            content = b""
        raise self._refusal(body.status, content, body.headers)

    def _refusal(self, status: int, content: bytes, headers: Mapping[str, str]) -> ProviderError:
        value = parsed(content)
        said = {"message": content.decode("utf-8", "replace")} if value is None else error_of(value) or said_in(value)
        return refusal(self.host, status, said, key=self._key, headers=headers, now=self._now())

    def _stopped(self) -> ProviderError:
        return ProviderError("cut", f"The request to {self.host} was stopped.")

    def _nonsense(self) -> ProviderError:
        return ProviderError("invalid", f"{self.host} answered with something that is not an answer of a model.")

    def _web_page(self) -> ProviderError:
        return ProviderError("invalid", f"{self.host} answered with a web page instead of an answer; is the address right?")


def _told(reply: Reply) -> Iterator[Event]:
    if reply.reasoning:
        yield Reasoning(reply.reasoning)
    if reply.text:
        yield Delta(reply.text)
    if reply.usage:
        yield reply.usage
    yield Ended("completed", reply.reason)
