"""What people decide about tools: for everyone, for a group, for themselves, and for answers to one of their tokens."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, insert

from webapp.base import audit
from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Invalid
from webapp.people.accounts.tables import Group, User
from webapp.settings.service import setting
from webapp.tools.policies import EVERYONE, POLICIES, decide, policies_for, policy_rows
from webapp.tools.tables import TokenTool
from webapp.tools.token_tools import offers_alone, own_token, tools_by_token
from webapp.tools.tool import Policy, Tool

NEEDS_A_PERSON = "This tool doesn't exist, isn't allowed, or needs a person: {}."


def decide_for_everyone(tool: Tool, policy: Policy | None, *, is_free: bool, author: audit.AuditAuthor) -> None:
    """Sets what a tool may do, and whether the outside rule doesn't hold for it; None is the tool's usual policy."""
    is_free = is_free and not setting("tools.outside_rule")
    # A tool that is freed of the rule has a policy, which is the usual one unless another is chosen.
    with write() as session:
        if decide(session, tool.key, policy or (tool.policy if is_free else None), is_free=is_free):
            detail = f"{policy or 'as usual'}{', free of the outside rule' if is_free else ''}"
            audit.add(session, "set the policy of a tool", author=author, object_kind="tool", object_id=tool.key, detail=detail)


def choose(tool: Tool, policy: Policy | None, *, author: audit.AuditAuthor) -> None:
    """Sets what a tool may do for everyone; whether the outside rule holds for it stays as it is."""
    row = policy_rows(tool.key).get(EVERYONE)
    decide_for_everyone(tool, None if policy == tool.policy else policy, is_free=bool(row and row.is_free), author=author)


def switch(tools: Iterable[Tool], *, is_on: bool, author: audit.AuditAuthor) -> None:
    """Turns tools on, as they usually are, or off, for everyone; what was decided about those that are on stays."""
    policies = policies_for(None)
    for tool in tools:
        if (policies.of(tool) == "deny") == is_on:
            choose(tool, None if is_on else "deny", author=author)


def policy_in(text: str, field: str) -> Policy | None:
    """Returns the policy that was chosen, or None for an empty choice; raises `Invalid` for another word."""
    policy = next((policy for policy in POLICIES if policy == text), None)
    if text and policy is None:
        raise Invalid("Choose a policy.", field=field)
    return policy


def limit_for_group(tool: Tool, group: Group, limit: Policy | None, *, author: audit.AuditAuthor) -> None:
    """Sets how strict a tool is at least for a group."""
    id, detail = group.id, f"{group.name}: {limit or 'none'}"
    with write() as session:
        if decide(session, tool.key, limit, group_id=id):
            audit.add(session, "limited a tool", author=author, object_kind="tool", object_id=tool.key, detail=detail)


def set_own(user: User, chosen: Sequence[tuple[Tool, Policy | None]], new: Sequence[str]) -> None:
    """Sets how strict tools are for this person, where that is stricter than their admins say, and which are on in new chats."""
    user_id, others = user.id, policies_for(user, with_own=False)
    with write() as session:
        for tool, limit in chosen:
            is_stricter = limit and POLICIES.index(limit) > POLICIES.index(others.of(tool))
            decide(session, tool.key, limit if is_stricter else None, user_id=user_id)
        user.tools = list(new)


def set_token_tools(person: User, token_id: str, keys: Sequence[str], *, author: audit.AuditAuthor) -> None:
    """Chooses the tools of one of the person's own tokens, instead of those before."""
    token, chosen = own_token(person, token_id), list(dict.fromkeys(keys))
    before = tools_by_token([token_id]).get(token_id, [])
    usable = {offer.tool.key for offer in offers_alone(person)} | {*before}
    if unknown := [key for key in chosen if key not in usable]:
        raise Invalid(NEEDS_A_PERSON.format(unknown[0][:100]), field="tools")
    detail = f"{token.name} for {person.email}: {', '.join(chosen) or 'none'}"
    with write() as session:
        session.execute(delete(TokenTool).where(TokenTool.token_id == token_id))
        if chosen:
            session.execute(insert(rows.table(TokenTool)), [{"token_id": token_id, "tool": key} for key in chosen])
        audit.add(session, "chose the tools of a token", author=author, object_kind="token", object_id=token_id, detail=detail)
