"""What is entered for a prompt and its versions, and what a built-in prompt needs of them."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from webapp.base.errors import Invalid
from webapp.base.inputs import Input, Prose, Refusal, checked_by
from webapp.base.words import number
from webapp.prompts.built_in import BuiltIn
from webapp.prompts.template import PromptPart, count_places, dotted_in, variables_in

KEY = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", re.ASCII)
KEY_CHARS, NAME_CHARS, ABOUT_CHARS, NOTE_CHARS = 80, 80, 300, 500
MOST_PARTS, MOST_CHARS = 20, 60_000
MOST_VARIABLES = 30
# Pages render each use of a variable as a separate element.
MOST_PLACES = 1_000
MOST_TOKENS = 1_000_000
# The heading of a section without one.
UNNAMED = "Prompt"
NO_KEY = "Use lowercase letters and digits, with single hyphens, underscores or dots between them, up to 80 in all."
S = TypeVar("S", bound="SectionInput")


def _plain(text: str) -> str:
    if any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
        raise Invalid("Remove the control characters from this text.")
    return text


def _plain_line(text: str) -> str:
    return _plain(" ".join(text.split()))


def _key(typed: str) -> str:
    key = typed.strip().removeprefix("/")
    if not KEY.fullmatch(key):
        raise Invalid(NO_KEY)
    return key


def key_from(title: str) -> str:
    """Returns the key that a title gives, such as `weekly-review`; empty if it has no Latin letters or digits."""
    plain = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:KEY_CHARS].strip("-")


def _sections(sections: Sequence[S]) -> list[S]:
    """Returns the sections that have a text."""
    written = [section for section in sections if section.text]
    if not written:
        raise Invalid("Write at least one section.")
    if sum(len(section.text) for section in written) > MOST_CHARS:
        raise Invalid(f"That is too long. The limit is {number(MOST_CHARS)} characters.")
    parts = [section.part for section in written]
    if dotted := dotted_in(parts):
        better = dotted[0].replace(".", "_")[:40]
        raise Invalid(f"Variables can't have dots. Write {{{{{better}}}}} instead of {{{{{dotted[0]}}}}}.")
    if len(variables_in(parts)) > MOST_VARIABLES:
        raise Invalid(f"Use at most {MOST_VARIABLES} variables.")
    if count_places(parts) > MOST_PLACES:
        raise Invalid(f"Use variables in at most {number(MOST_PLACES)} places.")
    return written


Plain = checked_by(_plain)
PlainLine = checked_by(_plain_line)
Sections = Annotated[
    Sequence[S],
    Field(min_length=1, max_length=MOST_PARTS),
    checked_by(_sections),
    Refusal("Write at least one section.", fault="too_short"),
    Refusal(f"Use at most {MOST_PARTS} sections.", fault="too_long"),
]


class PromptInput(Input):
    """What is entered for a prompt, besides its versions."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=KEY_CHARS), checked_by(_key), Refusal(NO_KEY)]
    about: Annotated[str, StringConstraints(max_length=ABOUT_CHARS), Prose, PlainLine] = ""


class SectionInput(Input):
    """What is entered for a section of a version; one without a text is left out."""

    name: Annotated[str, StringConstraints(max_length=NAME_CHARS), Prose, PlainLine] = ""
    text: Annotated[str, StringConstraints(max_length=MOST_CHARS), Prose, Plain]

    @property
    def part(self) -> PromptPart:
        return PromptPart(self.name or UNNAMED, self.text)


class VersionInput(Input):
    """What is entered for a version."""

    sections: Sections[SectionInput]
    model: Annotated[str, StringConstraints(max_length=200), Prose, PlainLine] = ""
    temperature: (
        Annotated[
            float,
            Field(ge=0, le=2),
            Refusal("Enter a number, or leave it empty.", fault="float_parsing"),
            Refusal("Temperature must be between 0 and 2."),
        ]
        | None
    ) = None
    max_tokens: (
        Annotated[
            int,
            Field(ge=1, le=MOST_TOKENS),
            Refusal("Enter a whole number, or leave it empty.", fault="int_parsing"),
            Refusal(f"Max tokens must be between 1 and {number(MOST_TOKENS)}."),
        ]
        | None
    ) = None
    note: Annotated[str, StringConstraints(max_length=NOTE_CHARS), Prose, Plain] = ""

    @property
    def parts(self) -> list[PromptPart]:
        return [section.part for section in self.sections]


def refuse_unfit(parts: Sequence[PromptPart], built_in: BuiltIn) -> None:
    """Raises `Invalid` for variables that a built-in prompt doesn't have, and for those it needs and doesn't use."""
    used = variables_in(parts)
    if unknown := [name for name in used if name not in built_in.variables]:
        names = ", ".join(built_in.variables) or "none"
        raise Invalid(f"Unknown variables: {', '.join(unknown)}. This prompt has: {names}.", field="text")
    if missing := [name for name in built_in.needs if name not in used]:
        raise Invalid(f"This prompt must contain {', '.join('{{' + name + '}}' for name in missing)}.", field="text")
