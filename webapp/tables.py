"""Every table, in one import for migrations."""

from webapp.accounts import tables as accounts
from webapp.alerts import tables as alerts
from webapp.budgets import tables as budgets
from webapp.characters import tables as characters
from webapp.chat import tables as chat
from webapp.chat.files import tables as files
from webapp.connections import tables as connections
from webapp.engine import tables as generations
from webapp.experiments import tables as experiments
from webapp.insights import tables as insights
from webapp.knowledge import tables as knowledge
from webapp.plans import tables as plans
from webapp.preferences import tables as preferences
from webapp.prompts import tables as prompts
from webapp.settings import tables as settings
from webapp.workflows import tables as workflows

__all__ = [
    "accounts",
    "alerts",
    "budgets",
    "characters",
    "chat",
    "connections",
    "experiments",
    "files",
    "generations",
    "insights",
    "knowledge",
    "plans",
    "preferences",
    "prompts",
    "settings",
    "workflows",
]
