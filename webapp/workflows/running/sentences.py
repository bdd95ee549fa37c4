"""Limits a model's answer to its first sentences while it is being streamed. Pure."""

import re
from collections.abc import Callable, Iterator

from webapp.models.tokens import estimate
from webapp.streaming.early_end import cut
from webapp.streaming.events import Delta, Ended, Event

# A possible end of a sentence: the stop, the marks that close it, and the next character, without which nothing can be decided.
STOP = re.compile(
    r"(?P<stop>[.!?…؟۔]+|[。！？｡．।॥]+)(?P<close>(?:[\"'”’“»«)\]}*_」』）】〉》]|[ \u00a0\u202f]»)*)"
    r"(?P<space>\s*)(?P<next>[^\s]?)"
)
BREAK = re.compile(r"\n[ \t]*\n\s*(?P<next>\S)")
FENCE, CODE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE), re.compile(r"`[^`\n]*`")
# Abbreviations after which a stop ends no sentence; `[^\W\d]` matches initials and other single letters.
SHORT = re.compile(
    r"(?:^|[\s(\"'“„])(?:[^\W\d]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|approx|fig|vol|pp|ca|cf|al|inc|ltd|co|dept|est|min|max|"
    r"e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|z\.\s?b|d\.\s?h|u\.\s?a|bzw|usw|nr|str|evtl|ggf|vgl|inkl|ph\.d|sra|mme|mlle|p\.\s?ex|"
    r"dra|pág|págs|av|ul|см|стр|рис|ул|им|гг|руб|тыс|млн|проф|डॉ|श्री|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|"
    # Days of the month and other ordinals in German.
    r"(?:am|vom|zum|bis|den|dem|ab|der|die|das|des|im|\w+tag,|Mittwoch,)\s\d{1,2})$",
    re.IGNORECASE,
)
# An abbreviation only before a number: "no" also ends sentences.
NUMERO = re.compile(r"(?:^|[\s(\"'“„])nos?$", re.IGNORECASE)
LISTED = re.compile(r"(?:(?:^|\n)[ \t>]*(?:[-*+]\s+)?|[.!?:;]\s)\d{1,3}$")
WIDE, DOTS, QUOTES, DASHES = "。！？｡．।॥", {".", "…"}, set("\"'”’“»«"), "-–—"
MOST_LOOKED_BACK, MOST_HELD = 24, 300
# Longer text is processed in parts, with a pause in between for other greenlets: each character takes some microseconds.
PART_CHARS = 4_096
# The estimate for single words can be this many times too high.
PATIENCE = 1.5


def first(
    most: int,
    events: Iterator[Event],
    beginning: str = "",
    *,
    may_call: bool = False,
    pause: Callable[[], None] = lambda: None,
) -> Iterator[Event]:
    """Yields events up to the end of so many sentences, then stops reading from the model; `beginning` was sent before.

    Text that could belong to the next sentence is held back until that is decided. A model that `may_call` a tool can still do so
    afterwards. `pause` is called between two parts of a long text.
    """
    sentences = Sentences(most)
    for part in _parts(beginning, pause):
        sentences.feed(part)
    return cut(_in_parts(events, pause), _Rest(sentences, len(beginning)), "sentence_limit", may_call=may_call)


class _Rest:
    """Returns the text that can be sent after what was sent before."""

    def __init__(self, sentences: "Sentences", sent: int) -> None:
        self._sentences, self._sent = sentences, sent

    def more(self, text: str) -> tuple[str, bool]:
        self._sentences.feed(text)
        start, end = self._sent, self._sentences.end
        self._sent = max(start, self._sentences.safe if end is None else end)
        return self._sentences.text[start : self._sent], end is not None

    def rest(self) -> str:
        return self._sentences.text[self._sent :]


def _in_parts(events: Iterator[Event], pause: Callable[[], None]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Delta):
            yield from map(Delta, _parts(event.text, pause))
        else:
            yield event


def _parts(text: str, pause: Callable[[], None]) -> Iterator[str]:
    yield text[:PART_CHARS]
    for start in range(PART_CHARS, len(text), PART_CHARS):
        pause()
        yield text[start : start + PART_CHARS]


def capped(most_tokens: int, events: Iterator[Event]) -> Iterator[Event]:
    """Yields events up to a token limit, then ends with `token_limit` as the reason.

    Some models ignore the limit they were given; the stream is closed when far more tokens have come.
    """
    tokens_left = most_tokens * PATIENCE
    try:
        for event in events:
            yield Ended("completed", "token_limit") if event == Ended("completed", "length") else event
            tokens_left -= estimate(event.text) if isinstance(event, Delta) else 0
            if tokens_left < 0:
                yield Ended("completed", "token_limit")
                return
    finally:
        if close := getattr(events, "close", None):
            close()


class Sentences:
    """The text so far, and where the last of the wanted sentences ends. Up to `safe`, the sentences have been decided."""

    def __init__(self, most: int) -> None:
        self._most, self._count, self._counted, self._is_code = most, 0, 0, False
        self.text, self.safe = "", 0
        self.end: int | None = None

    def feed(self, text: str) -> None:
        self.text += text
        while self.end is None and self.safe < len(self.text):
            after = self._step(self.text, self.safe)
            if after is None and len(self.text) - self.safe < MOST_HELD:
                return
            self.safe = after or self.safe + 1

    def _step(self, text: str, at: int) -> int | None:
        """Returns the position after the next character or unit at `at`, or None if more text is needed to decide."""
        until = at + MOST_HELD
        if at == 0 or text[at - 1] == "\n":
            if len(text) - at < 3 and not text[at:].strip(" \t`~"):
                return None
            if fence := FENCE.match(text, at):
                # Text in code is no sentence, and neither is text before it without a stop.
                self._is_code, self._counted = not self._is_code, fence.end()
                return fence.end()
        if self._is_code:
            return at + 1
        if text[at] == "`":
            code = CODE.match(text, at, until)
            return code.end() if code else None if "\n" not in text[at:until] else at + 1
        if text[at] == "\n":
            return self._at_line_end(at, until)
        if match := STOP.match(text, at, until):
            end = match.end("close")
            if not match.group("next"):
                return None
            return self._ended(end) if self._is_stop(match) else end
        return at + 1

    def _at_line_end(self, at: int, until: int) -> int | None:
        """Ends a sentence without a stop at an empty line, unless it is a heading or ends with a colon."""
        gap = BREAK.match(self.text, at, until)
        if not gap:
            return at + 1 if self.text[at:until].strip() else None
        before = self.text[max(self._counted, at - MOST_HELD) : at].rstrip()
        if before and before[-1] != ":" and not before.lstrip().startswith("#"):
            return self._ended(at)
        return gap.start("next")

    def _ended(self, end: int) -> int:
        self._count, self._counted = self._count + 1, end
        if self._count == self._most:
            self.end = end
        # Always advances, even if the sentence ends at a line end.
        return max(end, self.safe + 1)

    def _is_stop(self, match: re.Match[str]) -> bool:
        stop, following = match.group("stop"), match.group("next")
        if stop[0] in WIDE:
            return True
        if not match.group("space"):
            return False
        if "\n" in match.group("space") and stop != ".":
            return True
        if _goes_on(stop, match.group("close"), following):
            return False
        before = self.text[max(0, match.start() - MOST_LOOKED_BACK) : match.start()]
        if stop != ".":
            return True
        return not (SHORT.search(before) or LISTED.search(before) or (following.isdigit() and NUMERO.search(before)))


def _goes_on(stop: str, close: str, following: str) -> bool:
    """Returns whether the sentence continues after a stop, judging by the next letter and by closing quotes."""
    if following.islower():
        return True
    is_quoted = bool(set(close) & QUOTES)
    if is_quoted and following in DASHES:
        return True
    # A letter without case gives no hint.
    has_no_case = following.isalpha() and not following.isupper()
    return has_no_case and (is_quoted or (set(stop) <= DOTS and stop != "."))
