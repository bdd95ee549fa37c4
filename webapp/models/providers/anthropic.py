"""The provider for Anthropic's Messages API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.models.providers.base import (
    ABILITIES,
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
    ToolResult,
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
    origin_of,
    parameters_of,
    sent_id,
    sent_name,
)
from webapp.models.providers.provider_http import ProviderHttp, ReplyFormat
from webapp.models.providers.values import TextCleaner, count_of, dicts_of, name_of, only
from webapp.models.upstream import Upstream, base_address
from webapp.streaming.events import Delta, Event, Reasoning, Started, Text, Usage
from webapp.streaming.stop import Stop

BASE_URL = "https://api.anthropic.com/v1"
VERSION = "2023-06-01"
MOST_PAGES = 10
# The protocol requires a user message first; some chats begin with the character's greeting.
OPENING = "(The conversation begins.)"
LEAST_TOKENS = 4096
# The ids of calls that the API accepts, and its words for `tool_choice`.
ACCEPTED_IDS = re.compile(r"[a-zA-Z0-9_-]+")
CHOICES = {"": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}
# The types of blocks with reasoning, and those whose order is kept.
THOUGHTS = ("thinking", "redacted_thinking")
KEPT_TYPES = (*THOUGHTS, "text", "tool_use")
# Every other reason means that the model finished.
REASONS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


class AnthropicReader:
    """Parses the events of one streamed message; the terminal marker is `message_stop`, and nothing follows it.

    Without `calls`, none were asked for, and those in the message are ignored.
    """

    def __init__(self, known: Usage, calls: Calls | None = None) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._known, self._reason, self._calls = known, "stop", calls
        self._blocks = Blocks()
        self._cleaners: dict[type[Text], TextCleaner] = {Delta: TextCleaner(), Reasoning: TextCleaner()}

    @property
    def is_over(self) -> bool:
        return bool(self.finish)

    def take(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """Yields what the event adds; unknown types add nothing."""
        match event.get("type"):
            case "message_start":
                yield from self._begin(dict_of(event.get("message")))
            case "content_block_start":
                block = dict_of(event.get("content_block"))
                if self._calls is not None:
                    self._blocks.begin(block)
                    yield from _begun_call(event.get("index"), block, self._calls)
                yield from self._deltas(block)
            case "content_block_delta":
                delta = dict_of(event.get("delta"))
                yield from self._deltas(delta)
                if self._calls is not None and delta.get("type") == "input_json_delta":
                    yield from self._calls.take(event.get("index"), "", "", delta.get("partial_json"))
                elif self._calls is not None and delta.get("type") == "signature_delta":
                    self._blocks.sign(delta.get("signature"))
            case "message_delta":
                self._reason = reason_of(dict_of(event.get("delta"))) or self._reason
                # It counts from the start of the answer, not from the previous event.
                if usage := usage_of(event.get("usage")):
                    self.usage = (self.usage or self._known).updated(usage)
            case "message_stop":
                self.finish = self._reason

    def plain(self, event: Mapping[str, Any]) -> Text | None:
        part = dict_of(event.get("delta")) if event.get("type") == "content_block_delta" else {}
        return only(_text(part, "text"), _text(part, "thinking"))

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        if kind is Reasoning and text and self._calls is not None:
            # Unchanged, because it is signed.
            self._blocks.think(text)
        if text := self._cleaners[kind].take(text):
            if kind is Delta and self._calls is not None:
                self._blocks.say(text)
            yield kind(text)

    @property
    def kept(self) -> str:
        return self._blocks.kept(self._calls)

    def _begin(self, message: Mapping[str, Any]) -> Iterator[Event]:
        # The output tokens are not known yet: the number at this point counts only the first token.
        usage = usage_of(message.get("usage")) or Usage()
        self._known = self._known.updated(Usage(usage.input_tokens, model=name_of(message.get("model"))))
        yield self._known

    def _deltas(self, part: Mapping[str, Any]) -> Iterator[Event]:
        yield from self.text_events(Reasoning, _text(part, "thinking"))
        yield from self.text_events(Delta, _text(part, "text"))


def _begun_call(index: Any, block: Mapping[str, Any], calls: Calls) -> Iterator[Event]:
    if block.get("type") == "tool_use":
        # The arguments follow, but some relays send them here; an empty object is only the beginning.
        yield from calls.take(index, block.get("id"), block.get("name"), block.get("input") or None)


class Blocks:
    """The blocks of one message, in their order, as the API wants them back with the calls: thoughts unchanged and signed.

    Of texts only the length is kept, and of calls only their places, as a turn has both.
    """

    def __init__(self) -> None:
        self._blocks: list[JsonObject] = []
        # The pieces of each block of thinking, and of its signature.
        self._thoughts: list[list[str]] = []
        self._signatures: list[list[str]] = []
        self._has_thought, self._size = False, 0

    def begin(self, block: Mapping[str, Any]) -> None:
        """Begins a block, with what it has beside its text."""
        kind = block.get("type")
        if kind in THOUGHTS:
            self._append({name: value for name, value in block.items() if name != "thinking"})
        elif kind == "text":
            self._append({"type": kind, "length": 0})
        elif kind == "tool_use":
            self._append({"type": kind})

    def say(self, text: str) -> None:
        """Adds text of the answer; some relays never begin a block."""
        if not self._is_in("text"):
            self.begin({"type": "text"})
        if self._is_in("text"):
            self._blocks[-1]["length"] += len(text)

    def think(self, thought: str) -> None:
        if not self._is_in("thinking"):
            self.begin({"type": "thinking"})
        self._size += len(thought)
        if self._is_in("thinking") and self._size <= MOST_KEPT:
            self._thoughts[-1].append(thought)

    def sign(self, signature: Any) -> None:
        if isinstance(signature, str) and self._is_in("thinking"):
            self._size += len(signature)
            self._signatures[-1].append(signature)

    def kept(self, calls: Calls | None) -> str:
        """Returns what is to be sent back; empty without calls or without thoughts."""
        if not calls or not self._has_thought or self._size > MOST_KEPT:
            return ""
        thoughts, signatures = iter(self._thoughts), iter(self._signatures)
        blocks = [
            {**block, "thinking": "".join(next(thoughts)), **_signed(block, next(signatures))}
            if block["type"] == "thinking"
            else block
            for block in self._blocks
        ]
        return kept_as_text(calls.origin, {"blocks": blocks})

    def _is_in(self, kind: str) -> bool:
        return bool(self._blocks) and self._blocks[-1]["type"] == kind

    def _append(self, block: JsonObject) -> None:
        self._size += len(as_json(block))
        if self._size <= MOST_KEPT:
            self._blocks.append(block)
            if block["type"] == "thinking":
                self._thoughts.append([])
                self._signatures.append([])
            self._has_thought = self._has_thought or block["type"] in THOUGHTS


def _signed(block: Mapping[str, Any], pieces: Sequence[str]) -> dict[str, str]:
    return {"signature": f"{block.get('signature') or ''}{''.join(pieces)}"} if pieces else {}


def reply_of(value: Mapping[str, Any], earlier_usage: Usage, calls: Calls | None = None) -> Reply | None:
    """Parses a whole message; returns None if it is not a message."""
    if not isinstance(value.get("content"), list):
        return None
    parts = dicts_of(value["content"])
    text = TextCleaner().take("".join(_text(part, "text") for part in parts))
    thought = TextCleaner().take("".join(_text(part, "thinking") for part in parts))
    usage = earlier_usage.updated(usage_of(value.get("usage")) or Usage()).updated(Usage(model=name_of(value.get("model"))))
    reply = Reply(text, thought, usage if usage != Usage() else None, reason_of(value) or "stop", usage.model)
    return reply if calls is None else _with_calls(reply, parts, calls)


def _with_calls(reply: Reply, parts: Sequence[Mapping[str, Any]], calls: Calls) -> Reply:
    blocks = Blocks()
    for index, part in enumerate(parts):
        blocks.begin(part)
        if thought := _text(part, "thinking"):
            blocks.think(thought)
        if words := TextCleaner().take(_text(part, "text")):
            blocks.say(words)
        if part.get("type") == "tool_use":
            calls.add(index, part.get("id"), part.get("name"), part.get("input"))
    return replace(reply, reason=calls.reason(reply.reason), calls=calls.all, kept=blocks.kept(calls))


def reason_of(delta: Mapping[str, Any]) -> str:
    reason = delta.get("stop_reason")
    return REASONS.get(reason, "stop") if isinstance(reason, str) and reason else ""


def usage_of(value: Any) -> Usage | None:
    """Returns the token counts; tokens read from or written to the prompt cache count as input."""
    reported = dict_of(value)
    parts = (count_of(reported.get(name)) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))
    # A prompt is never empty, so 0 means unknown: some relays report 0 until they know.
    usage = Usage(sum(part or 0 for part in parts) or None, count_of(reported.get("output_tokens")))
    return None if usage == Usage() else usage


def models_of(value: Any) -> tuple[Model, ...]:
    listed = (model for model in dicts_of(dict_of(value).get("data")) if name_of(model.get("id")))
    return tuple(_model(model) for model in listed if model.get("lifecycle") != "retired")


def _model(model: Mapping[str, Any]) -> Model:
    id, window = name_of(model["id"]), count_of(model.get("max_input_tokens"))
    efforts = _efforts(model)
    able = dict.fromkeys(SAMPLERS, False) | {"reasoning": bool(efforts), "json": False}
    able |= dict.fromkeys(("top_p", "top_k"), traits_of(id).has_temperature)
    abilities = tuple(ability for ability in ABILITIES if able.get(ability, True))
    return Model(id, name_of(model.get("display_name")) or id, window or None, efforts=efforts, abilities=abilities)


def _efforts(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the reasoning efforts it accepts: those listed that a request for its family can express."""
    efforts = EFFORTS[traits_of(str(model["id"])).thinking]
    reported = dict_of(dict_of(model.get("capabilities")).get("effort"))
    if not reported.get("supported"):
        return efforts
    return tuple(level for level in efforts if dict_of(reported.get(level)).get("supported"))


def _text(part: Mapping[str, Any], name: str) -> str:
    text = part.get(name)
    return text if isinstance(text, str) and str(part.get("type")).startswith(name) else ""


@dataclass(frozen=True, slots=True)
class Traits:
    """The parameters that a family of models accepts: `longest` is its longest answer, thinking included."""

    named: re.Pattern[str]
    longest: int = LEAST_TOKENS
    thinking: Literal["", "budget", "adaptive"] = ""
    has_temperature: bool = True


# The first matching row counts; a newer family is treated like the newest known one.
FAMILIES = (
    Traits(re.compile(r"claude-(?:instant|2|3-(?:haiku|sonnet|opus))")),
    Traits(re.compile(r"claude-3-5-"), 8192),
    Traits(re.compile(r"claude-(?:3-7-sonnet|[a-z]+-4(?:-[0-5])?(?:-20\d{6}|-latest|$))"), 32_000, "budget"),
    Traits(re.compile(r"claude-[a-z]+-4-6"), 64_000, "adaptive"),
    Traits(re.compile(r"claude-"), 64_000, "adaptive", has_temperature=False),
    Traits(re.compile(r"")),
)
BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384}
EFFORTS = {"": (), "budget": tuple(BUDGETS), "adaptive": ("low", "medium", "high", "max")}


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool, host: str = "") -> JsonObject:
    """Builds the request body; it contains only what was set, and the token limit, which is required."""
    traits = traits_of(request.model)
    origin = origin_of(request, host)
    system, turns = parted(request.sent_turns)
    if request.is_continuation and continuation != "prefill":
        turns = [*turns, Turn("user", request.continue_instruction)]
    payload: JsonObject = {
        "model": request.model,
        "messages": alternating(turns, origin),
        "max_tokens": request.max_tokens or traits.longest,
        "stream": is_streamed,
    }
    if system:
        payload["system"] = system
    if request.temperature is not None and traits.has_temperature:
        # Other servers allow up to 2.
        payload["temperature"] = min(request.temperature, 1.0)
    elif request.top_p is not None and traits.has_temperature:
        # Newer families reject both together.
        payload["top_p"] = request.top_p
    if "top_k" in request.samplers and traits.has_temperature:
        payload["top_k"] = request.samplers["top_k"]
    if request.stop:
        payload["stop_sequences"] = list(request.stop)
    if request.tools:
        payload |= _tools(request)
    if request.effort in EFFORTS[traits.thinking] and not (
        traits.thinking == "budget" and _calls_without_thinking(request, origin)
    ):
        _think(payload, request.effort, traits)
    return payload


def _tools(request: ModelRequest) -> JsonObject:
    """Returns the parameters with the tools and how they can be called."""
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": parameters_of(tool.schema)} for tool in request.tools
    ]
    named = {"type": "tool", "name": request.tool_choice}
    choice = CHOICES.get(request.tool_choice, named)
    if not request.has_parallel_calls and request.takes_calls:
        return {"tools": tools, "tool_choice": {**choice, "disable_parallel_tool_use": True}}
    return {"tools": tools, "tool_choice": choice} if request.tool_choice else {"tools": tools}


def _calls_without_thinking(request: ModelRequest, origin: str) -> bool:
    """Returns whether a model with a budget for thinking rejects it: if it must call, or has called without its thoughts."""
    if request.takes_calls and request.tool_choice:
        return True
    called = next((turn for turn in reversed(request.sent_turns) if turn.role in ("assistant", "user")), None)
    return called is not None and bool(called.calls) and not kept_in(called, origin)


def traits_of(model: str) -> Traits:
    return next(traits for traits in FAMILIES if traits.named.match(model))


def parted(turns: Sequence[Turn]) -> tuple[str, list[Turn]]:
    """Splits off the system messages at the start; later ones keep their places as user messages."""
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    system = "\n\n".join(turn.content for turn in turns[:first] if turn.content.strip())
    return system, [turn if turn.role == "assistant" else replace(turn, role="user") for turn in turns[first:]]


def alternating(turns: Sequence[Turn], origin: str = "") -> list[JsonObject]:
    """Makes the dialogue valid: roles alternate, the user begins, and no message is empty."""
    merged: list[Turn] = []
    for turn in turns:
        if not (turn.content.strip() or turn.pictures or turn.calls or turn.results):
            continue
        if merged and merged[-1].role == turn.role:
            merged[-1] = _together(merged[-1], turn)
        else:
            merged.append(turn)
    if not merged or merged[0].role != "user":
        merged.insert(0, Turn("user", OPENING))
    if merged[-1].role == "assistant":
        # A prefilled answer that ends in white space is rejected.
        merged[-1] = replace(merged[-1], content=merged[-1].content.rstrip())
    return [{"role": turn.role, "content": _content(turn, origin)} for turn in merged]


def _together(first: Turn, second: Turn) -> Turn:
    return replace(
        first,
        content="\n\n".join(text for text in (first.content, second.content) if text),
        pictures=first.pictures + second.pictures,
        calls=first.calls + second.calls,
        results=first.results + second.results,
        kept=first.kept or second.kept,
    )


def _content(turn: Turn, origin: str) -> str | list[JsonObject]:
    """Returns plain text, or blocks if there is more; results come first, right after their calls."""
    if turn.calls:
        return _called(turn, origin)
    if not turn.pictures and not turn.results:
        return turn.content
    pictures = (
        {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": picture.base64}}
        for picture in turn.pictures
    )
    return [*map(_result, turn.results), *pictures, *_text_block(turn.content)]


def _text_block(text: str) -> list[JsonObject]:
    # An empty text block is rejected.
    return [{"type": "text", "text": text}] if text.strip() else []


def _result(result: ToolResult) -> JsonObject:
    block = {"type": "tool_result", "tool_use_id": sent_id(result.id, ACCEPTED_IDS), "content": result.text}
    return {**block, "is_error": True} if result.is_error else block


def _called(turn: Turn, origin: str) -> list[JsonObject]:
    """Returns the blocks of a message with calls, in the order in which the model wrote them."""
    calls = [
        {"type": "tool_use", "id": sent_id(call.id, ACCEPTED_IDS), "name": sent_name(call.tool), "input": arguments_in(call)}
        for call in turn.calls
    ]
    outline = [block for block in dicts_of(kept_in(turn, origin).get("blocks")) if block.get("type") in KEPT_TYPES]
    lengths = [count_of(block.get("length")) or 0 for block in outline if block.get("type") == "text"]
    is_whole = sum(block.get("type") == "tool_use" for block in outline) == len(calls) and sum(lengths) == len(turn.content)
    if not is_whole:
        thoughts = [block for block in outline if block["type"] in THOUGHTS]
        return [*thoughts, *_text_block(turn.content), *calls]
    blocks: list[JsonObject] = []
    text, next_call = turn.content, iter(calls)
    for block in outline:
        if block.get("type") == "text":
            length = count_of(block.get("length")) or 0
            blocks += _text_block(text[:length])
            text = text[length:]
        else:
            blocks.append(next(next_call) if block.get("type") == "tool_use" else block)
    return blocks


def _think(payload: JsonObject, effort: str, traits: Traits) -> None:
    for name in ("temperature", "top_p", "top_k"):
        payload.pop(name, None)
    if traits.thinking == "adaptive":
        payload["thinking"] = {"type": "adaptive", "display": "summarized"}
        payload["output_config"] = {"effort": effort}
        return
    # The API's limit includes thinking, but ours was set for the answer alone.
    payload["max_tokens"] = min(payload["max_tokens"] + BUDGETS[effort], traits.longest)
    payload["thinking"] = {"type": "enabled", "budget_tokens": min(BUDGETS[effort], payload["max_tokens"] - 1)}


REPLY_FORMAT = ReplyFormat("/messages", AnthropicReader, reply_of, has_pictures=False)


class AnthropicProvider:
    """Requests answers from Anthropic's Messages API.

    Current models reject a prefilled answer, so an answer is continued by `instruct` unless the connection sets `prefill`.
    """

    continuation: Continuation

    def __init__(
        self,
        api_key: str,
        upstream: Upstream,
        *,
        name: str = "anthropic",
        base_url: str = BASE_URL,
        continuation: Continuation = "instruct",
        **options: Any,
    ) -> None:
        self.name, self.continuation = name, "prefill" if continuation == "prefill" else "instruct"
        key = api_key.strip()
        headers = {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}
        self._http = ProviderHttp(_versioned(base_url), key, upstream, headers=headers, **options)

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        payload = body(request, self.continuation, is_streamed=True, host=self._http.host)
        return self._http.stream(payload, stop, REPLY_FORMAT, Started(request.model, self.name), self._calls(request))

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        """Returns the answer in one piece; raises `ProviderError` when `stop` is set before it is complete."""
        payload = body(request, self.continuation, is_streamed=False, host=self._http.host)
        return self._http.complete(payload, stop, REPLY_FORMAT, self._calls(request))

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        raise ProviderError("invalid", "Anthropic has no embedding models. Use a connection of another type for embeddings.")

    def draw(self, request: PictureRequest, stop: Stop) -> Drawn:
        raise ProviderError("invalid", "Anthropic has no models for pictures. Use a connection of another type for pictures.")

    def transcribe(self, model: str, recording: Recording, stop: Stop) -> Transcribed:
        raise ProviderError("invalid", "Anthropic has no models for dictation. Use a connection of another type for dictation.")

    def speak(self, model: str, text: str, voice: str, stop: Stop, *, audio_format: str = "mp3") -> Spoken:
        raise ProviderError("invalid", "Anthropic has no voices. Use a connection of another type for reading aloud.")

    def models(self) -> Sequence[Model]:
        models: list[Model] = []
        after = ""
        for _ in range(MOST_PAGES):
            page = dict_of(self._http.get(f"/models?limit=1000{after}"))
            models += models_of(page)
            last = name_of(page.get("last_id"))
            if not (page.get("has_more") and last):
                break
            after = f"&after_id={quote(last, safe='')}"
        return tuple(models)

    def check_key(self) -> str:
        """Returns a confirmation that the key works; raises `ProviderError` for a bad one."""
        self._http.get("/models?limit=1")
        return f"{self._http.label} accepted the key."

    def settle(self, upstream_id: str) -> Usage | None:
        return None

    def _calls(self, request: ModelRequest) -> Calls | None:
        return Calls(request, self._http.host) if request.takes_calls else None


def _versioned(url: str) -> str:
    """Appends the version to the base URL, which people omit, as Anthropic's own manuals do."""
    address = base_address(url)
    return address if address.endswith("/v1") else f"{address}/v1"
