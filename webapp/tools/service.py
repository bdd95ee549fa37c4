"""What people decide about tools: for everyone, for a group, for themselves, and for answers to one of their tokens."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert

from webapp.base import audit
from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Invalid
from webapp.people.accounts.tables import Group, User
from webapp.settings.service import setting
from webapp.tools.policies import decide
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


def limit_for_group(tool: Tool, group: Group, limit: Policy | None, *, author: audit.AuditAuthor) -> None:
    """Sets how strict a tool is at least for a group."""
    id, detail = group.id, f"{group.name}: {limit or 'none'}"
    with write() as session:
        if decide(session, tool.key, limit, group_id=id):
            audit.add(session, "limited a tool", author=author, object_kind="tool", object_id=tool.key, detail=detail)


def set_own(user: User, limits: Mapping[str, Policy | None], new: Sequence[str]) -> None:
    """Sets how strict tools are for this person, by key, and which are on in their new chats."""
    user_id = user.id
    with write() as session:
        for key, limit in limits.items():
            decide(session, key, limit, user_id=user_id)
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
