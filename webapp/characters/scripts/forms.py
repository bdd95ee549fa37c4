"""The form of a text script."""

from typing import Any

from wtforms import BooleanField, SelectField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.characters.scripts.editing import FLAGS, ScriptInput, fields_of
from webapp.characters.text_scripts import (
    EXPRESSION_CHARS,
    MOST_DEPTH,
    NAME_CHARS,
    REPLACEMENT_CHARS,
    TextScript,
)
from webapp.web.forms import Form, options

CODE: dict[str, Any] = {"dir": "auto", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
WHOLE: dict[str, Any] = {"inputmode": "numeric", "autocomplete": "off", "maxlength": 5}
PLACES = {"both": "What is shown and what is sent", "shown": "Only what is shown", "sent": "Only what is sent to the model"}
NAMINGS = {"0": "Stay as written", "2": "Become the names, taken literally", "1": "Become the names, as part of the expression"}


class ScriptForm(Form):
    # A hash of the script when the page was opened, so that concurrent changes are not overwritten.
    was = StringField("was", default="")
    name = StringField("Name", default="", render_kw={"maxlength": NAME_CHARS, "autocomplete": "off"})
    find = StringField(
        "Find",
        default="",
        description="A regular expression, such as /\\[mood: (.*?)\\]/g. The g replaces all matches, an i ignores case.",
        render_kw={"maxlength": EXPRESSION_CHARS, "required": True, **CODE},
    )
    replacement = TextAreaField(
        "Replace with",
        default="",
        description="{{match}} is the whole match, $1 its first group, {{char}} and {{user}} the names. Empty removes the match.",
        render_kw={"maxlength": REPLACEMENT_CHARS, "rows": 4, "dir": "auto", "spellcheck": "false"},
    )
    where = SelectField("It changes", choices=options(PLACES), default="both", validate_choice=False)
    is_for_character = BooleanField("Messages of the character", default=True)
    is_for_person = BooleanField("Messages of the person")
    is_enabled = BooleanField("On", default=True)
    least_depth = StringField(
        "From depth",
        default="",
        description="The last message has depth 0. Empty is no limit.",
        render_kw=WHOLE,
    )
    most_depth = StringField("To depth", default="", render_kw=WHOLE)
    trims = TextAreaField(
        "Remove from what was found",
        default="",
        description="One text on each line.",
        render_kw={"rows": 2, "dir": "auto", "spellcheck": "false"},
    )
    naming = SelectField("{{char}} and {{user}} in Find", choices=options(NAMINGS), default="0", validate_choice=False)

    @classmethod
    def of(cls, script: TextScript, was: str) -> "ScriptForm":
        return cls.fresh(
            **fields_of(script) | {"trims": "\n".join(script.trims)},
            was=was,
            name=script.name,
            replacement=script.replacement,
            is_enabled=script.is_enabled,
            least_depth="" if script.least_depth is None else str(script.least_depth),
            most_depth="" if script.most_depth is None else str(script.most_depth),
            naming=str(script.naming) if str(script.naming) in NAMINGS else "0",
        )

    @property
    def entered(self) -> ScriptInput:
        return ScriptInput(
            name=self.name.data or "",
            find=self.find.data or "",
            replacement=(self.replacement.data or "").replace("\r\n", "\n"),
            trims=(self.trims.data or "").splitlines(),
            where=self.where.data if self.where.data in FLAGS else "both",
            is_for_character=bool(self.is_for_character.data),
            is_for_person=bool(self.is_for_person.data),
            is_enabled=bool(self.is_enabled.data),
            least_depth=self._depth("least_depth"),
            most_depth=self._depth("most_depth"),
            naming=int(self.naming.data) if self.naming.data in NAMINGS else 0,
        )

    def _depth(self, name: str) -> int | None:
        typed = (self[name].data or "").strip()
        if typed and not (typed.isascii() and typed.isdecimal() and len(typed) <= len(str(MOST_DEPTH))):
            raise Invalid(f"Enter a whole number from 0 to {MOST_DEPTH:,}.", field=name)
        return int(typed) if typed else None
