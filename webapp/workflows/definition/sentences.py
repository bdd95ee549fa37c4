"""What a step does, as people read it: one sentence, and a prompt with the names of the answers that it uses. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.base.languages import gettext as _
from webapp.rendering.text import first_words
from webapp.workflows.definition.slots import PLACEHOLDER

VERBS = {
    "say": "Says",
    "collect": "Asks",
    "chat": "Model",
    "generate": "Plan",
    "tool": "Tool",
    "set": "Sets",
    "branch": "Branch",
    "end": "End",
}
MOST_CHARS, MOST_TITLE = 120, 50
# Answers beside each other, or at the end of a sentence.
ELLIPSES = re.compile(r"…(?:[.\s]*…)*\.?")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a step's text; `is_answer` says that it stands for an answer or a result."""

    text: str
    is_answer: bool = False


def answers_of(asks: Mapping[str, str], step_ids: Iterable[str]) -> dict[str, str]:
    """Returns what each answer and result is called, by the name that texts use for it."""
    answers = {
        name: _("the answer to ‘%(question)s’", question=first_words(ask, MOST_TITLE)) for name, ask in asks.items() if ask
    }
    results = {f"steps.{id}": _("the result of step %(number)s", number=number) for number, id in enumerate(step_ids, 1) if id}
    return {**answers, **results, "user.first_name": _("your first name"), "user.name": _("your name")}


def words_of(text: str, answers: Mapping[str, str]) -> Iterator[Piece]:
    """Yields the pieces of a step's text: what it says, and between it the answers that it uses."""
    end = 0
    for placeholder in PLACEHOLDER.finditer(text):
        yield Piece(text[end : placeholder.start()])
        name = placeholder[1]
        yield Piece(answers.get(name, name.replace("_", " ")), is_answer=True)
        end = placeholder.end()
    yield Piece(text[end:])


def sentence(verb: str, text: str, names: Mapping[str, str]) -> str:
    """Returns what a step does, in a short sentence without answers; `names` has those of tools, and of the model under ""."""
    words = first_words(ELLIPSES.sub("…", PLACEHOLDER.sub("…", text)), MOST_CHARS)
    match verb:
        case "say":
            return _("Says “%(words)s”", words=words)
        case "collect":
            return _("Asks you “%(words)s”", words=words)
        case "chat" if (answer := PLACEHOLDER.fullmatch(text.strip())) and "." not in answer[1]:
            return _("Answers the question")
        case "chat":
            return _("Asks %(model)s: “%(words)s”", model=names.get("") or _("a model"), words=words)
        case "generate":
            return _("Writes a plan: %(words)s", words=words)
        case "tool":
            return _("Uses the tool “%(words)s”", words=names.get(words, words))
        case "branch":
            return _("Continues depending on the answers")
        case "set":
            return _("Fills in %(words)s", words=words)
        case "end":
            return _("Ends with “%(words)s”", words=words) if words else _("Ends")
    return _(VERBS.get(verb, "Step"))


def ask_of(slot: Any) -> str:
    """Returns the question of a slot as it stands in a text, which can be anything."""
    ask = slot.get("ask") if isinstance(slot, dict) else None
    return ask if isinstance(ask, str) else ""
