"""What the home page offers to begin with: four cards, as they ship or as an admin has changed them.

A card opens a prompt of its own with a field for each variable, a prompt of the library, or a page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.audit import AuditAuthor
from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.base.inputs import Input, Prose, Refusal
from webapp.people.accounts.tables import User
from webapp.prompts import queries as prompt_queries
from webapp.prompts.template import MOST_CHARS, PromptPart, dotted_in, fields_of, variables_in
from webapp.prompts.validation import MOST_VARIABLES
from webapp.workspace.home.starters.tables import ChangedStarter

# Beginnings of what a card opens; a path is a page.
OWN_PROMPT, FROM_LIBRARY = "", "prompt:"
WORDS_CHARS, HINT_CHARS = 40, 80
ICONS = (
    *("pencil-sparkles", "letter-text", "drama", "list-checks", "message-square", "book-open", "book-marked", "library"),
    *("code", "mail", "workflow", "notebook-pen", "users", "search", "chart-column", "flask-conical", "bell", "layout-template"),
    *("circle-help", "volume-2"),
)
PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")

_WRITE = """Help me write {{what_do_you_need: an email|a letter|a message|a post|a speech}}. \
If something important is missing, ask me first.

What it should say:
{{what_should_it_say: long}}

It is for {{who_is_it_for}}.

The tone should be {{tone: friendly|formal|short and direct|playful}}."""
_EXPLAIN = """Explain the attached file to me: what it is, what it says, and what matters most in it.

What I want to know:
{{what_do_you_want_to_know: long}}

Explain it {{how_thoroughly: in a few sentences|in detail|for a beginner}}."""
_WEEK = """Plan my week, day by day, with enough time to rest. Ask me first if you need to know more.

What I want to get done:
{{what_do_you_want_to_get_done: long}}

What is already fixed:
{{what_is_already_fixed: long}}

The week begins on {{first_day: date}}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A card of the home page: `opens` is a path, `prompt:` with an id of the library, or empty for its own `text`."""

    slot: int
    words: str
    hint: str
    icon: str
    opens: str = OWN_PROMPT
    text: str = ""
    takes_files: bool = False
    is_shown: bool = True
    is_changed: bool = field(default=False, compare=False)

    @property
    def prompt_id(self) -> str:
        """The id of the library's prompt that it opens; empty if it opens something else."""
        return self.opens.removeprefix(FROM_LIBRARY) if self.opens.startswith(FROM_LIBRARY) else ""

    @property
    def path(self) -> str:
        """The path of the page that it opens; empty if it opens a prompt."""
        return self.opens if self.opens.startswith("/") else ""

    @property
    def parts(self) -> tuple[PromptPart, ...]:
        """The paragraphs of its own text: one whose fields are all left empty is not sent."""
        return tuple(PromptPart("", paragraph) for paragraph in PARAGRAPHS.split(self.text.strip()) if paragraph)

    @property
    def form_words(self) -> tuple[str, ...]:
        """The labels and choices of the fields in its own text."""
        return tuple(words for field in fields_of(self.parts) for words in (field.label, *field.choices))


SHIPPED = (
    Starter(slot=1, words="Write something", hint="An email, a post, a speech", icon="pencil-sparkles", text=_WRITE),
    Starter(
        slot=2, words="Explain a file", hint="A contract, a paper, a photo", icon="letter-text", text=_EXPLAIN, takes_files=True
    ),
    Starter(slot=3, words="Talk to a character", hint="Play out a scene or a story", icon="drama", opens="/characters"),
    Starter(slot=4, words="Plan my week", hint="From what you want to get done", icon="list-checks", text=_WEEK),
)


def _text(typed: str) -> str:
    text = typed.replace("\r\n", "\n").strip()
    parts = [PromptPart("", text)]
    if dotted := dotted_in(parts):
        better = dotted[0].replace(".", "_")[:40]
        raise Invalid(f"Fields can't have dots. Write {{{{{better}}}}} instead of {{{{{dotted[0]}}}}}.")
    if len(variables_in(parts)) > MOST_VARIABLES:
        raise Invalid(f"Use at most {MOST_VARIABLES} fields.")
    return text


class StarterInput(Input):
    """What an admin enters for a card."""

    words: Annotated[str, StringConstraints(min_length=1, max_length=WORDS_CHARS), Prose, Refusal("Enter a few words.")]
    hint: Annotated[str, StringConstraints(max_length=HINT_CHARS), Prose] = ""
    icon: str = ICONS[0]
    opens: Annotated[str, StringConstraints(max_length=200)] = OWN_PROMPT
    text: Annotated[str, StringConstraints(max_length=MOST_CHARS), Prose] = ""
    takes_files: bool = False
    is_shown: bool = True


def starters() -> list[Starter]:
    """Returns the four cards in order."""
    changed = {row.slot: row for row in db.session.scalars(select(ChangedStarter))}
    return [_changed(changed[starter.slot]) if starter.slot in changed else starter for starter in SHIPPED]


def starter(slot: str) -> Starter | None:
    """Returns the card of this slot; None if there is no such slot."""
    return next((starter for starter in starters() if str(starter.slot) == slot), None)


def library(user: User) -> list[prompt_queries.KnownPrompt]:
    """Returns the prompts that cards can open: the team's, as everyone can use those."""
    return [prompt for prompt in prompt_queries.prompts(user) if not prompt.owner_id and not prompt.built_in]


def change(slot: int, entered: StarterInput, *, pages: Sequence[str], by: User, author: AuditAuthor) -> None:
    """Changes a card; `pages` are the paths that it can open."""
    text = _checked(entered, pages, by)
    values = {"icon": entered.icon, "opens": entered.opens, "takes_files": entered.takes_files, "is_shown": entered.is_shown}
    with write() as session:
        session.merge(ChangedStarter(slot=slot, words=entered.words, hint=entered.hint, text=text, **values))
        _note(session, "changed the home page", slot, author, detail=entered.words)


def reset(slot: int, *, author: AuditAuthor) -> None:
    """Makes a card as it ships again."""
    with write() as session:
        if row := session.get(ChangedStarter, slot):
            session.delete(row)
            _note(session, "reset the home page", slot, author)


def _checked(entered: StarterInput, pages: Sequence[str], by: User) -> str:
    """Returns the text of its own prompt, empty if it opens something else; raises `Invalid`."""
    if entered.icon not in ICONS:
        raise Invalid("Choose one of the icons.", field="icon")
    if entered.opens == OWN_PROMPT:
        try:
            text = _text(entered.text)
        except Invalid as refusal:
            refusal.field = "text"
            raise
        if not text:
            raise Invalid("Write the prompt that it opens.", field="text")
        return text
    if entered.opens not in (*pages, *(f"{FROM_LIBRARY}{prompt.id}" for prompt in library(by))):
        raise Invalid("Choose one from the list.", field="opens")
    return ""


def _changed(row: ChangedStarter) -> Starter:
    look = {"words": row.words, "hint": row.hint, "icon": row.icon}
    return Starter(
        slot=row.slot, **look, opens=row.opens, text=row.text, takes_files=row.takes_files, is_shown=row.is_shown, is_changed=True
    )


def _note(session: Session, action: str, slot: int, author: AuditAuthor, *, detail: str = "") -> None:
    audit.add(session, action, author=author, object_kind="starter", object_id=str(slot), detail=detail)
