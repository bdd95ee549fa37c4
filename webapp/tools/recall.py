"""The tool with which a model opens what was folded: an answer has it once a handle stands in its request."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.languages import gettext as _
from webapp.base.words import plural, shortened
from webapp.streaming.events import SourceRecord
from webapp.tools.built_in.texts import QUOTED, fenced
from webapp.tools.calls import CallRecord
from webapp.tools.folded import RECALL, counted, handle, number_in
from webapp.tools.offers import Offer
from webapp.tools.tool import READS, CallContext, Result, Tool, ToolFailed

MOST_ABOUT, MOST_NUMBER = 300, 1_000_000
# What is searched for the words of `about`: up to so many characters, to the end of a sentence or line if there is one, else of
# a word.
PASSAGE = re.compile(r".{1,499}[.!?…。！？\n][\"'”’»)\]]{0,2}(?=\s|\Z|(?<=[。！？\n]))|.{1,500}(?=\s|\Z)|.{1,500}", re.DOTALL)
WORD = re.compile(r"\w{2,}")
DESCRIPTION = (
    "Opens again what was folded: a line such as [fold-3: …] stands for a longer text. Returns that from its beginning, part by "
    "part; with `about`, what matches it comes first."
)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "handle": {"type": "string", "minLength": 1, "maxLength": 40, "description": "The handle in the line, such as fold-3."},
        "about": {"type": "string", "maxLength": MOST_ABOUT, "description": "What to look for in it, in a few words."},
        "part": {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER, "description": "Which part; the first if left out."},
    },
    "required": ["handle"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Folded:
    """What a handle stands for: the whole text in parts of so many characters, and what is said of it."""

    said: str
    text: str
    part_chars: int
    outside: tuple[str, ...] = ()
    sources: tuple[SourceRecord, ...] = ()


# Returns what the fold with this number stands for, or None.
FindFolded = Callable[[int], Folded | None]


def recall_offer(calls: Sequence[CallRecord], find: FindFolded) -> Offer:
    """Returns the tool as an answer with these calls is offered it; `find` opens what else is folded in its prompt."""

    def opened(number: int) -> Folded | None:
        return (_folded(calls, number) or find(number)) if number else None

    def run(_context: CallContext, arguments: Mapping[str, Any]) -> Result:
        number = number_in(arguments)
        folded = opened(number)
        if not folded:
            raise ToolFailed(f"There is no {handle(number) if number else arguments['handle']} here.")
        return _opened(number, folded, about=str(arguments.get("about") or ""), part=int(arguments.get("part") or 1))

    def says(arguments: Mapping[str, Any]) -> str:
        folded = opened(number_in(arguments))
        if not folded:
            return _("Looked again at something folded")
        about = shortened(str(arguments.get("about") or ""), 80)
        return (
            _("Looked again for “%(about)s”: %(what)s", about=about, what=folded.said)
            if about
            else _("Looked again: %(what)s", what=folded.said)
        )

    tool = Tool(
        RECALL,
        "Look again",
        DESCRIPTION,
        SCHEMA,
        says,
        run,
        hints=READS,
        policy="allow",
        is_private=any(call.private_to for call in calls if call.fold),
    )
    return Offer(tool, RECALL, "allow", is_free=True)


def _folded(calls: Sequence[CallRecord], number: int) -> Folded | None:
    """Returns what a fold of this number stands for: the result of a call, or those of whole rounds."""
    folds = [(call, call.fold) for call in calls if call.fold and call.tool != RECALL]
    for call, fold in folds:
        if fold["number"] == number:
            return Folded(call.said_by_arguments, call.text, fold["part"], tuple(call.outside), tuple(call.sources))
    of_rounds = [call for call, fold in folds if number and fold["rounds"] == number]
    if not of_rounds:
        return None
    text = "\n\n".join(f"{call.as_line}\n{call.in_full}" for call in of_rounds)
    return Folded(
        plural(len(of_rounds), "call"),
        text,
        min(fold["part"] for _, fold in folds),
        tuple(dict.fromkeys(place for call in of_rounds for place in call.outside)),
        tuple(source for call in of_rounds for source in call.sources),
    )


def _opened(number: int, folded: Folded, *, about: str, part: int) -> Result:
    text = _matching_first(folded.text, about) if about else folded.text
    parts = max(1, -(-len(text) // folded.part_chars))
    if part > parts:
        raise ToolFailed(f"{handle(number)} has {parts} parts." if parts > 1 else f"{handle(number)} has one part.")
    shown = text[(part - 1) * folded.part_chars : part * folded.part_chars]
    words = f"{handle(number)}, part {counted(part)} of {counted(parts)}. {folded.said}."
    quoted = f"{words} {QUOTED}\n{fenced(shown)}" if folded.outside else f"{words}\n{shown}"
    asked = f', about="{about}"' if about else ""
    more = f'\n[recall("{handle(number)}"{asked}, part={part + 1}) goes on]' if part < parts else ""
    return Result(quoted + more, folded.sources, folded.outside)


def _matching_first(text: str, about: str) -> str:
    """Returns the passages of a text in which most words of `about` stand first, the others below in their order."""
    words = {word.casefold() for word in WORD.findall(about)}
    ranked = sorted(PASSAGE.findall(text), key=lambda passage: -len(words & {word.casefold() for word in WORD.findall(passage)}))
    return "\n[…]\n".join(ranked)
