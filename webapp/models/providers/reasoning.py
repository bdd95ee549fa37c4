"""Separates a model's reasoning from its answer, where its server sends both as one text. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from webapp.models.providers.base import Reply
from webapp.streaming.events import Calling, Delta, Ended, Event, Pictured, Reasoning, Text
from webapp.streaming.failure import ProviderError

# `auto` separates text that begins with an opening tag; `open` is for servers that drop that tag; `off` leaves all text
# unchanged.
Mode = Literal["auto", "open", "off"]


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags around the reasoning, or around the answer, of a family of models."""

    opening: str
    closing: str


THOUGHTS = (
    Tags("<think>", "</think>"),
    Tags("<thinking>", "</thinking>"),
    Tags("<thought>", "</thought>"),
    Tags("<reasoning>", "</reasoning>"),
    Tags("<seed:think>", "</seed:think>"),
    Tags("[THINK]", "[/THINK]"),
    Tags("◁think▷", "◁/think▷"),
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),
    Tags("<|channel|>analysis<|message|>", "<|end|>"),
    Tags("Here is my thought process:", "Here is my response:"),
)
# Some families also put the answer between tags, but only after reasoning.
ANSWERS = (
    Tags("<answer>", "</answer>"),
    Tags("<response>", "</response>"),
    Tags("<output>", "</output>"),
    Tags("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    Tags("<|start|>assistant<|channel|>final<|message|>", "<|return|>"),
)
# Blanks around tags are dropped; no more than this many are held back.
MOST_BLANKS = 4096


class Splitter:
    """Separates reasoning from text; the result doesn't depend on how the text is split into pieces.

    It holds back no more than could be a tag. Reasoning is recognised only at the very start: later, the same tags are text
    about them. `is_open` means that the server drops the opening tag, so that an answer begins with reasoning and only its end
    is marked.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        self._buffer = ""
        self._step = self._thought if is_open else self._beginning
        self._closing = THOUGHTS[0].closing if is_open else ""
        self._has_thought = False

    @property
    def is_done(self) -> bool:
        """Whether all that follows is text, with no tag at its end."""
        return self._step == self._text and not self._closing and not self._buffer

    def feed(self, text: str) -> list[Text]:
        """Takes a piece and returns what can no longer be part of a tag."""
        self._buffer += text
        return list(self._taken())

    def finish(self) -> list[Text]:
        """Returns what was held back, as it can't become a tag any more."""
        text, self._buffer = self._buffer, ""
        if self._step == self._thought:
            text = text.rstrip()
            return [Reasoning(text)] if text else []
        if self._closing and text.rstrip() == self._closing:
            return []
        return [Delta(text)] if text else []

    def _taken(self) -> Iterator[Text]:
        step = None
        while self._buffer and step != self._step:
            step = self._step
            yield from step()

    def _beginning(self) -> Iterator[Text]:
        body = self._buffer.lstrip()
        tags, is_open_question = _opening(body, THOUGHTS)
        has_many_blanks = len(self._buffer) - len(body) > MOST_BLANKS
        if tags and not has_many_blanks:
            self._buffer = body[len(tags.opening) :].lstrip()
            self._closing, self._step = tags.closing, self._thought
        elif has_many_blanks or not is_open_question:
            self._closing, self._step = "", self._text
        yield from ()

    def _thought(self) -> Iterator[Text]:
        if not self._has_thought:
            self._buffer = self._buffer.lstrip()
        thought, tag, rest = self._buffer.partition(self._closing)
        if tag:
            self._buffer, self._closing, self._step = rest, "", self._between
            thought = thought.rstrip()
        else:
            certain = thought[: len(thought) - _overlap(thought, self._closing)]
            certain = certain[: max(len(certain.rstrip()), len(certain) - MOST_BLANKS)]
            self._buffer, thought = self._buffer[len(certain) :], certain
        if thought:
            self._has_thought = True
            yield Reasoning(thought)

    def _between(self) -> Iterator[Text]:
        self._buffer = self._buffer.lstrip()
        tags, is_open_question = _opening(self._buffer, ANSWERS)
        if tags:
            self._buffer, self._closing = self._buffer[len(tags.opening) :].lstrip(), tags.closing
        if self._buffer and not is_open_question:
            self._step = self._text
        yield from ()

    def _text(self) -> Iterator[Text]:
        # The closing tag of the answer counts only at its very end, so what can still become it is held back.
        body = self._buffer.rstrip()
        overlap = len(self._closing) if self._closing and body.endswith(self._closing) else _overlap(body, self._closing)
        is_certain = not overlap or len(self._buffer) - len(body) > MOST_BLANKS
        certain = self._buffer if is_certain else body[: len(body) - overlap]
        self._buffer = self._buffer[len(certain) :]
        if certain:
            yield Delta(certain)


def split(events: Iterator[Event], mode: Mode) -> Iterator[Event]:
    """Yields the events of a reply with the reasoning separated, unless the server separates it."""
    splitter = _splitter(mode)
    try:
        for event in events:
            if splitter and isinstance(event, Delta):
                yield from splitter.feed(event.text)
                splitter = None if splitter.is_done else splitter
                continue
            if splitter and isinstance(event, (Reasoning, Calling, Pictured, Ended)):
                yield from splitter.finish()
                splitter = None
            yield event
    except ProviderError:
        # Text that was held back has arrived nevertheless.
        yield from splitter.finish() if splitter else ()
        raise
    yield from splitter.finish() if splitter else ()


def split_whole(reply: Reply, mode: Mode) -> Reply:
    """Separates the reasoning of a reply in one piece."""
    splitter = None if reply.reasoning else _splitter(mode)
    if not splitter:
        return reply
    events = [*splitter.feed(reply.text), *splitter.finish()]
    return replace(reply, text=_joined(events, Delta), reasoning=_joined(events, Reasoning))


def _splitter(mode: Mode) -> Splitter | None:
    return None if mode == "off" else Splitter(is_open=mode == "open")


def _joined(events: Iterable[Text], kind: type[Text]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def _opening(text: str, all_tags: tuple[Tags, ...]) -> tuple[Tags | None, bool]:
    """Returns the tags that the text begins with, and whether it can still become an opening tag."""
    match = next((tags for tags in all_tags if text.startswith(tags.opening)), None)
    return match, not match and any(tags.opening.startswith(text) for tags in all_tags)


def _overlap(text: str, tag: str) -> int:
    """Returns how many characters at the text's end can be the start of the tag."""
    longest = min(len(text), len(tag) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(tag[:size])), 0)
