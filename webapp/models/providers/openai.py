"""The provider for OpenAI-compatible servers: OpenAI, Ollama, llama.cpp, vLLM, SGLang and others."""

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from webapp.base.words import plural
from webapp.models.providers.base import (
    ABILITIES,
    EFFORTS,
    SAMPLERS,
    Continuation,
    Embedded,
    Model,
    ModelRequest,
    ProviderError,
    Reply,
    Turn,
)
from webapp.models.providers.embeddings import embedded
from webapp.models.providers.provider_http import ProviderHttp, ReplyFormat
from webapp.models.providers.reasoning import Mode, split, split_whole
from webapp.models.providers.values import (
    TextCleaner,
    cost_of,
    count_of,
    dict_of,
    dicts_of,
    id_of,
    list_of,
    name_of,
    only,
    openai_usage,
)
from webapp.models.upstream import Upstream
from webapp.streaming.events import Delta, Event, Reasoning, Started, Text, Usage
from webapp.streaming.stop import Stop

# The sampling parameters that OpenAI accepts; it rejects the others.
OPENAIS = ("frequency_penalty", "presence_penalty")
# Models with an adjustable reasoning effort, by the names that every server uses.
REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss)(?![a-z])(?!.*-chat)")
# The values of `finish_reason` that servers use for a reached limit; every value that is not in these sets means that the model
# finished.
LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
# OpenRouter lists 500.
MOST_MODELS = 3000
FILTERED = {"content_filter", "content_filtered", "safety", "refusal"}


class OpenAIReader:
    """Parses the chunks of one streamed reply; `finish` is empty until the terminal marker has been seen.

    With `keeps_id`, the answer's id is kept, for a server that can report the cost of an answer later.
    """

    # Chunks can follow the terminal marker, until [DONE].
    is_over = False

    def __init__(self, known: Usage, *, keeps_id: bool = False) -> None:
        self.finish = ""
        self._known, self._keeps_id = known, keeps_id
        self._counted: Usage | None = None
        self._index: Any = None
        self._cleaners: dict[type[Text], TextCleaner] = {Delta: TextCleaner(), Reasoning: TextCleaner()}

    @property
    def usage(self) -> Usage | None:
        return self._known.updated(self._counted) if self._counted else None

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """Yields what the chunk adds; the last usage and the first finish reason count."""
        if (usage := identified(chunk, self._known, keeps_id=self._keeps_id)) != self._known:
            self._known = usage
            yield usage
        self._counted = openai_usage(chunk.get("usage")) or self._counted
        choice = self._ours(chunk)
        message = dict_of(choice.get("delta") or choice.get("message"))
        yield from self.text_events(Reasoning, thought_of(message))
        yield from self.text_events(Delta, words_of(message))
        self.finish = self.finish or reason_of(choice)

    def plain(self, chunk: Mapping[str, Any]) -> Text | None:
        choice = self._ours(chunk)
        message = dict_of(choice.get("delta") or choice.get("message"))
        is_known = identified(chunk, self._known, keeps_id=self._keeps_id) == self._known
        if not is_known or openai_usage(chunk.get("usage")) or reason_of(choice):
            return None
        return only(words_of(message), thought_of(message))

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        if text := self._cleaners[kind].take(text):
            yield kind(text)

    def _ours(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        # One answer was requested. A server can number it in any way, so the first one seen is used.
        for choice in dicts_of(chunk.get("choices")):
            index = choice.get("index", self._index or 0)
            if self._index is None:
                self._index = index
            if index == self._index:
                return choice
        return {}


def identified(chunk: Mapping[str, Any], usage: Usage, *, keeps_id: bool) -> Usage:
    """Returns the usage with the model and the id of the answer; the first values count."""
    if usage.model and (usage.upstream_id or not keeps_id):
        return usage
    id = id_of(chunk.get("id")) if keeps_id else ""
    return Usage(model=usage.model or name_of(chunk.get("model")), upstream_id=usage.upstream_id or id)


def reply_of(value: Mapping[str, Any], earlier_usage: Usage, *, keeps_id: bool = False) -> Reply | None:
    """Parses a whole reply; returns None if it has no choice."""
    for choice in dicts_of(value.get("choices")):
        message = dict_of(choice.get("message") or choice.get("delta"))
        text, thought = TextCleaner().take(words_of(message)), TextCleaner().take(thought_of(message))
        earlier_usage = identified(value, earlier_usage, keeps_id=keeps_id)
        usage = earlier_usage.updated(openai_usage(value.get("usage")) or Usage())
        return Reply(text, thought, usage if usage != Usage() else None, reason_of(choice) or "stop", earlier_usage.model)
    return None


def models_of(value: Any) -> tuple[Model, ...]:
    """Parses a list of models, which some servers send as a bare array."""
    listed = value.get("data") or value.get("models") if isinstance(value, dict) else value
    return tuple(_model(model) for model in dicts_of(listed)[:MOST_MODELS] if name_of(model.get("id")))


def _model(model: Mapping[str, Any]) -> Model:
    price = dict_of(model.get("pricing"))
    return Model(
        name_of(model["id"]),
        name_of(model.get("name")) or name_of(model["id"]),
        context_of(model),
        prompt_price=price_of(price.get("prompt")),
        completion_price=price_of(price.get("completion")),
        efforts=_efforts(model),
        takes_schema="structured_outputs" in list_of(model.get("supported_parameters")),
        abilities=_abilities(model),
    )


def context_of(model: Mapping[str, Any]) -> int | None:
    """Returns the context length in tokens, from the fields of OpenRouter, vLLM, others and llama.cpp."""
    named = [model.get(name) for name in ("context_length", "max_model_len", "context_window")]
    meta = dict_of(model.get("meta"))
    return next((size for value in (*named, meta.get("n_ctx"), meta.get("n_ctx_train")) if (size := count_of(value))), None)


def price_of(per_token: Any) -> str:
    """Returns the price of a million tokens; OpenRouter reports that of one, and -1 if it varies."""
    return cost_of(per_token, times=1_000_000) or ""


def _abilities(model: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Returns a model's abilities; OpenRouter reports them, most others don't."""
    parameters = model.get("supported_parameters")
    if not isinstance(parameters, list):
        return None
    seen = list_of(dict_of(model.get("architecture")).get("input_modalities"))
    names = {"vision": "image" in seen, "json": "response_format" in parameters or "structured_outputs" in parameters}
    return tuple(ability for ability in ABILITIES if names.get(ability, ability in parameters))


def _efforts(model: Mapping[str, Any]) -> tuple[str, ...]:
    reasoning, parameters = dict_of(model.get("reasoning")), model.get("supported_parameters")
    if isinstance(supported := reasoning.get("supported_efforts"), list):
        return tuple(
            effort for effort in EFFORTS if effort in supported and not (effort == "none" and reasoning.get("mandatory"))
        )
    if isinstance(parameters, list):
        return ("low", "medium", "high") if "reasoning" in parameters or "reasoning_effort" in parameters else ()
    return efforts_of(str(model["id"]))


def reason_of(choice: Mapping[str, Any]) -> str:
    finish = choice.get("finish_reason")
    if not isinstance(finish, str) or not finish or finish == "error":
        return ""
    word = finish.lower()
    return "length" if word in LENGTH else "content_filter" if word in FILTERED else "stop"


def words_of(message: Mapping[str, Any]) -> str:
    """Returns the text for the person: the content, and a refusal, which some servers send in a separate field."""
    return _joined(message.get("content"), "text") + _joined(message.get("refusal"), "text")


def thought_of(message: Mapping[str, Any]) -> str:
    """Returns the reasoning once: servers in transition send it under two names, OpenRouter also as details."""
    return (
        _joined(message.get("reasoning"), "text")
        or _joined(message.get("reasoning_content"), "text")
        or _joined(message.get("content"), "thinking")
        or "".join(
            _joined(part.get("text") or part.get("summary"), "text") for part in dicts_of(message.get("reasoning_details"))
        )
    )


def _joined(content: Any, kind: str) -> str:
    if not content:
        return ""
    if isinstance(content, str):
        return content if kind == "text" else ""
    return "".join(_inner(part.get(kind)) for part in dicts_of(content) if part.get("type", "text") == kind)


def _inner(content: Any) -> str:
    """Returns the text of a part, which Mistral splits into parts again; no server nests deeper."""
    if isinstance(content, str):
        return content
    return "".join(text for part in dicts_of(content) if isinstance(text := part.get("text"), str))


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool, is_openai: bool = False) -> dict[str, Any]:
    """Builds the body of a chat completion, with only the parameters that were set and that this server accepts."""
    payload: dict[str, Any] = {"model": request.model, "messages": messages(request, continuation), "stream": is_streamed}
    if is_streamed:
        payload["stream_options"] = {"include_usage": True}
    # OpenAI's reasoning models reject every temperature but their default, and the other sampling parameters.
    if not (is_openai and efforts_of(request.model)):
        parameters = {"temperature": request.temperature, "top_p": request.top_p, "stop": list(request.stop) or None}
        payload |= {name: value for name, value in parameters.items() if value is not None}
        payload |= _samplers(request, OPENAIS if is_openai else SAMPLERS)
    if request.max_tokens:
        # OpenAI's reasoning models also reject `max_tokens`, while most other servers know only that.
        payload["max_completion_tokens" if is_openai else "max_tokens"] = request.max_tokens
    if request.effort in efforts_of(request.model):
        payload["reasoning_effort"] = request.effort
    if request.is_json:
        payload["response_format"] = {"type": "json_object"}
    if request.schema:
        schema_format = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        payload["response_format"] = {"type": "json_schema", "json_schema": schema_format}
    return payload


def _samplers(request: ModelRequest, supported_names: Sequence[str]) -> dict[str, float]:
    samplers = {name: value for name, value in request.samplers.items() if name in supported_names}
    # The name that llama.cpp and programs built on it use.
    return {**samplers, "repeat_penalty": samplers["repetition_penalty"]} if "repetition_penalty" in samplers else samplers


def efforts_of(model: str) -> tuple[str, ...]:
    """Returns the reasoning efforts that a model accepts, judging by its name; other models reject the parameter."""
    return ("low", "medium", "high") if REASONS.search(model) else ()


def messages(request: ModelRequest, continuation: Continuation) -> list[dict[str, Any]]:
    """Returns the messages; the start of an answer to be continued is sent in the form that this server supports."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": _content(turn)} for turn in request.turns]
    if not request.is_continuation:
        return turns
    if continuation == "instruct":
        return [*turns, {"role": "user", "content": request.continue_instruction}]
    if continuation == "prefix":
        return [*turns[:-1], {**turns[-1], "prefix": True}]
    return turns


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Returns plain text if there are no pictures, as not every server accepts a list of parts."""
    if not turn.pictures:
        return turn.content
    urls = [f"data:{picture.media_type};base64,{picture.base64}" for picture in turn.pictures]
    words = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    return [*words, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]


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
        self.name = name
        self.continuation: Continuation = continuation
        self._reasoning_tags: Mode = reasoning_tags
        self._modes = modes or {}
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
        except ProviderError as provider_error:
            # Some older servers reject `stream_options`; without it they answer.
            if has_begun or "stream_options" not in payload or "stream_options" not in provider_error.message:
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
        return body(request, self.continuation, is_streamed=is_streamed, is_openai=is_openai)

    def _streamed(self, payload: dict[str, Any], request: ModelRequest, stop: Stop) -> Generator[Event, None, None]:
        with closing(self._http.stream(payload, stop, self.reply_format, Started(request.model, self.name))) as events:
            yield from split(events, self._mode(request))

    def _mode(self, request: ModelRequest) -> Mode:
        # A model that is given the start of its answer continues in the middle of it, so no reasoning comes first.
        is_within = request.is_continuation and self.continuation != "instruct"
        return "off" if is_within else self._modes.get(request.model, self._reasoning_tags)
