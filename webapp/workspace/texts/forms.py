"""The form of a text beside a chat: all of it, and a part of it with what is wished for."""

import re

from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webapp.base.errors import Invalid
from webapp.base.languages import gettext
from webapp.web.forms import InputForm
from webapp.workspace.texts import parts
from webapp.workspace.texts.changing import MOST_WISH, NO_PART, WishInput
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.service import TextInput

NUMBER = re.compile(r"[0-9]{1,9}")
PLACE = re.compile(r"(?P<of>[bs])(?P<start>\d{1,9})-(?P<end>\d{1,9})")


class TextForm(InputForm[TextInput]):
    """A version as it is typed, in an editor that was opened at the version `since`.

    The part is a place in the version that was shown (`b`), or in what was typed (`s`).
    """

    takes = TextInput
    text = TextAreaField("Text", render_kw={"maxlength": False, "dir": "auto", "spellcheck": "true"})
    version = HiddenField()
    since = HiddenField(default="0")
    part = SelectField("Change this part", choices=[], validate_choice=False)
    wish = StringField("What should change", render_kw={"maxlength": MOST_WISH, "autocomplete": "off", "dir": "auto"})

    def offering(self, text: str) -> "TextForm":
        """Offers all of the text and its blocks."""
        end = len(text.rstrip())
        choices = [SelectChoice(f"b0-{end}", gettext("All of the text"))]
        self.part.choices = choices + [SelectChoice(f"b{block.start}-{block.end}", block.words) for block in parts.blocks(text)]
        return self

    @property
    def opened_at(self) -> int:
        return int(self.since.data) if NUMBER.fullmatch(self.since.data or "") else 0

    def wish_for(self, saved: TextVersion, before: str) -> WishInput:
        """Returns the change that is wished for, with the part's place in the version that was just saved."""
        match, text = PLACE.fullmatch(self.part.data or ""), saved.text()
        if not match:
            raise Invalid(NO_PART, field="part")
        start, end = int(match["start"]), int(match["end"])
        place = parts.moved(before, start, end, text) if match["of"] == "b" else (start, end)
        if not place:
            raise Invalid("This part was edited as well. It is saved: choose it once more.", field="part")
        return WishInput.entered({"start": place[0], "end": place[1], "wish": (self.wish.data or "").strip()})
