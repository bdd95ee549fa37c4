"""The first sentences of what a model says, found while it is said. Pure."""

import re
from collections.abc import Callable, Iterator

from webapp.chat.prompt.tokens import estimate
from webapp.streaming.cutting import cut
from webapp.streaming.events import Delta, Ended, Event

# Where a sentence may end, with what closes it, and what comes next: nothing can be said before that is known.
STOP = re.compile(
    r"(?P<stop>[.!?…؟۔]+|[。！？｡．।॥]+)(?P<close>(?:[\"'”’“»«)\]}*_」』）】〉》]|[ \u00a0\u202f]»)*)"
    r"(?P<space>\s*)(?P<next>[^\s]?)"
)
BREAK = re.compile(r"\n[ \t]*\n\s*(?P<next>\S)")
FENCE, CODE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE), re.compile(r"`[^`\n]*`")
# Of languages that write in Latin letters; initials and single letters are found by their form.
SHORT = re.compile(
    r"(?:^|[\s(\"'“„])(?:\w|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|approx|no|nos|fig|vol|pp|ca|cf|al|inc|ltd|co|dept|est|min|max|"
    r"e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|z\.\s?b|d\.\s?h|u\.\s?a|bzw|usw|nr|str|evtl|ggf|vgl|inkl|ph\.d|sra|mme|mlle|p\.\s?ex|"
    r"dra|pág|págs|av|ul|см|стр|рис|ул|им|гг|руб|тыс|млн|проф|डॉ|श्री|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|"
    # German days of a month.
    r"(?:am|vom|zum|bis|den|dem|ab|der)\s\d{1,2})$",
    re.IGNORECASE,
)
LISTED = re.compile(r"(?:^|\n)[ \t>]*(?:[-*+]\s+)?\d{1,3}$")
WIDE, DOTS, QUOTES, DASHES = "。！？｡．।॥", {".", "…"}, set("\"'”’“»«"), "-–—"
MOST_LOOKED_BACK, MOST_HELD = 24, 300
# Of more text at once, others have their turn between two parts: each character takes some microseconds.
PART_CHARS = 4_096
# The estimate of single words may be that much too high.
PATIENCE = 1.5


def first(
    most: int, events: Iterator[Event], beginning: str = "", *, pause: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """The events up to the end of so many sentences, and no more is asked of the model; `beginning` was said before.

    What may belong to the next sentence is held until that is clear. Between two parts of a long text is a `pause`.
    """
    found = Sentences(most)
    for part in _parts(beginning, pause):
        found.feed(part)
    return cut(_in_parts(events, pause), _Rest(found, len(beginning)), "sentence_limit")


class _Rest:
    """What may be said of the sentences, behind what was said before."""

    def __init__(self, found: "Sentences", sent: int) -> None:
        self._found, self._sent = found, sent

    def more(self, text: str) -> tuple[str, bool]:
        self._found.feed(text)
        start, end = self._sent, self._found.end
        self._sent = max(start, self._found.safe if end is None else end)
        return self._found.text[start : self._sent], end is not None

    def rest(self) -> str:
        return self._found.text[self._sent :]


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
    """The events up to a limit, and with its name at the end.

    A model that doesn't know the limit it was given is left when far more has come.
    """
    left = most_tokens * PATIENCE
    try:
        for event in events:
            yield Ended("completed", "token_limit") if event == Ended("completed", "length") else event
            left -= estimate(event.text) if isinstance(event, Delta) else 0
            if left < 0:
                yield Ended("completed", "token_limit")
                return
    finally:
        if close := getattr(events, "close", None):
            close()


class Sentences:
    """What was said, and where the last of the wanted sentences ends. `safe` is how far that has been decided."""

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
        """Past one character, or past what belongs together; None while that is not all there."""
        until = at + MOST_HELD
        if at == 0 or text[at - 1] == "\n":
            if len(text) - at < 3 and not text[at:].strip(" \t`~"):
                return None
            if fence := FENCE.match(text, at):
                # What stands in code, or before it without a stop, is no sentence.
                self._is_code, self._counted = not self._is_code, fence.end()
                return fence.end()
        if self._is_code:
            return at + 1
        if text[at] == "`":
            code = CODE.match(text, at, until)
            return code.end() if code else None if "\n" not in text[at:until] else at + 1
        if text[at] == "\n":
            return self._at_line_end(at, until)
        if found := STOP.match(text, at, until):
            end = found.end("close")
            if not found.group("next"):
                return None
            return self._ended(end) if self._is_stop(found) else end
        return at + 1

    def _at_line_end(self, at: int, until: int) -> int | None:
        """An empty line ends a sentence that has no stop, unless it leads to what follows."""
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
        # What is counted is passed, be it only a line end.
        return max(end, self.safe + 1)

    def _is_stop(self, found: re.Match[str]) -> bool:
        stop, following = found.group("stop"), found.group("next")
        if stop[0] in WIDE:
            return True
        if not found.group("space"):
            return False
        if "\n" in found.group("space") and stop != ".":
            return True
        if _goes_on(stop, found.group("close"), following):
            return False
        before = self.text[max(0, found.start() - MOST_LOOKED_BACK) : found.start()]
        return stop != "." or not (SHORT.search(before) or LISTED.search(before))


def _goes_on(stop: str, close: str, following: str) -> bool:
    """Whether what follows belongs to the same sentence: by its letter, or because only what was quoted is over."""
    if following.islower():
        return True
    is_quoted = bool(set(close) & QUOTES)
    if is_quoted and following in DASHES:
        return True
    # Of letters that are neither small nor large nothing can be told.
    has_no_case = following.isalpha() and not following.isupper()
    return has_no_case and (is_quoted or (set(stop) <= DOTS and stop != "."))
