"""What Anthropic's Messages protocol answers. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from webapp.providers.anthropic_request import EFFORTS, traits_of
from webapp.providers.base import Model, Reply
from webapp.providers.values import Unbroken, count_of, dict_of, dicts_of, name_of
from webapp.streaming.events import Delta, Event, Reasoning, Usage

# Every other reason means that the model was done.
REASONS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


class Reading:
    """Folds the events of one streamed message; the terminal marker is `message_stop`, and nothing follows it."""

    def __init__(self, known: Usage) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._known, self._reason = known, "stop"
        self._text, self._thought = Unbroken(), Unbroken()

    @property
    def is_over(self) -> bool:
        return bool(self.finish)

    def take(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """What the event adds; kinds that nobody knows yet add nothing."""
        match event.get("type"):
            case "message_start":
                yield from self._begin(dict_of(event.get("message")))
            case "content_block_start":
                yield from self._told(dict_of(event.get("content_block")))
            case "content_block_delta":
                yield from self._told(dict_of(event.get("delta")))
            case "message_delta":
                self._reason = reason_of(dict_of(event.get("delta"))) or self._reason
                # It counts from the beginning, not since the last time.
                if counted := usage_of(event.get("usage")):
                    self.usage = (self.usage or self._known).updated(counted)
            case "message_stop":
                self.finish = self._reason

    def _begin(self, message: Mapping[str, Any]) -> Iterator[Event]:
        # What has come out is not known yet: the number here is only that of the first token.
        counted = usage_of(message.get("usage")) or Usage()
        self._known = self._known.updated(Usage(counted.input_tokens, model=name_of(message.get("model"))))
        yield self._known

    def _told(self, part: Mapping[str, Any]) -> Iterator[Event]:
        if thought := self._thought.take(_text(part, "thinking")):
            yield Reasoning(thought)
        if text := self._text.take(_text(part, "text")):
            yield Delta(text)


def reply_of(value: Mapping[str, Any], known: Usage) -> Reply | None:
    """A whole message; None when it is none."""
    if not isinstance(value.get("content"), list):
        return None
    parts = dicts_of(value["content"])
    text = Unbroken().take("".join(_text(part, "text") for part in parts))
    thought = Unbroken().take("".join(_text(part, "thinking") for part in parts))
    usage = known.updated(usage_of(value.get("usage")) or Usage()).updated(Usage(model=name_of(value.get("model"))))
    return Reply(text, thought, usage if usage != Usage() else None, reason_of(value) or "stop", usage.model)


def reason_of(said: Mapping[str, Any]) -> str:
    reason = said.get("stop_reason")
    return REASONS.get(reason, "stop") if isinstance(reason, str) and reason else ""


def usage_of(value: Any) -> Usage | None:
    """The tokens; those that were read from a cache or written to one went in as well."""
    told = dict_of(value)
    parts = (count_of(told.get(name)) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))
    # Nothing is never all that went in: some relays say 0 until they know.
    usage = Usage(sum(part or 0 for part in parts) or None, count_of(told.get("output_tokens")))
    return None if usage == Usage() else usage


def models_of(value: Any) -> tuple[Model, ...]:
    listed = (model for model in dicts_of(dict_of(value).get("data")) if name_of(model.get("id")))
    return tuple(_model(model) for model in listed if model.get("lifecycle") != "retired")


def _model(model: Mapping[str, Any]) -> Model:
    id, window = name_of(model["id"]), count_of(model.get("max_input_tokens"))
    return Model(id, name_of(model.get("display_name")) or id, window or None, efforts=_efforts(model))


def _efforts(model: Mapping[str, Any]) -> tuple[str, ...]:
    """How hard it can be told to think: what the list says, cut to what the request of its family can express."""
    known = EFFORTS[traits_of(str(model["id"])).thinking]
    told = dict_of(dict_of(model.get("capabilities")).get("effort"))
    if not told.get("supported"):
        return known
    return tuple(level for level in known if dict_of(told.get(level)).get("supported"))


def _text(part: Mapping[str, Any], name: str) -> str:
    text = part.get(name)
    return text if isinstance(text, str) and str(part.get("type")).startswith(name) else ""
