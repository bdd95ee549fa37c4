"""Tells people that their own budget is nearly or all used: once in each period, on the channels they have chosen."""

from sqlalchemy import select

from webapp.base import languages
from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.engine.chores import Chore
from webapp.operations.budgets import queries
from webapp.operations.budgets.periods import limit_words, local
from webapp.operations.budgets.queries import Level
from webapp.operations.budgets.tables import Budget
from webapp.people.notices.telling import REACHABLE, tell
from webapp.settings.service import setting

EVERY_SECONDS = 60.0
# What this process has told, so that it doesn't ask the database each minute.
TOLD = PerApp[set[str]](set)


def check() -> bool:
    """Tells of the budgets that have passed a limit; runs no query while no one has a channel. Always returns True."""
    people = REACHABLE.get() if setting("budgets.enabled") else frozenset[str]()
    if people:
        budgets = db.session.scalars(select(Budget).where(Budget.who == "user")).all()
        levels = queries.levels([budget for budget in budgets if budget.who_id in people])
        db.session.rollback()
        for level in levels:
            _tell(level)
    return True


wake = Chore("notices of budgets", check, every_seconds=EVERY_SECONDS, most_seconds=EVERY_SECONDS).wake


@languages.using(languages.ENGLISH)
def _tell(level: Level) -> None:
    budget, told = level.budget, TOLD.get()
    # What running answers have reserved may come back.
    share = level.used / budget.most
    if share < min(1.0, budget.warn_at):
        return
    once = f"budget {budget.id} {level.resets_at:%Y-%m-%d} {'whole' if share >= 1 else 'near'}"
    if once in told:
        return
    title = "Your budget is used up" if share >= 1 else f"{int(100 * share)} % of your budget is used"
    words = f"It resets on {local(level.resets_at)}."
    tell(budget.who_id, "budget", limit_words(budget), "/budgets", words, title=title, once=once)
    told.add(once)
