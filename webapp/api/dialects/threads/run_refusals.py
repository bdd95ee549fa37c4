"""The refusal of a message in a run whose model a used-up budget refused."""

from webapp.base.db import db, utc_now
from webapp.base.errors import OverBudget
from webapp.operations.budgets.periods import refusal
from webapp.operations.budgets.tables import Budget
from webapp.workflows.shown import refusing_budget
from webapp.workflows.tables import WorkflowRun


def refused_by_budget(run: WorkflowRun) -> OverBudget | None:
    """Returns the refusal for which a run is paused, with when its budget resets."""
    id = refusing_budget(run)
    budget = db.session.get(Budget, id) if id else None
    return refusal(budget, utc_now()) if budget else None
