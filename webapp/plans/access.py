"""Access to a plan: only its owner has it, whatever the role of others."""

from webapp.base.errors import Forbidden
from webapp.people.accounts.guards import current_user, found
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
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
