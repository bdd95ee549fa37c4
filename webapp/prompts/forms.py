"""The forms of prompts: a field for each section, and an empty one to add another."""

import re
from collections.abc import Iterable
from typing import Any, Self

from flask import request
from wtforms import BooleanField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.prompts import queries
from webapp.prompts.queries import Version
from webapp.prompts.template import PromptPart
from webapp.prompts.validation import ABOUT_CHARS, KEY_CHARS, MOST_PARTS, UNNAMED, PromptInput, VersionInput, key_from
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import PLAIN, InputForm

UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class VersionForm(InputForm[VersionInput]):
    """A version being edited; `seen` is the newest version that its author has read."""

    takes = VersionInput
    renamed = {"sections": "text"}
    parts: tuple[PromptPart, ...] = ()
    text = TextAreaField("Sections")
    model = StringField("Model", render_kw={**PLAIN, "placeholder": "Default model"})
    temperature = StringField("Temperature", render_kw={**PLAIN, "inputmode": "decimal", "placeholder": "Model default"})
    max_tokens = StringField("Max tokens", render_kw={**PLAIN, "inputmode": "numeric", "placeholder": "No limit"})
    note = StringField("Note", description="What you changed, and why.", render_kw={"autocomplete": "off"})

    @classmethod
    def of(cls, version: Version) -> Self:
        return cls.from_row(version, text="", note="").with_parts(version.parts)

    @classmethod
    def sent(cls) -> Self:
        # Removes control characters, which people could neither see nor delete in the field.
        names, texts = ([UNSEEN.sub("", part) for part in request.form.getlist(field)] for field in ("name", "text"))
        # Reads more than the limit, so that too many sections are refused rather than silently cut.
        most = min(len(texts), MOST_PARTS + 2)
        return cls.opened().with_parts(PromptPart(*pair) for pair in zip([*names, *("",) * most][:most], texts, strict=False))

    def with_parts(self, parts: Iterable[PromptPart]) -> Self:
        self.parts = tuple(part for part in parts if part.text.strip())
        return self

    @property
    def is_plain(self) -> bool:
        """Returns whether it is one text without a heading, which needs no sections."""
        return not self.parts or (len(self.parts) == 1 and self.parts[0].name in ("", UNNAMED))

    @property
    def rows(self) -> list[PromptPart]:
        """The sections, and an empty one to add another."""
        return [*self.parts, PromptPart("", "")]

    @property
    def seen(self) -> int | None:
        typed = request.form.get("seen", "")
        return int(typed) if typed.isdecimal() and len(typed) < 8 else None

    @property
    def values(self) -> dict[str, Any]:
        values = super().values | {"sections": [{"name": part.name, "text": part.text} for part in self.parts]}
        return values | {name: values[name].replace(",", ".") for name in ("temperature", "max_tokens") if values.get(name)}


class PromptForm(VersionForm):
    """A new prompt with its first version."""

    title = StringField(
        "Title",
        default="",
        render_kw={"autocomplete": "off", "required": True, "maxlength": KEY_CHARS, "placeholder": "Weekly review"},
    )
    key = StringField(
        "Name",
        default="",
        description="What you type after / in a message. Leave empty to use the title, such as weekly-review.",
        render_kw={**PLAIN, "maxlength": KEY_CHARS},
    )
    about = StringField("What it's for", default="", render_kw={"maxlength": ABOUT_CHARS, "autocomplete": "off", "dir": "auto"})
    is_teams = BooleanField("Share with the team")

    @property
    def prompt(self) -> PromptInput:
        title, key = " ".join((self.title.data or "").split()), (self.key.data or "").strip()
        if not key and not (key := key_from(title)):
            words = "Write a name in Latin letters or digits under More." if title else "Give it a title."
            raise Invalid(words, field="key" if title else "title")
        self.key.data = key
        # A prompt is called by its name, so what the name lost of the title is kept beside it.
        is_lost = title and queries.title_of(key).lower() != title.lower()
        return PromptInput.entered({"key": key, "about": self.about.data or (title if is_lost else "")})

    @property
    def more(self) -> FieldGroup:
        return FieldGroup(_("More"), [self.key, self.about])

    @property
    def is_for_team(self) -> bool:
        return bool(self.is_teams.data)
