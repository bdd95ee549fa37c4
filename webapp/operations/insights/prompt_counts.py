"""Counts the answers of the last days by the keys of their prompts, for the prompt library."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from webapp.base.db import utc_now
from webapp.operations.insights import days
from webapp.operations.insights.figures import beginning, stepping, summed_by
from webapp.operations.insights.queries import AnswerFilter
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts

DAYS = 14


def of_days(me: User) -> Mapping[str, Sequence[int]]:
    """Returns the answers of each day by key, oldest first; members see only their own."""
    now = utc_now()
    since, day_of = beginning(now, "day") - timedelta(days=DAYS - 1), stepping("day")
    wanted = AnswerFilter(since, now, "" if may(me.role, "administer") else me.id)
    _, parts = summed_by(days.known(wanted), {"cell": lambda one: (day_of(one), one.prompt)})
    found = dict[str, list[int]]()
    for (day, prompt), figures in parts["cell"].items():
        for key in active_prompts.keys_in(prompt):
            found.setdefault(key, [0] * DAYS)[(day - since).days] += figures.answers
    return found
