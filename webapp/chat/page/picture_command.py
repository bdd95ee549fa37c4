"""`/picture` at the beginning of a message has the model for pictures answer it."""

import re

from webapp.chat.messages.forms import MessageForm
from webapp.models.connections.models import PICTURE_MODEL
from webapp.people.accounts.guards import user_or_none
from webapp.settings.service import setting

COMMAND = re.compile(r"\s*/picture(?:\s+|$)")


def take_picture_command(form: MessageForm) -> None:
    """Leaves the word out of the message and names the model instead, as a chip does; without such a model, it is only a word."""
    typed = form.message.data or ""
    if (match := COMMAND.match(typed)) and user_or_none() and (model := str(setting(PICTURE_MODEL))):
        form.message.data, form.answered_by.data = typed[match.end() :], form.answered_by.data or model
