"""Every table, in one import for migrations."""

from webapp.accounts import tables as accounts
from webapp.chat import tables as chat
from webapp.generations import tables as generations
from webapp.settings import tables as settings

__all__ = ["accounts", "chat", "generations", "settings"]
