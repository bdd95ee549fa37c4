"""Access to runs: of their owner alone, whatever the role of others."""

from webapp.accounts.guards import current_user, found
from webapp.workflows import queries
from webapp.workflows.tables import WorkflowRun


def own_run(id: str) -> WorkflowRun:
    return found(queries.own_run(current_user().id, id))
