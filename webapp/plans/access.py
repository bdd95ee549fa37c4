"""Whose plan it is: nobody else's, of whatever role."""

from webapp.accounts.roles import may
from webapp.accounts.tables import User
from webapp.errors import Forbidden
from webapp.plans import queries
from webapp.plans.tables import Plan
from webapp.web.guards import current_user, found


def planner() -> User:
    """The person who is signed in, if plans are for them."""
    user = current_user()
    if not may(user.role, "make plans"):
        raise Forbidden("Plans are not for guests.")
    return user


def own_plan(id: str) -> Plan:
    return found(queries.own_plan(planner().id, id))
