"""The form that sends a message."""

from flask import request
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField, TextAreaField

from webapp.accounts.guards import user_or_none
from webapp.chat.files import service as files
from webapp.chat.messages.attached import MOST_FILES, File, joined, parted
from webapp.errors import AppError, Invalid
from webapp.ids import new_id
from webapp.web.forms import Form


class MessageForm(Form):
    """`key` names one sending, so that pressing twice is sending once; `after` is the message that was seen last.

    `part` are the files that are attached, and the browser's own field of files brings more; `temporary` is for a new
    chat alone, `speaker` for one with several characters: which of them answers.
    """

    message = TextAreaField("Message")
    part = SelectMultipleField("Files", choices=[], validate_choice=False)
    key = HiddenField()
    model = StringField("Model")
    after = HiddenField()
    temporary = BooleanField("Temporary")
    speaker = StringField("Who answers")

    @classmethod
    def new(cls, *, model: str = "", message: str = "") -> "MessageForm":
        """The form of a new sending."""
        return cls.fresh(key=new_id(), model=model, message=message)

    @property
    def text(self) -> str:
        """What was typed and attached, with the line ends that were typed: forms send CRLF."""
        sent = [each for each in request.files.getlist("file") if each.filename][: MOST_FILES + 1]
        me = user_or_none()
        blocks = [files.block_for(me.id if me else "", each.filename or "", each.stream) for each in sent]
        return joined(self._said, [*self._parts, *blocks])

    def with_text(self, text: str) -> str:
        """Other words with the files that stand above them."""
        return joined(text, self._parts)

    @property
    def typed(self) -> str:
        """What stands in the box."""
        return parted(self._said)[0]

    @property
    def files(self) -> tuple[File, ...]:
        """What stands above it."""
        return (*parted(self._said)[1], *(file for part in self._parts for file in parted(part)[1]))

    @property
    def _said(self) -> str:
        return (self.message.data or "").replace("\r\n", "\n")

    @property
    def _parts(self) -> list[str]:
        return [each.replace("\r\n", "\n") for each in self.part.data or ()]

    def _take(self, refusal: AppError) -> None:
        self.refusal = refusal
        self.message.errors = [refusal.message]
        if isinstance(refusal, Invalid):
            # Other words will be another sending.
            self.key.data = new_id()
