"""The form that sends a message."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField, TextAreaField

from webapp.base.errors import AppError, Invalid
from webapp.base.ids import new_id
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files.attachments import MOST_FILES, File, joined, parted
from webapp.chat.record.tables import FollowUp
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.permissions import refuse_without
from webapp.web.forms import Form

# What can be named once in a message.
ONE_OF_EACH = ("answered_by", "spoken_by")
# What is chosen for a new chat besides its text, and how many of each.
FOR_A_NEW_CHAT, MOST_CHOICES = ("project", "model", "models", "knowledge", "tools", "temporary"), 100


def choices_in(values: MultiDict[str, str]) -> dict[str, Any]:
    """Returns what was chosen for a new chat, from its form or from an address: the address of its page can say all of it."""
    return {name: values.getlist(name)[:MOST_CHOICES] for name in FOR_A_NEW_CHAT if name in values}


class MessageForm(Form):
    """The composer's form. `key` identifies one sending, so that submitting it twice sends once.

    `after` is the id of the last message that the person saw, `part` are attachments already uploaded (the browser's own file
    field adds more), `temporary` applies to new chats only, `knowledge` are ids of collections, `tools` keys of tools and
    `project` the id of the project for a new chat, and `speaker` is the character of a group that is to answer. `pick` is a
    reply that the last answer offered, and `keep` says that an edit keeps what follows. After a name that no prompt has,
    `instead` is the one that was meant, and `anyway` sends the text as it is. What was named in the composer is in `knowledge`,
    for new chats and one's own, in `answered_by`, the model of this answer alone, and in `spoken_by`, the character who answers.
    `models` answer in a new chat side by side; with `alone`, only the chat's own model does.
    """

    unknown_prompt: str = ""
    similar_prompts: Sequence[str] = ()

    message = TextAreaField("Message")
    part = SelectMultipleField("Files", choices=[], validate_choice=False)
    key = HiddenField()
    model = StringField("Model")
    after = HiddenField()
    temporary = BooleanField("Temporary")
    knowledge = SelectMultipleField("Collections", choices=[], validate_choice=False)
    tools = SelectMultipleField("Tools", choices=[], validate_choice=False)
    speaker = StringField("Who answers")
    pick = StringField("Suggested reply")
    keep = HiddenField()
    instead = StringField("Prompt")
    anyway = StringField("Send anyway")
    answered_by = StringField("Model of this answer")
    spoken_by = StringField("Character")
    models = SelectMultipleField("Models side by side", choices=[], validate_choice=False)
    alone = StringField("Who answers")
    project = HiddenField()

    @classmethod
    def new(cls, *, model: str = "", message: str = "", knowledge: Sequence[str] = (), mentions: str = "") -> "MessageForm":
        """Returns an empty form with a new key."""
        form = cls.fresh(key=new_id(), model=model, message=message, knowledge=knowledge)
        form.add_mentions(mentions)
        return form

    @property
    def text(self) -> str:
        """The typed text and its attachments, with LF line ends: forms send CRLF."""
        sent = [storage for storage in request.files.getlist("file") if storage.filename][: MOST_FILES + 1]
        me = user_or_none()
        if me and sent:
            refuse_without(me, "upload")
        blocks = [attachment_service.block_for(me.id if me else "", storage.filename or "", storage.stream) for storage in sent]
        return joined(self._typed_text, [*self._parts, *blocks])

    def with_text(self, text: str) -> str:
        """Returns another text joined with the attachments of this form."""
        return joined(text, self._parts)

    @property
    def typed(self) -> str:
        """The text in the composer, without attachments."""
        return parted(self._typed_text)[0]

    @property
    def typed_instead(self) -> str:
        """The typed text, with the name of another prompt if one was chosen."""
        name = self.instead.data
        return re.sub(r"^\s*/\S+", f"/{name}", self.typed) if name else self.typed

    @property
    def files(self) -> tuple[File, ...]:
        """The attachments shown above the text."""
        return (*parted(self._typed_text)[1], *(file for part in self._parts for file in parted(part)[1]))

    @property
    def mentions(self) -> str:
        """What was named in the composer, as a query string."""
        named = (("knowledge", self.knowledge.data or ()), *((name, self[name].data or "") for name in ONE_OF_EACH))
        return urlencode({name: value for name, value in named if value}, doseq=True)

    def add_mentions(self, mentions: str) -> None:
        """Adds what a draft names, as a query string."""
        named = parse_qs(mentions)
        self.knowledge.data = list(dict.fromkeys([*(self.knowledge.data or ()), *named.get("knowledge", ())]))
        for name in ONE_OF_EACH:
            self[name].data = self[name].data or next(iter(named.get(name, ())), "")

    @property
    def _typed_text(self) -> str:
        typed = (self.message.data or "").replace("\r\n", "\n")
        # What has been typed isn't lost when a suggested reply is sent: it follows.
        return "\n\n".join(filter(None, (self.pick.data, typed))) if self.pick.data else typed

    @property
    def _parts(self) -> list[str]:
        return [part_text.replace("\r\n", "\n") for part_text in self.part.data or ()]

    def _take(self, refusal: AppError) -> None:
        self.refusal = refusal
        self.message.errors = [refusal.message]
        if isinstance(refusal, Invalid):
            # A corrected text counts as another sending, so it needs a new key.
            self.key.data = new_id()


def queued_mentions(queued: FollowUp) -> str:
    """Returns what a queued message names, as a query string."""
    named = zip(ONE_OF_EACH, (queued.answered_by, queued.speaker_id), strict=True)
    return urlencode({name: value for name, value in named if value})
