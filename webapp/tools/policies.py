"""What tools may do: an admin decides for everyone and, stricter, for a group; people may be stricter for themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.people.accounts.tables import Membership, User
from webapp.tools.tables import ToolPolicy
from webapp.tools.tool import Policy, Tool

# From the mildest to the strictest.
POLICIES: tuple[Policy, ...] = ("allow", "ask", "deny")
EVERYONE = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """What holds for one person: `decided` for everyone, `limits` for their groups or by themselves.

    `free` are the tools to which the outside rule doesn't apply.
    """

    decided: Mapping[str, Policy]
    limits: Mapping[str, Policy]
    free: frozenset[str]

    def of(self, tool: Tool) -> Policy:
        return self.by_key(tool.key, tool.policy)

    def by_key(self, key: str, usual: Policy) -> Policy:
        """Returns the policy of a tool whose usual one is this."""
        return max(self.decided.get(key, usual), self.limits.get(key, "allow"), key=POLICIES.index)


def policies_for(user: User | None, *, with_own: bool = True) -> Policies:
    """Returns what holds for a person or, without one, for everyone; `with_own` says whether their own limits count."""
    are_meant = ToolPolicy.whose == EVERYONE
    if user:
        groups = select(Membership.group_id).where(Membership.user_id == user.id)
        are_meant = or_(are_meant, ToolPolicy.whose.in_(groups), *([ToolPolicy.whose == user.id] if with_own else []))
    decided, limits, free = dict[str, Policy](), dict[str, Policy](), set[str]()
    for row in db.session.scalars(select(ToolPolicy).where(are_meant)):
        if row.whose == EVERYONE:
            decided[row.tool] = row.policy
            free |= {row.tool} if row.is_free else set()
        else:
            limits[row.tool] = max(row.policy, limits.get(row.tool, "allow"), key=POLICIES.index)
    return Policies(decided, limits, frozenset(free))


def policy_rows(tool: str) -> dict[str, ToolPolicy]:
    """Returns what is decided about a tool, by whose decision it is: everyone's, or the id of a group or a person."""
    return {row.whose: row for row in db.session.scalars(select(ToolPolicy).where(ToolPolicy.tool == tool))}


def own_limits(user: User) -> dict[str, Policy]:
    """Returns what a person has decided for themselves, by tool."""
    query = select(ToolPolicy.tool, ToolPolicy.policy).where(ToolPolicy.whose == user.id)
    return {row.tool: row.policy for row in db.session.execute(query)}


def decide(
    session: Session,
    tool: str,
    policy: Policy | None,
    *,
    group_id: str | None = None,
    user_id: str | None = None,
    is_free: bool = False,
) -> bool:
    """Sets the policy of a tool for a group, a person or, with neither, everyone; None removes it. Returns whether it changed."""
    whose = group_id or user_id or EVERYONE
    row = session.get(ToolPolicy, (tool, whose))
    before = (row.policy, row.is_free) if row else (None, False)
    if policy is None:
        session.execute(delete(ToolPolicy).where(ToolPolicy.tool == tool, ToolPolicy.whose == whose))
    else:
        session.merge(ToolPolicy(tool=tool, whose=whose, group_id=group_id, user_id=user_id, policy=policy, is_free=is_free))
    return before != (policy, is_free)
