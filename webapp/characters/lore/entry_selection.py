"""Selects the lorebook entries to send to a model: those whose keys occur, recursively, within a token budget. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from webapp.characters.lore.entries import Book, Keys, LoreEntry
from webapp.characters.lore.expressions import EXPRESSION, compiled

# How many characters of the newest messages are searched, and how many messages are replayed for entries that stay or pause.
SCANNED_CHARS, REMEMBERED = 20_000, 200
MOST_STEPS, MOST_ACTIVATED = 10, 200
# The time limit for all books of one prompt; entries that have not been checked by then are not used.
MOST_SECONDS = 0.05
# In longer texts, the worst expressions take long.
EXPRESSION_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class LoreContext:
    """What is searched: role and text of each message, newest last, the speakers' names by role, and the next character.

    The clock and the random generator are passed in; `cost` returns the number of tokens of a text.
    """

    messages: Sequence[tuple[str, str]]
    cost: Callable[[str], int]
    now: Callable[[], float]
    chance: Random
    seed: str = ""
    speakers: Mapping[str, str] = field(default_factory=dict)
    fill: Callable[[str], str] = str
    most_tokens: int = 2_000
    character: str = ""
    # The kinds of prompt; an entry can be limited to some kinds.
    triggers: frozenset[str] = frozenset({"normal"})

    def last(self, count: int, end: int) -> list[str]:
        """Returns the last `count` messages before `end`, each after its speaker's name, up to `SCANNED_CHARS` characters."""
        parts, chars_left = list[str](), SCANNED_CHARS
        for index in reversed(range(max(0, end - count), end)):
            role, text = self.messages[index]
            parts.append(f"{self.speakers.get(role, '')}: {text[-chars_left:]}")
            chars_left -= len(text)
            if chars_left <= 0:
                break
        return parts[::-1]


def select_entries(books: Iterable[Book], context: LoreContext) -> list[LoreEntry]:
    """Returns the entries to send, in order."""
    entries, until, tokens_left = list[LoreEntry](), context.now() + MOST_SECONDS, context.most_tokens
    for book in books:
        most = min(tokens_left, book.most_tokens or tokens_left)
        candidates = [entry for entry in book.entries if entry.content and _is_for(entry, context)]
        activated = _Selection(context, len(context.messages), most, until, MOST_ACTIVATED - len(entries)).activated_of(
            candidates
        )
        tokens_left -= sum(context.cost(entry.content) for entry in activated)
        entries += activated
    return sorted(entries, key=lambda entry: entry.order)


def _is_for(entry: LoreEntry, context: LoreContext) -> bool:
    return (
        entry.is_enabled
        and entry.audience.has(context.character)
        and not (entry.triggers and entry.triggers.isdisjoint(context.triggers))
    )


@dataclass(frozen=True, slots=True)
class SearchedText:
    """The text to search, as written and in lower case."""

    written: str
    small: str

    @classmethod
    def from_parts(cls, parts: Iterable[str]) -> "SearchedText":
        written = "\n".join(parts)
        return cls(written, written.lower())


class _Selection:
    """The selection from one book at one point of a chat; `end` is the number of messages before it."""

    def __init__(self, context: LoreContext, end: int, most_tokens: int, until: float, most_activated: int = 0) -> None:
        self.context, self.end, self.left, self.until, self.most_activated = context, end, most_tokens, until, most_activated
        self.activated, self.recursed = list[LoreEntry](), list[str]()
        self._texts: dict[int, SearchedText] = {}
        self._earlier: dict[int, _Selection] = {}

    def activated_of(self, entries: Sequence[LoreEntry]) -> list[LoreEntry]:
        states = {entry: self._state(entry) for entry in entries if entry.timing.remembers}
        new_texts = self._activate(entry for entry, state in states.items() if state == "active")
        waiting = [entry for entry in entries if not states.get(entry) and self._may_begin(entry)]
        for step in range(MOST_STEPS):
            scores = {entry: score for entry in waiting if (score := self._score(entry, step))}
            # An entry that matched, but lost by chance or to another one of its group, is not tried again.
            waiting = [entry for entry in waiting if entry not in scores]
            new_texts += self._activate(self._best([entry for entry in scores if self._is_lucky(entry)], scores))
            if not new_texts and all(entry.recursion.from_step <= step for entry in waiting):
                break
            self.recursed += new_texts
            new_texts = []
            self._texts.clear()
        return self.activated

    def _may_begin(self, entry: LoreEntry) -> bool:
        timing = entry.timing
        if self.end < timing.delay or not (timing.after_answers or timing.every > 1):
            return self.end >= timing.delay
        answers = self._answers
        return answers % max(1, timing.every) == 0 and (not timing.after_answers or answers > timing.after_answers)

    @cached_property
    def _answers(self) -> int:
        return sum(role == "assistant" for role, _ in self.context.messages[: self.end])

    def _score(self, entry: LoreEntry, step: int) -> int:
        """Returns how well an entry matches at this step; 0 for no match."""
        if entry.recursion.from_step > step or (step and not entry.recursion.comes):
            return 0
        if entry.is_constant:
            return 1
        # Checks the time first, because each entry can need another text to search.
        return 0 if self._is_late() else count(entry.keys, self._text(entry.keys.depth), self.context.fill, self._is_late)

    def _is_late(self) -> bool:
        return self.context.now() > self.until

    def _text(self, depth: int) -> SearchedText:
        if depth not in self._texts:
            self._texts[depth] = SearchedText.from_parts([*self.context.last(depth, self.end), *self.recursed])
        return self._texts[depth]

    def _is_lucky(self, entry: LoreEntry) -> bool:
        if entry.chance >= 100:
            return True
        # Seeded, because replaying an entry that stays or pauses must give the same result.
        chance = Random(f"{self.context.seed}:{entry.id}:{self.end}") if entry.timing.remembers else self.context.chance
        return chance.random() * 100 < entry.chance

    def _activate(self, entries: Iterable[LoreEntry]) -> list[str]:
        """Selects the entries that fit in the budget, and returns those texts that can trigger others."""
        new_texts = list[str]()
        for entry in sorted(entries, key=lambda entry: (not entry.is_constant, -entry.priority, -entry.order)):
            if len(self.activated) < self.most_activated and (cost := self.context.cost(entry.content)) <= self.left:
                self.left -= cost
                self.activated.append(entry)
                new_texts += [entry.content] if entry.recursion.brings else []
        return new_texts

    def _best(self, entries: Sequence[LoreEntry], scores: dict[LoreEntry, int]) -> list[LoreEntry]:
        """Keeps one entry of each inclusion group."""
        taken, rivals = {name for entry in self.activated for name in entry.group.names}, dict[str, list[LoreEntry]]()
        for entry in entries:
            for name in entry.group.names:
                rivals.setdefault(name, []).append(entry)
        beaten = set[LoreEntry]()
        for name, all_rivals in rivals.items():
            unbeaten = [rival for rival in all_rivals if rival not in beaten]
            winner = self._winner(unbeaten, scores) if unbeaten and name not in taken else None
            beaten.update(entry for entry in unbeaten if entry is not winner)
        return [entry for entry in entries if entry not in beaten]

    def _winner(self, rivals: Sequence[LoreEntry], scores: dict[LoreEntry, int]) -> LoreEntry:
        if preferred := [rival for rival in rivals if rival.group.by_order]:
            return max(preferred, key=lambda rival: rival.order)
        if any(rival.group.by_score for rival in rivals):
            best = max(scores[rival] for rival in rivals)
            rivals = [rival for rival in rivals if scores[rival] == best or not rival.group.by_score]
        return self.context.chance.choices(rivals, [rival.group.weight for rival in rivals])[0]

    def _state(self, entry: LoreEntry) -> str:
        """Returns whether an entry stays `active` or is `silent` because of an earlier answer, found by replaying those."""
        active_until = silent_until = -1
        for end in self._moments():
            if self._is_late():
                break
            if end <= max(active_until, silent_until):
                continue
            earlier = self._earlier.setdefault(end, _Selection(self.context, end, 0, self.until))
            if earlier._may_begin(entry) and earlier._score(entry, 0) and earlier._is_lucky(entry):
                active_until = end + entry.timing.sticky
                silent_until = active_until + entry.timing.cooldown
        return "active" if self.end <= active_until else "silent" if self.end <= silent_until else ""

    def _moments(self) -> list[int]:
        """Returns how many messages preceded each earlier answer."""
        messages = self.context.messages
        ends = range(max(1, self.end - REMEMBERED), self.end)
        return [end for end in ends if messages[end - 1][0] == "user" and messages[end][0] == "assistant"]


def count(keys: Keys, text: SearchedText, fill: Callable[[str], str], is_late: Callable[[], bool]) -> int:
    """Returns how many keys are found; 0 if the conditions of the entry are not met, or when time is up."""

    def has(key: str) -> bool:
        return not is_late() and found(fill(key) if "{{" in key else key, text, keys)

    first = sum(map(has, keys.first))
    if not first or any(map(has, keys.excluded)) or (keys.additional and not any(map(has, keys.additional))):
        return 0
    others = sum(map(has, keys.others))
    return first + others if _is_met(keys.logic, others, len(keys.others)) else 0


def _is_met(logic: str, there: int, count: int) -> bool:
    if not count:
        return True
    return {"any": there > 0, "not all": there < count, "none": not there, "all": there == count}[logic]


def found(key: str, text: SearchedText, keys: Keys) -> bool:
    if expression := EXPRESSION.fullmatch(key):
        pattern = compiled(expression[1], expression[2])
        return bool(pattern and pattern.search(text.written[-EXPRESSION_CHARS:]))
    key, within = (key, text.written) if keys.is_exact else (key.lower(), text.small)
    # A key can be empty after its macros are replaced.
    if not key or not keys.whole_words or len(key.split()) > 1:
        return bool(key) and key in within
    return key in within and bool(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", within))


def is_unusable(key: str) -> bool:
    """Returns whether a key is a regular expression that can't be used."""
    expression = EXPRESSION.fullmatch(key)
    return expression is not None and not compiled(expression[1], expression[2])
