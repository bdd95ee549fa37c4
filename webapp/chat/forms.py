"""The form that sends a message."""

from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from webapp.errors import AppError, Invalid
from webapp.ids import new_id
from webapp.web.forms import Form


class MessageForm(Form):
    """`key` names one sending, so that pressing twice is sending once; `after` is the message that was seen last.

    `temporary` is for a new chat alone.
    """

    message = TextAreaField("Message")
    key = HiddenField()
    model = StringField("Model")
    after = HiddenField()
    temporary = BooleanField("Temporary")

    @classmethod
    def new(cls, *, model: str = "", message: str = "") -> "MessageForm":
        """The form of a new sending."""
        return cls.fresh(key=new_id(), model=model, message=message)

    @property
    def text(self) -> str:
        """What was typed, with the line ends that were typed: forms send CRLF."""
        return (self.message.data or "").replace("\r\n", "\n")

    def _take(self, refusal: AppError) -> None:
        self.refusal = refusal
        self.message.errors = [refusal.message]
        if isinstance(refusal, Invalid):
            # Other words will be another sending.
            self.key.data = new_id()
