"""Access to a plan: only its owner has it, whatever the role of others."""

from webapp.accounts.guards import current_user, found
from webapp.accounts.roles import may
from webapp.accounts.tables import User
from webapp.errors import Forbidden
from webapp.plans import queries
from webapp.plans.tables import Plan


def planner() -> User:
    """Returns the signed-in person; raises `Forbidden` for guests."""
    user = current_user()
    if not may(user.role, "make plans"):
        raise Forbidden("Guests can't use plans.")
    return user


def own_plan(id: str) -> Plan:
    return found(queries.own_plan(planner().id, id))
