"""The provider for OpenAI-compatible servers: OpenAI, Ollama, llama.cpp, vLLM, SGLang and others."""

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of, list_of
from webapp.base.words import plural
from webapp.models.providers import pictures, recordings, voices
from webapp.models.providers.base import (
    ABILITIES,
    EFFORTS,
    SAMPLERS,
    Continuation,
    Drawn,
    Embedded,
    Model,
    ModelRequest,
    PictureRequest,
    ProviderError,
    Recording,
    Reply,
    Spoken,
    ToolCall,
    Transcribed,
    Turn,
)
from webapp.models.providers.calls import (
    MOST_KEPT,
    Calls,
    arguments_in,
    as_json,
    kept_as_text,
    kept_in,
    object_in,
    origin_of,
    parameters_of,
    sent_id,
    sent_name,
)
from webapp.models.providers.embeddings import embedded
from webapp.models.providers.inline_pictures import addresses_in, is_picture
from webapp.models.providers.local_lengths import with_lengths
from webapp.models.providers.provider_http import ProviderHttp, ReplyFormat
from webapp.models.providers.reasoning import Mode, split, split_whole
from webapp.models.providers.values import TextCleaner, cost_of, count_of, dicts_of, id_of, name_of, only, openai_usage
from webapp.models.upstream import Multipart, MultipartFile, Upstream
from webapp.streaming.events import Delta, Event, Pictured, Reasoning, Started, Text, Usage
from webapp.streaming.stop import Stop

# The sampling parameters that OpenAI accepts; it rejects the others.
OPENAIS = ("frequency_penalty", "presence_penalty")
OPENAI = "api.openai.com"
# OpenAI's models that reject `parallel_tool_calls`; and those that, at this address, call tools only without reasoning.
CALLS_SINGLY = re.compile(r"o[1-9]")
CALLS_WITHOUT_THINKING = re.compile(r"gpt-(?:5\.(?:[2-9]|\d\d)|[6-9])(?!.*-chat)")
# Servers that reject ids of calls by others.
ANY_ID = re.compile(r".*", re.DOTALL)
ACCEPTED_IDS = {OPENAI: re.compile(r".{1,40}"), "api.mistral.ai": re.compile(r"[a-zA-Z0-9]{9}")}
# Servers that reject messages of models without their reasoning as soon as tools are offered, even if another model wrote them.
WANT_THOUGHTS = {"api.deepseek.com", "api.moonshot.ai", "api.moonshot.cn"}
# Models with an adjustable reasoning effort, by the names that every server uses.
REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss)(?![a-z])(?!.*-chat)")
# The values of `finish_reason` that servers use for a reached limit; every value that is not in these sets means that the model
# finished.
LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
# OpenRouter lists 500.
MOST_MODELS = 3000
FILTERED = {"content_filter", "content_filtered", "safety", "refusal"}
# The names of reasoning in messages, and of the text in each type of its details, which streams send in pieces.
THOUGHT_NAMES = ("reasoning", "reasoning_content")
DETAILS = "reasoning_details"
DETAIL_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}
# Beside a call, Gemini's signature of the thought before it.
EXTRA = "extra_content"


class OpenAIReader:
    """Parses the chunks of one streamed reply; `finish` is empty until the terminal marker has been seen.

    With `keeps_id`, the answer's id is kept, for a server that can report the cost of an answer later. Without `calls`, none
    were asked for, and those in the reply are ignored.
    """

    # Chunks can follow the terminal marker, until [DONE].
    is_over = False

    def __init__(self, known: Usage, calls: Calls | None = None, *, keeps_id: bool = False) -> None:
        self.finish = ""
        self._known, self._keeps_id, self._calls = known, keeps_id, calls
        self._thoughts = Thoughts()
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
        yield from (Pictured(address=address) for address in addresses_in(message))
        if self._calls is not None:
            self._thoughts.add(message)
            for call in dicts_of(message.get("tool_calls")):
                yield from self._calls.take(call.get("index"), *parts_of(call))
        self.finish = self.finish or reason_of(choice)

    @property
    def kept(self) -> str:
        return kept_of(self._calls, self._thoughts)

    def plain(self, chunk: Mapping[str, Any]) -> Text | None:
        choice = self._ours(chunk)
        message = dict_of(choice.get("delta") or choice.get("message"))
        is_known = identified(chunk, self._known, keeps_id=self._keeps_id) == self._known
        if not is_known or openai_usage(chunk.get("usage")) or reason_of(choice):
            return None
        if self._calls is not None and (message.get("tool_calls") or message.get(DETAILS)):
            return None
        if addresses_in(message):
            return None
        return only(words_of(message), thought_of(message))

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        if text := self._cleaners[kind].take(text):
            if kind is Reasoning and self._calls is not None:
                self._thoughts.say(text)
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


class Thoughts:
    """The reasoning of one reply as its server wants it back with the calls: unchanged, by the name under which it came."""

    def __init__(self) -> None:
        self._name, self._words = "", list[str]()
        self._details, self._detail_words = list[JsonObject](), list[list[str]]()
        self._size = 0

    def say(self, text: str) -> None:
        self._size += len(text)
        if self._size <= MOST_KEPT:
            self._words.append(text)

    def add(self, message: Mapping[str, Any]) -> None:
        """Takes a message's details, and the name of its reasoning, whose text is passed to `say`."""
        self._name = self._name or next((name for name in THOUGHT_NAMES if message.get(name)), "")
        for detail in dicts_of(message.get(DETAILS)):
            self._size += len(as_json(detail))
            if self._size <= MOST_KEPT:
                self._add(detail)

    def add_whole(self, message: Mapping[str, Any]) -> None:
        """Takes the message of a reply in one piece."""
        self.add({**message, DETAILS: None})
        self.say(thought_of(message))
        # Not joined, as they are complete.
        self._details = dicts_of(message.get(DETAILS))
        self._detail_words = [[] for _ in self._details]

    @property
    def message(self) -> JsonObject:
        """The fields of the message that is sent back."""
        if self._size > MOST_KEPT:
            return {}
        if self._details:
            joined = zip(self._details, self._detail_words, strict=True)
            return {DETAILS: [{**detail, **_said(detail, words)} for detail, words in joined]}
        return {self._name: "".join(self._words)} if self._name else {}

    def _add(self, detail: JsonObject) -> None:
        name = DETAIL_TEXTS.get(str(detail.get("type")), "")
        text = detail.get(name)
        if name and self._details and self._continues(detail, text):
            self._details[-1] |= {key: value for key, value in detail.items() if value is not None and key != name}
        else:
            self._details.append(dict(detail))
            self._detail_words.append([])
        if isinstance(text, str):
            self._detail_words[-1].append(text)

    def _continues(self, detail: Mapping[str, Any], text: Any) -> bool:
        last = self._details[-1]
        # What is signed is complete.
        is_over = bool(text and last.get("signature"))
        return not is_over and all(last.get(key) == detail.get(key) for key in ("type", "index"))


def _said(detail: Mapping[str, Any], words: Sequence[str]) -> dict[str, str]:
    return {DETAIL_TEXTS[str(detail["type"])]: "".join(words)} if words else {}


def kept_of(calls: Calls | None, thoughts: Thoughts) -> str:
    """Returns what the server wants back with the calls; empty without calls."""
    return kept_as_text(calls.origin, {"message": thoughts.message, "calls": calls.extras}) if calls else ""


def parts_of(call: Mapping[str, Any]) -> tuple[Any, Any, Any, Mapping[str, Any]]:
    """Returns the id, name and arguments of a call or of a piece of one, and what else the server wants back with it."""
    function = dict_of(call.get("function"))
    extra = {EXTRA: call[EXTRA]} if dict_of(call.get(EXTRA)) else {}
    return call.get("id"), function.get("name"), function.get("arguments"), extra


def identified(chunk: Mapping[str, Any], usage: Usage, *, keeps_id: bool) -> Usage:
    """Returns the usage with the model and the id of the answer; the first values count."""
    if usage.model and (usage.upstream_id or not keeps_id):
        return usage
    id = id_of(chunk.get("id")) if keeps_id else ""
    return Usage(model=usage.model or name_of(chunk.get("model")), upstream_id=usage.upstream_id or id)


def reply_of(
    value: Mapping[str, Any], earlier_usage: Usage, calls: Calls | None = None, *, keeps_id: bool = False
) -> Reply | None:
    """Parses a whole reply; returns None if it has no choice."""
    for choice in dicts_of(value.get("choices")):
        message = dict_of(choice.get("message") or choice.get("delta"))
        text, thought = TextCleaner().take(words_of(message)), TextCleaner().take(thought_of(message))
        earlier_usage = identified(value, earlier_usage, keeps_id=keeps_id)
        usage = earlier_usage.updated(openai_usage(value.get("usage")) or Usage())
        pictures = tuple(Pictured(address=address) for address in addresses_in(message))
        reply = Reply(
            text,
            thought,
            usage if usage != Usage() else None,
            reason_of(choice) or "stop",
            earlier_usage.model,
            pictures=pictures,
        )
        return reply if calls is None else _with_calls(reply, message, calls)
    return None


def _with_calls(reply: Reply, message: Mapping[str, Any], calls: Calls) -> Reply:
    for index, call in enumerate(dicts_of(message.get("tool_calls"))):
        calls.add(index, *parts_of(call))
    thoughts = Thoughts()
    thoughts.add_whole(message)
    return replace(reply, reason=calls.reason(reply.reason), calls=calls.all, kept=kept_of(calls, thoughts))


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
        modalities=_modalities(model),
        # As Together and LiteLLM say it.
        draws=model.get("type") == "image" or model.get("mode") == "image_generation",
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


def _modalities(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a model answers with, if it makes pictures, in the order in which OpenRouter's examples ask for it."""
    modalities = list_of(dict_of(model.get("architecture")).get("output_modalities"))
    return tuple(name for name in ("image", "text") if name in modalities) if "image" in modalities else ()


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
    words = _joined(message.get("content"), "text")
    return ("" if is_picture(words) else words) + _joined(message.get("refusal"), "text")


def thought_of(message: Mapping[str, Any]) -> str:
    """Returns the reasoning once: servers in transition send it under two names, OpenRouter also as details."""
    return (
        _joined(message.get("reasoning"), "text")
        or _joined(message.get("reasoning_content"), "text")
        or _joined(message.get("content"), "thinking")
        or "".join(_joined(part.get("text") or part.get("summary"), "text") for part in dicts_of(message.get(DETAILS)))
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


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool, host: str = "") -> JsonObject:
    """Builds the body of a chat completion, with only the parameters that were set and that the server at `host` accepts."""
    is_openai = host == OPENAI
    sent_messages = messages(request, continuation, host=host)
    payload: JsonObject = {"model": request.model, "messages": sent_messages, "stream": is_streamed}
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
    if request.modalities:
        payload["modalities"] = list(request.modalities)
    if request.is_json:
        payload["response_format"] = {"type": "json_object"}
    if request.schema:
        schema_format = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        payload["response_format"] = {"type": "json_schema", "json_schema": schema_format}
    return {**payload, **_tools(request, is_openai=is_openai)} if request.tools else payload


def _tools(request: ModelRequest, *, is_openai: bool) -> JsonObject:
    """Returns the parameters with the tools and how they can be called."""
    functions = (
        {"name": tool.name, "description": tool.description, "parameters": parameters_of(tool.schema)}
        | ({} if tool.is_strict is None else {"strict": tool.is_strict})
        for tool in request.tools
    )
    payload: JsonObject = {"tools": [{"type": "function", "function": function} for function in functions]}
    if request.tool_choice in ("none", "required"):
        payload["tool_choice"] = request.tool_choice
    elif request.tool_choice:
        payload["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice}}
    if not request.has_parallel_calls and not (is_openai and CALLS_SINGLY.match(request.model)):
        payload["parallel_tool_calls"] = False
    if is_openai and CALLS_WITHOUT_THINKING.match(request.model):
        payload["reasoning_effort"] = "none"
    return payload


def _samplers(request: ModelRequest, supported_names: Sequence[str]) -> dict[str, float]:
    samplers = {name: value for name, value in request.samplers.items() if name in supported_names}
    # The name that llama.cpp and programs built on it use.
    return {**samplers, "repeat_penalty": samplers["repetition_penalty"]} if "repetition_penalty" in samplers else samplers


def efforts_of(model: str) -> tuple[str, ...]:
    """Returns the reasoning efforts that a model accepts, judging by its name; other models reject the parameter."""
    return ("low", "medium", "high") if REASONS.search(model) else ()


def messages(request: ModelRequest, continuation: Continuation, *, host: str = "") -> list[JsonObject]:
    """Returns the messages; the start of an answer to be continued is sent in the form that this server supports."""
    turns = [message for turn in request.sent_turns for message in _messages(turn, request, host)]
    if not request.is_continuation:
        return turns
    if continuation == "instruct":
        return [*turns, {"role": "user", "content": request.continue_instruction}]
    if continuation == "prefix":
        return [*turns[:-1], {**turns[-1], "prefix": True}]
    return turns


def _messages(turn: Turn, request: ModelRequest, host: str) -> Iterator[JsonObject]:
    """Yields the message of a turn; each result of a call has its own."""
    accepted = ACCEPTED_IDS.get(host, ANY_ID)
    for result in turn.results:
        yield {"role": "tool", "tool_call_id": sent_id(result.id, accepted), "content": result.shown}
    if turn.role == "tool":
        return
    message: JsonObject = {"role": turn.role, "content": _content(turn)}
    if turn.role == "assistant" and request.tools and host in WANT_THOUGHTS:
        message["reasoning_content"] = ""
    yield message | _called(turn, request, host) if turn.calls else message


def _called(turn: Turn, request: ModelRequest, host: str) -> JsonObject:
    """Returns the fields of a message with calls, and what the server wants back with them."""
    kept, accepted = kept_in(turn, origin_of(request, host)), ACCEPTED_IDS.get(host, ANY_ID)
    thoughts = {name: value for name, value in dict_of(kept.get("message")).items() if name in (*THOUGHT_NAMES, DETAILS)}
    extras = dict_of(kept.get("calls"))
    calls = [_call(call, accepted, dict_of(extras.get(call.id)).get(EXTRA)) for call in turn.calls]
    return {"content": _content(turn) or None, "tool_calls": calls, **thoughts}


def _call(call: ToolCall, accepted: re.Pattern[str], extra: Any) -> JsonObject:
    # The model's own text where it can be read, because it is in the server's cache.
    arguments = call.arguments if object_in(call.arguments) is not None else as_json(arguments_in(call))
    function = {"name": sent_name(call.tool), "arguments": arguments}
    return {"id": sent_id(call.id, accepted), "type": "function", "function": function, **({EXTRA: extra} if extra else {})}


def _content(turn: Turn) -> str | list[JsonObject]:
    """Returns plain text if there are no pictures, as not every server accepts a list of parts."""
    if not turn.pictures:
        return turn.content
    urls = [f"data:{picture.media_type};base64,{picture.base64}" for picture in turn.pictures]
    words = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    return [*words, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]


def _edit(request: PictureRequest) -> Multipart:
    """Returns the request that changes pictures; one is sent as one, because not every server takes a list."""
    field = "image" if len(request.originals) == 1 else "image[]"
    files = [
        MultipartFile(field, original.path, original.media_type, f"{number}.{pictures.ending(original.media_type)}")
        for number, original in enumerate(request.originals, 1)
    ]
    return Multipart([(name, str(value)) for name, value in pictures.payload(request).items()], files)


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
        reply = self._http.complete(self.body(request, is_streamed=False), stop, self.reply_format, self._calls(request))
        return split_whole(reply, self._mode(request))

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        return embedded(model, texts, lambda payload: self._http.embed(payload, stop))

    def draw(self, request: PictureRequest, stop: Stop) -> Drawn:
        if request.originals:
            return self._http.draw(pictures.EDITS, _edit(request), stop)
        return self._http.draw(pictures.PATH, pictures.payload(request), stop)

    def transcribe(self, model: str, recording: Recording, stop: Stop) -> Transcribed:
        return self._http.transcribe(recordings.form(model, recording), stop)

    def speak(self, model: str, text: str, voice: str, stop: Stop, *, audio_format: str = "mp3") -> Spoken:
        return self._http.speak(voices.payload(model, text, voice, audio_format), stop, self.reply_format.known)

    def models(self) -> Sequence[Model]:
        listed = self._http.get("/models")
        return with_lengths(models_of(listed), listed, self._http.beside)

    def check_key(self) -> str:
        """Returns a confirmation that the key works; raises `ProviderError` for a bad one."""
        return f"{self._http.label} is working and offers {plural(len(self.models()), 'model')}."

    def settle(self, upstream_id: str) -> Usage | None:
        return None

    def body(self, request: ModelRequest, *, is_streamed: bool) -> JsonObject:
        return body(request, self.continuation, is_streamed=is_streamed, host=self._http.host)

    def _calls(self, request: ModelRequest) -> Calls | None:
        return Calls(request, self._http.host) if request.takes_calls else None

    def _streamed(self, payload: JsonObject, request: ModelRequest, stop: Stop) -> Generator[Event, None, None]:
        started, calls = Started(request.model, self.name), self._calls(request)
        with closing(self._http.stream(payload, stop, self.reply_format, started, calls)) as events:
            yield from split(events, self._mode(request))

    def _mode(self, request: ModelRequest) -> Mode:
        # A model that is given the start of its answer continues in the middle of it, so no reasoning comes first.
        is_within = request.is_continuation and self.continuation != "instruct"
        return "off" if is_within else self._modes.get(request.model, self._reasoning_tags)
