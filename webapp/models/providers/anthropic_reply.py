"""Parses replies of Anthropic's Messages API. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from webapp.models.providers.anthropic_request import EFFORTS, traits_of
from webapp.models.providers.base import ABILITIES, SAMPLERS, Model, Reply
from webapp.models.providers.values import TextCleaner, count_of, dict_of, dicts_of, name_of, only
from webapp.streaming.events import Delta, Event, Reasoning, Text, Usage

# Every other reason means that the model finished.
REASONS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


class AnthropicReader:
    """Parses the events of one streamed message; the terminal marker is `message_stop`, and nothing follows it."""

    def __init__(self, known: Usage) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._known, self._reason = known, "stop"
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
                yield from self._deltas(dict_of(event.get("content_block")))
            case "content_block_delta":
                yield from self._deltas(dict_of(event.get("delta")))
            case "message_delta":
                self._reason = reason_of(dict_of(event.get("delta"))) or self._reason
                # It counts from the start of the answer, not from the previous event.
                if counted := usage_of(event.get("usage")):
                    self.usage = (self.usage or self._known).updated(counted)
            case "message_stop":
                self.finish = self._reason

    def plain(self, event: Mapping[str, Any]) -> Text | None:
        part = dict_of(event.get("delta")) if event.get("type") == "content_block_delta" else {}
        return only(_text(part, "text"), _text(part, "thinking"))

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        if text := self._cleaners[kind].take(text):
            yield kind(text)

    def _begin(self, message: Mapping[str, Any]) -> Iterator[Event]:
        # The output tokens are not known yet: the number at this point counts only the first token.
        counted = usage_of(message.get("usage")) or Usage()
        self._known = self._known.updated(Usage(counted.input_tokens, model=name_of(message.get("model"))))
        yield self._known

    def _deltas(self, part: Mapping[str, Any]) -> Iterator[Event]:
        yield from self.text_events(Reasoning, _text(part, "thinking"))
        yield from self.text_events(Delta, _text(part, "text"))


def reply_of(value: Mapping[str, Any], known: Usage) -> Reply | None:
    """Parses a whole message; returns None if it is not a message."""
    if not isinstance(value.get("content"), list):
        return None
    parts = dicts_of(value["content"])
    text = TextCleaner().take("".join(_text(part, "text") for part in parts))
    thought = TextCleaner().take("".join(_text(part, "thinking") for part in parts))
    usage = known.updated(usage_of(value.get("usage")) or Usage()).updated(Usage(model=name_of(value.get("model"))))
    return Reply(text, thought, usage if usage != Usage() else None, reason_of(value) or "stop", usage.model)


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
    abilities = tuple(each for each in ABILITIES if able.get(each, True))
    return Model(id, name_of(model.get("display_name")) or id, window or None, efforts=efforts, abilities=abilities)


def _efforts(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the reasoning efforts it accepts: those listed that a request for its family can express."""
    known = EFFORTS[traits_of(str(model["id"])).thinking]
    reported = dict_of(dict_of(model.get("capabilities")).get("effort"))
    if not reported.get("supported"):
        return known
    return tuple(level for level in known if dict_of(reported.get(level)).get("supported"))


def _text(part: Mapping[str, Any], name: str) -> str:
    text = part.get(name)
    return text if isinstance(text, str) and str(part.get("type")).startswith(name) else ""
