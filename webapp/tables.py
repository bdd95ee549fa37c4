"""Every table, in one import for migrations."""

from webapp.accounts import tables as accounts
from webapp.characters import tables as characters
from webapp.chat import tables as chat
from webapp.generations import tables as generations
from webapp.plans import tables as plans
from webapp.settings import tables as settings

__all__ = ["accounts", "characters", "chat", "generations", "plans", "settings"]
