"""Every server that speaks OpenAI's chat completions: OpenAI, Ollama, llama.cpp, vLLM, SGLang and the like."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from webapp.providers.base import Continuation, Model, ModelRequest, ProviderError, Reply
from webapp.providers.openai_reply import Reading, error_of, models_of, parsed, reply_of
from webapp.providers.openai_request import body as request_body
from webapp.providers.refusals import refusal
from webapp.streaming.codec import Decoder, Message, TooLong
from webapp.streaming.events import Delta, Ended, Event, Reasoning, Started
from webapp.streaming.stop import Stop
from webapp.upstream import Answer, Body, Stopped, Trust, Upstream, base_address

BAD_IN_A_ROW = 3
# After the terminal marker only the usage is still to come; nobody waits for that for long.
USAGE_SECONDS = 5.0
ERROR_SECONDS = 10.0
MOST_ERROR_BYTES = 256 * 1024


class OpenAIProvider:
    """`first_byte_seconds` limits the wait for a streamed reply; a whole one is limited by its `stop` alone."""

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str,
        upstream: Upstream,
        *,
        continuation: Continuation = "instruct",
        headers: Mapping[str, str] | None = None,
        trust: Trust = "public",
        read_size: int = 65536,
        first_byte_seconds: float = 60,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.continuation = name, continuation
        self._url = base_address(base_url)
        self._host = urlsplit(self._url).hostname or ""
        self._key, self._upstream, self._trust = api_key.strip(), upstream, trust
        self._more_headers = dict(headers or {})
        self._read_size, self._first_byte_seconds, self._now = read_size, first_byte_seconds, now

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        asked = self.body(request, is_streamed=True)
        try:
            with self._post(asked, stop, accept="text/event-stream", first_byte_seconds=self._first_byte_seconds) as body:
                yield from self._events(body, request, stop)
        except Stopped:
            return

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        """The answer in one piece; when `stop` was asked meanwhile, a `ProviderError` that says so."""
        asked = self.body(request, is_streamed=False)
        try:
            with self._post(asked, stop, accept="application/json", first_byte_seconds=0) as body:
                self._refuse(body)
                return self._reply(body.whole())
        except Stopped:
            raise ProviderError("cut", f"The request to {self._host} was stopped.") from None

    def models(self) -> Sequence[Model]:
        return models_of(self._get("/models").value)

    def check_key(self) -> str:
        """A sentence on what the key is good for; a bad one is a `ProviderError`."""
        count = len(self.models())
        return f"{self._host} answers and offers {count} model{'' if count == 1 else 's'}."

    def body(self, request: ModelRequest, *, is_streamed: bool) -> dict[str, Any]:
        # OpenAI's reasoning models refuse the old name, most other servers do not know the new one.
        limit_name = "max_completion_tokens" if self._host == "api.openai.com" else "max_tokens"
        return request_body(request, self.continuation, is_streamed=is_streamed, limit_name=limit_name)

    def _post(self, asked: dict[str, Any], stop: Stop, *, accept: str, first_byte_seconds: float) -> AbstractContextManager[Body]:
        url, headers = f"{self._url}/chat/completions", self._headers(accept)
        return self._upstream.open(
            "POST", url, stop=stop, headers=headers, json=asked, first_byte_seconds=first_byte_seconds, trust=self._trust
        )

    def _headers(self, accept: str) -> dict[str, str]:
        if not (self._key.isascii() and self._key.isprintable()):
            raise ProviderError("auth", f"The key for {self._host} holds characters that no key has; paste it again.")
        credentials = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return {"Accept": accept, **self._more_headers, **credentials}

    def _get(self, path: str) -> Answer:
        answer = self._upstream.json("GET", self._url + path, headers=self._headers("application/json"), trust=self._trust)
        if answer.status != 200:
            raise self._refusal(answer.status, answer.content, answer.headers)
        if answer.value is None:
            raise ProviderError("invalid", f"{self._host} answered with something else than JSON; is the address right?")
        return answer

    def _events(self, body: Body, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        self._refuse(body)
        kind = body.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        started = Started(request.model, self.name)
        if kind == "text/html":
            raise self._web_page()
        if kind == "application/json":
            reply = self._reply(body.whole())
            yield started
            yield from _told(reply)
            return
        yield started
        chunks = body.chunks(self._read_size)
        head = next((stripped for chunk in chunks if (stripped := chunk.lstrip())), b"")
        # No line of an event stream begins like this: it is a whole reply under a wrong name.
        if head[:1] in (b"{", b"<", b"["):
            yield from _told(self._reply(head + body.whole()))
        else:
            yield from self._streamed(body, chain([head], chunks), stop)

    def _streamed(self, body: Body, chunks: Iterator[bytes], stop: Stop) -> Iterator[Event]:
        """The events of a stream; whatever happens after the terminal marker does not undo it."""
        reading = Reading()
        failure = ProviderError("cut", f"{self._host} broke the answer off before its end.", retryable=True)
        try:
            for chunk in self._parsed(chunks):
                if (error := error_of(chunk)) is not None:
                    raise refusal(self._host, None, error, key=self._key, now=self._now())
                was_finished = reading.finish
                yield from reading.take(chunk)
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

    def _reply(self, content: bytes) -> Reply:
        value = parsed(content)
        if value is None:
            raise self._web_page() if content.lstrip()[:1] == b"<" else self._nonsense()
        if (error := error_of(value)) is not None:
            raise refusal(self._host, None, error, key=self._key, now=self._now())
        if reply := reply_of(value):
            return reply
        raise self._nonsense()

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
        said = {"message": content.decode("utf-8", "replace")} if value is None else error_of(value) or _plain(value)
        return refusal(self._host, status, said, key=self._key, headers=headers, now=self._now())

    def _nonsense(self) -> ProviderError:
        return ProviderError("invalid", f"{self._host} answered with something that is not an answer of a model.")

    def _web_page(self) -> ProviderError:
        return ProviderError("invalid", f"{self._host} answered with a web page instead of an answer; is the address right?")


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": next((said for name in ("message", "detail") if isinstance(said := value.get(name), str)), "")}


def _told(reply: Reply) -> Iterator[Event]:
    if reply.reasoning:
        yield Reasoning(reply.reasoning)
    if reply.text:
        yield Delta(reply.text)
    if reply.usage:
        yield reply.usage
    yield Ended("completed", reply.reason)
