"""The form that sends a message."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField

from webapp.errors import Invalid
from webapp.ids import new_id


class MessageForm(FlaskForm):  # type: ignore[misc]
    """`key` names one sending, so that pressing twice is sending once."""

    message = TextAreaField("Message")
    key = HiddenField()
    model = StringField("Model")

    @classmethod
    def fresh(cls, model: str = "") -> "MessageForm":
        """An empty form for a new message."""
        return cls(formdata=None, key=new_id(), model=model)

    @property
    def text(self) -> str:
        """What was typed, with the line ends that were typed: forms send CRLF."""
        return (self.message.data or "").replace("\r\n", "\n")

    def refused(self, error: Any) -> "MessageForm":
        """The same form with the reason beside the field, and a new key when another text may be sent."""
        self.message.errors = [error.message]
        if isinstance(error, Invalid):
            self.key.data = new_id()
        return self
