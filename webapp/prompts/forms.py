"""The forms of prompts: a field for each section, and an empty one to add another."""

import re
from collections.abc import Iterable
from typing import Self

from flask import request
from wtforms import BooleanField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.prompts.queries import Version
from webapp.prompts.template import Part
from webapp.prompts.validation import ABOUT_CHARS, KEY_CHARS, MOST_PARTS, NOTE_CHARS, VersionInput
from webapp.web.forms import PLAIN, Form

UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class VersionForm(Form):
    """A version being edited; `seen` is the newest version that its author has read."""

    parts: tuple[Part, ...] = ()
    # Named as the fields of the errors that the service raises.
    text = TextAreaField("Sections", default="")
    model = StringField("Model", default="", render_kw={**PLAIN, "maxlength": 200, "placeholder": "Default model"})
    temperature = StringField(
        "Temperature", default="", render_kw={**PLAIN, "inputmode": "decimal", "placeholder": "Model default"}
    )
    max_tokens = StringField("Max tokens", default="", render_kw={**PLAIN, "inputmode": "numeric", "placeholder": "No limit"})
    note = StringField(
        "Note", default="", description="What you changed, and why.", render_kw={"maxlength": NOTE_CHARS, "autocomplete": "off"}
    )

    @classmethod
    def of(cls, version: Version) -> Self:
        numbers = {"temperature": version.temperature, "max_tokens": version.max_tokens}
        typed = {name: "" if value is None else f"{value}" for name, value in numbers.items()}
        return cls.fresh(model=version.model, **typed).with_parts(version.parts)

    @classmethod
    def sent(cls) -> Self:
        # Removes control characters, which people could neither see nor delete in the field.
        names, texts = ([UNSEEN.sub("", part) for part in request.form.getlist(field)] for field in ("name", "text"))
        # Reads more than the limit, so that too many sections are refused rather than silently cut.
        most = min(len(texts), MOST_PARTS + 2)
        return cls.opened().with_parts(Part(*pair) for pair in zip([*names, *("",) * most][:most], texts, strict=False))

    def with_parts(self, parts: Iterable[Part]) -> Self:
        self.parts = tuple(part for part in parts if part.text.strip())
        return self

    @property
    def rows(self) -> list[Part]:
        """The sections, and an empty one to add another."""
        return [*self.parts, Part("", "")]

    @property
    def seen(self) -> int | None:
        typed = request.form.get("seen", "")
        return int(typed) if typed.isdecimal() and len(typed) < 8 else None

    @property
    def entered(self) -> VersionInput:
        tokens = _number(self.max_tokens.data or "", "max_tokens")
        if tokens is not None and tokens != int(tokens):
            raise Invalid("Enter a whole number.", field="max_tokens")
        return VersionInput(
            self.parts,
            model=self.model.data or "",
            temperature=_number(self.temperature.data or "", "temperature"),
            max_tokens=None if tokens is None else int(tokens),
            note=self.note.data or "",
        )


class PromptForm(VersionForm):
    """A new prompt with its first version."""

    key = StringField(
        "Name",
        default="",
        description="Lowercase letters, digits and hyphens. Send /name as a message to use it.",
        render_kw={**PLAIN, "required": True, "maxlength": KEY_CHARS, "placeholder": "weekly-review"},
    )
    about = StringField("What it's for", default="", render_kw={"maxlength": ABOUT_CHARS, "autocomplete": "off", "dir": "auto"})
    is_teams = BooleanField("For the whole team, edited by its admins")

    @property
    def named(self) -> tuple[str, str]:
        return self.key.data or "", self.about.data or ""

    @property
    def is_for_team(self) -> bool:
        return bool(self.is_teams.data)


def _number(typed: str, field: str) -> float | None:
    if not (typed := typed.strip().replace(",", ".")):
        return None
    try:
        number = float(typed) if len(typed) <= 12 else float("nan")
    except ValueError:
        number = float("nan")
    if not 0 <= number < 1e9:
        raise Invalid("Enter a number, or leave it empty.", field=field)
    return number
