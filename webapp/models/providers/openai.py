"""The provider for OpenAI-compatible servers: OpenAI, Ollama, llama.cpp, vLLM, SGLang and others."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from webapp.base.words import plural
from webapp.models.providers.base import Continuation, Embedded, Model, ModelRequest, ProviderError, Reply
from webapp.models.providers.embeddings import embedded
from webapp.models.providers.openai_reply import OpenAIReader, models_of, reply_of
from webapp.models.providers.openai_request import body as request_body
from webapp.models.providers.provider_http import ProviderHttp, ReplyFormat
from webapp.models.providers.reasoning import Mode, split, split_whole
from webapp.models.upstream import Upstream
from webapp.streaming.events import Event, Started, Usage
from webapp.streaming.stop import Stop


class OpenAIProvider:
    """Requests answers from one server; `options` are those of `ProviderHttp`: trust, timeouts, the size of a read."""

    reply_format = ReplyFormat("/chat/completions", OpenAIReader, reply_of)

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str,
        upstream: Upstream,
        *,
        continuation: Continuation = "instruct",
        reasoning_tags: Mode = "auto",
        modes: Mapping[str, Mode] | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.name, self.continuation = name, continuation
        self._reasoning_tags, self._modes = reasoning_tags, modes or {}
        self._refuses_options = False
        key = api_key.strip()
        credentials = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = ProviderHttp(base_url, key, upstream, headers={**(headers or {}), **credentials}, **options)

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        payload, has_begun = self.body(request, is_streamed=True), False
        if self._refuses_options:
            payload.pop("stream_options", None)
        try:
            with closing(self._streamed(payload, request, stop)) as events:
                for event in events:
                    has_begun = True
                    yield event
            return
        except ProviderError as refused:
            # Some older servers reject `stream_options`; without it they answer.
            if has_begun or "stream_options" not in payload or "stream_options" not in refused.message:
                raise
        self._refuses_options = True
        del payload["stream_options"]
        yield from self._streamed(payload, request, stop)

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        """Returns the answer in one piece; raises `ProviderError` when `stop` is set before it is complete."""
        reply = self._http.complete(self.body(request, is_streamed=False), stop, self.reply_format)
        return split_whole(reply, self._mode(request))

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        return embedded(model, texts, lambda payload: self._http.embed(payload, stop))

    def models(self) -> Sequence[Model]:
        return models_of(self._http.get("/models"))

    def check_key(self) -> str:
        """Returns a confirmation that the key works; raises `ProviderError` for a bad one."""
        return f"{self._http.label} is working and offers {plural(len(self.models()), 'model')}."

    def settle(self, upstream_id: str) -> Usage | None:
        return None

    def body(self, request: ModelRequest, *, is_streamed: bool) -> dict[str, Any]:
        is_openai = self._http.host == "api.openai.com"
        return request_body(request, self.continuation, is_streamed=is_streamed, is_openai=is_openai)

    def _streamed(self, payload: dict[str, Any], request: ModelRequest, stop: Stop) -> Generator[Event, None, None]:
        with closing(self._http.stream(payload, stop, self.reply_format, Started(request.model, self.name))) as events:
            yield from split(events, self._mode(request))

    def _mode(self, request: ModelRequest) -> Mode:
        # A model that is given the start of its answer continues in the middle of it, so no reasoning comes first.
        is_within = request.is_continuation and self.continuation != "instruct"
        return "off" if is_within else self._modes.get(request.model, self._reasoning_tags)
