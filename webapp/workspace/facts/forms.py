"""The forms of a fact, and of a file with facts."""

from flask import request
from wtforms import BooleanField, FileField, HiddenField, SelectField, TextAreaField

from webapp.base.languages import gettext as _
from webapp.chat.facts.service import MOST_CHARS
from webapp.chat.facts.tables import Fact
from webapp.chat.record import projects
from webapp.people.accounts.tables import User
from webapp.web.forms import Form

ME = "me"


class FactForm(Form):
    text = TextAreaField("Fact", default="", render_kw={"rows": 2, "maxlength": MOST_CHARS, "dir": "auto", "required": True})
    scope = SelectField("Used in", choices=[], validate_choice=False, default=ME)
    confirm = BooleanField("Remember it although it looks like a secret")

    def offering(self, me: User, fact: Fact | None = None) -> "FactForm":
        """Returns the form with the places where the person can keep a fact; one with a character stays there."""
        theirs = [(f"project:{row.id}", row.name) for row in projects.projects(me, rights=(projects.WRITE,))]
        here = [(f"character:{fact.character_id}", _("This character"))] if fact and fact.character_id else []
        self.scope.choices = [(ME, _("All my chats")), *here, *theirs]
        return self

    @property
    def values(self) -> dict[str, object]:
        kind, _colon, id = (self.scope.data or ME).partition(":")
        return {"text": self.text.data or "", "scope": {"kind": kind, "id": id}, "confirm": bool(self.confirm.data)}


class QuoteForm(FactForm):
    quote = TextAreaField("Words from this text", default="", render_kw={"rows": 2, "dir": "auto", "required": True})
    text = TextAreaField(
        "Fact",
        default="",
        description="One sentence. If empty, these words.",
        render_kw={"rows": 2, "maxlength": MOST_CHARS, "dir": "auto"},
    )
    call = HiddenField(default="")
    from_address = ("call",)

    @property
    def values(self) -> dict[str, object]:
        return {**super().values, "text": self.text.data or self.quote.data or ""}


class FactFileForm(Form):
    file = FileField("File", description="Facts that were exported here, Claude's memories.json, or a text, up to 1 MB.")
    sentences = TextAreaField(
        "Or paste them",
        default="",
        description="One on each line, such as ChatGPT's list of memories.",
        render_kw={"rows": 3, "dir": "auto"},
    )

    @property
    def content(self) -> bytes:
        file = request.files.get("file")
        return file.read() if file and file.filename else (self.sentences.data or "").encode("utf-8", "replace")
