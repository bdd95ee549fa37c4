"""The form of a text script."""

from typing import Self

from wtforms import BooleanField, SelectField, StringField, TextAreaField

from webapp.base.untrusted_json import JsonObject
from webapp.characters.scripts.editing import ScriptInput, fields_of
from webapp.characters.text_scripts import TextScript
from webapp.web.forms import InputForm, options

CODE: JsonObject = {"dir": "auto", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
WHOLE: JsonObject = {"inputmode": "numeric", "autocomplete": "off", "maxlength": 5}
PLACES = {"both": "What is shown and what is sent", "shown": "Only what is shown", "sent": "Only what is sent to the model"}
NAMINGS = {
    "0": "Stay as written",
    "2": "Replaced by the names, literally",
    "1": "Replaced by the names, as part of the expression",
}


class ScriptForm(InputForm[ScriptInput]):
    takes = ScriptInput
    # A hash of the script when the page was opened, so that concurrent changes are not overwritten.
    was = StringField(default="")
    name = StringField("Name", render_kw={"autocomplete": "off"})
    find = StringField(
        "Find",
        description="A regular expression, such as /\\[mood: (.*?)\\]/g. The g replaces all matches, an i ignores case.",
        render_kw=CODE,
    )
    replacement = TextAreaField(
        "Replace with",
        description="{{match}} is the whole match, $1 its first group, {{char}} and {{user}} the names. "
        "Leave empty to remove the match.",
        render_kw={"rows": 4, "dir": "auto", "spellcheck": "false"},
    )
    where = SelectField("It changes", choices=options(PLACES))
    is_for_character = BooleanField("Messages of the character")
    is_for_person = BooleanField("Messages of the person")
    is_enabled = BooleanField("On")
    least_depth = StringField(
        "From depth", description="The last message has depth 0. Leave empty for no limit.", render_kw=WHOLE
    )
    most_depth = StringField("To depth", render_kw=WHOLE)
    trims = TextAreaField(
        "Remove from match",
        default="",
        description="One text per line.",
        render_kw={"rows": 2, "dir": "auto", "spellcheck": "false"},
    )
    naming = SelectField("{{char}} and {{user}} in Find", choices=options(NAMINGS))

    @classmethod
    def for_script(cls, script: TextScript, was: str) -> Self:
        naming = str(script.naming) if str(script.naming) in NAMINGS else "0"
        return cls.from_row(script, **fields_of(script) | {"trims": "\n".join(script.trims)}, naming=naming, was=was)

    @property
    def values(self) -> JsonObject:
        texts = {
            "replacement": (self.replacement.data or "").replace("\r\n", "\n"),
            "trims": (self.trims.data or "").splitlines(),
        }
        return super().values | texts
