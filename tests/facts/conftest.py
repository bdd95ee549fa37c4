"""Clients and chats for facts, with the scripted upstream as the model."""

from tests.api.conftest import other, program
from tests.chat.conftest import answered, app, begin

__all__ = ["answered", "app", "begin", "other", "program"]
