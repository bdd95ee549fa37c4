"""Every server that speaks OpenAI's chat completions: OpenAI, Ollama, llama.cpp, vLLM, SGLang and the like."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from webapp.counts import plural
from webapp.providers.base import Continuation, Embedded, Model, ModelRequest, ProviderError, Reply
from webapp.providers.embeddings import embedded
from webapp.providers.line import Grammar, Line
from webapp.providers.openai_reply import Reading, models_of, reply_of
from webapp.providers.openai_request import body as request_body
from webapp.streaming.events import Event, Started, Usage
from webapp.streaming.stop import Stop
from webapp.upstream import Upstream


class OpenAIProvider:
    """`options` are those of `Line`: trust, time-outs, the size of a read."""

    grammar = Grammar("/chat/completions", Reading, reply_of)

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str,
        upstream: Upstream,
        *,
        continuation: Continuation = "instruct",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.name, self.continuation = name, continuation
        self._refuses_options = False
        key = api_key.strip()
        credentials = {"Authorization": f"Bearer {key}"} if key else {}
        self._line = Line(base_url, key, upstream, headers={**(headers or {}), **credentials}, **options)

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        asked, has_begun = self.body(request, is_streamed=True), False
        if self._refuses_options:
            asked.pop("stream_options", None)
        try:
            with closing(self._streamed(asked, request, stop)) as events:
                for event in events:
                    has_begun = True
                    yield event
            return
        except ProviderError as refused:
            # Some older servers refuse to be asked for the usage; without it they answer.
            if has_begun or "stream_options" not in asked or "stream_options" not in refused.message:
                raise
        self._refuses_options = True
        del asked["stream_options"]
        yield from self._streamed(asked, request, stop)

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        """The answer in one piece; when `stop` was asked meanwhile, a `ProviderError` that says so."""
        return self._line.complete(self.body(request, is_streamed=False), stop, self.grammar)

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        return embedded(model, texts, lambda asked: self._line.embed(asked, stop))

    def models(self) -> Sequence[Model]:
        return models_of(self._line.get("/models"))

    def check_key(self) -> str:
        """A sentence on what the key is good for; a bad one is a `ProviderError`."""
        return f"{self._line.host} answers and offers {plural(len(self.models()), 'model')}."

    def settle(self, upstream_id: str) -> Usage | None:
        return None

    def body(self, request: ModelRequest, *, is_streamed: bool) -> dict[str, Any]:
        is_openai = self._line.host == "api.openai.com"
        return request_body(request, self.continuation, is_streamed=is_streamed, is_openai=is_openai)

    def _streamed(self, asked: dict[str, Any], request: ModelRequest, stop: Stop) -> Generator[Event, None, None]:
        return self._line.stream(asked, stop, self.grammar, Started(request.model, self.name))
