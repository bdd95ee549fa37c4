"""The machine's own short form of a conversation, for when no model can write one: chosen sentences, word for word. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from webapp.chat.folds.kept_words import (
    MOST_SEARCHED_CHARS,
    SAMPLE_CHARS,
    InTurns,
    Part,
    Said,
    common_language,
    details_in,
    is_rule,
    language,
    parts,
)

MOST_NAME_CHARS, MOST_CODE_LINE_CHARS = 80, 200


class Rank(IntEnum):
    """What a sentence is in the extract for; the last rank is the first to be left out."""

    RULE = 0
    RESULT = 1
    PERSONS_DETAIL = 2
    PERSONS_BEGINNING = 3
    ANSWERS_DETAIL = 4
    ANSWERS_BEGINNING = 5


class ChosenPart(NamedTuple):
    """A sentence or block of code at its place: the number of its message, and its number in it."""

    message: int
    number: int
    text: str


def extract(
    said: Iterable[Said], results: Iterable[str] = (), *, most_chars: int, rule_chars: int = 0, in_turns: InTurns = iter
) -> str:
    """Returns a line for each message, `Jo: …`, then the lines of the results, in at most so many characters.

    Rules can take more, up to `rule_chars`.

    A message's line has its first sentence and those with a rule, number, date, name or path; a block of code is its first line
    and its length. Where that is too long, first sentences of answers are left out, then their details, first sentences of the
    person, their details, results, and rules; of each, the oldest first.
    """
    messages = tuple(said)
    names = [" ".join(message.who.split())[:MOST_NAME_CHARS] or message.role for message in messages]
    most = {rank: max(most_chars, rule_chars) if rank is Rank.RULE else most_chars for rank in Rank}
    chosen = _chosen_parts(messages, most, in_turns)
    chosen[Rank.RESULT] = [ChosenPart(len(messages), number, line) for number, line in reversed([*enumerate(results)])]
    lines = list[str]()
    last = -1
    for part in sorted(_fitting(chosen, names, most)):
        if part.message == len(names):
            lines.append(part.text)
        elif part.message == last:
            lines[-1] += f" {part.text}"
        else:
            lines.append(f"{names[part.message]}: {part.text}")
        last = part.message
    return "\n".join(lines)


def _chosen_parts(messages: tuple[Said, ...], most: dict[Rank, int], in_turns: InTurns) -> dict[Rank, list[ChosenPart]]:
    """Returns parts by rank, newest first; no more of a rank that fills the extract already."""
    chosen: dict[Rank, list[ChosenPart]] = defaultdict(list)
    chars: dict[Rank, int] = defaultdict(int)
    usual_language, searched = common_language(messages), 0
    numbered = zip(range(len(messages) - 1, -1, -1), in_turns(reversed(messages)), strict=True)
    for index, message in numbered:
        details = Rank.PERSONS_DETAIL if message.role == "user" else Rank.ANSWERS_DETAIL
        searched += len(message.text)
        has_details = chars[details] <= most[details] and searched <= MOST_SEARCHED_CHARS
        is_german = has_details and (language(message.text[:SAMPLE_CHARS]) or usual_language) == "de"
        ranked = _ranked(message, in_turns(parts(message.text)), details, has_details=has_details, is_german=is_german)
        for rank, number, text in reversed([*ranked]):
            if chars[rank] <= most[rank]:
                chosen[rank].append(ChosenPart(index, number, text))
                chars[rank] += len(text)
    return chosen


def _ranked(
    message: Said, own_parts: Iterable[Part], details: Rank, *, has_details: bool, is_german: bool
) -> Iterator[tuple[Rank, int, str]]:
    """Yields the parts of a message that an extract can have, each with its rank and number."""
    beginning = Rank(details + 1)
    for number, part in enumerate(own_parts):
        if message.role == "user" and is_rule(part):
            yield Rank.RULE, number, part.text
        elif has_details and part.kind == "code":
            yield details, number, _code(part)
        elif has_details and details_in(part, is_german=is_german):
            yield details, number, part.text
        elif not number:
            yield beginning, number, _code(part) if part.kind == "code" else part.text
        if message.role != "user" and not has_details:
            return


def _code(part: Part) -> str:
    lines = part.text.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")[:MOST_CODE_LINE_CHARS]
    return f"{first} [code, {len(lines)} lines]".lstrip()


def _fitting(chosen: dict[Rank, list[ChosenPart]], names: list[str], most: dict[Rank, int]) -> Iterator[ChosenPart]:
    """Yields what fits, the most important first; after a rank that does not fit as a whole, none of the next."""
    # Without the line break before the first.
    used, begun, is_full = -1, set[int](), False
    for rank in Rank:
        for part in chosen.get(rank, ()):
            is_new = part.message < len(names) and part.message not in begun
            cost = 1 + len(part.text) + (len(names[part.message]) + 2 if is_new else 0)
            if used + cost > most[rank]:
                is_full = True
                continue
            used += cost
            begun.add(part.message)
            yield part
        if is_full:
            return
