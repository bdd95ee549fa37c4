"""The form that sends a message."""

import re
from collections.abc import Sequence

from flask import request
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField, TextAreaField

from webapp.base.errors import AppError, Invalid
from webapp.base.ids import new_id
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files.attachments import MOST_FILES, File, joined, parted
from webapp.people.accounts.guards import user_or_none
from webapp.web.forms import Form


class MessageForm(Form):
    """The composer's form. `key` identifies one sending, so that submitting it twice sends once.

    `after` is the id of the last message that the person saw, `part` are attachments already uploaded (the browser's own file
    field adds more), `temporary` and `knowledge`, the ids of collections, apply to new chats only, and `speaker` is the character
    of a group that is to answer. `keep` says that an edit keeps what follows. After a name that no prompt has, `instead` is the
    one that was meant, and `anyway` sends the text as it is.
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
    speaker = StringField("Who answers")
    keep = HiddenField()
    instead = StringField("Prompt")
    anyway = StringField("Send anyway")

    @classmethod
    def new(cls, *, model: str = "", message: str = "", knowledge: Sequence[str] = ()) -> "MessageForm":
        """Returns an empty form with a new key."""
        return cls.fresh(key=new_id(), model=model, message=message, knowledge=knowledge)

    @property
    def text(self) -> str:
        """The typed text and its attachments, with LF line ends: forms send CRLF."""
        sent = [storage for storage in request.files.getlist("file") if storage.filename][: MOST_FILES + 1]
        me = user_or_none()
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
    def _typed_text(self) -> str:
        return (self.message.data or "").replace("\r\n", "\n")

    @property
    def _parts(self) -> list[str]:
        return [part_text.replace("\r\n", "\n") for part_text in self.part.data or ()]

    def _take(self, refusal: AppError) -> None:
        self.refusal = refusal
        self.message.errors = [refusal.message]
        if isinstance(refusal, Invalid):
            # A corrected text counts as another sending, so it needs a new key.
            self.key.data = new_id()
