"""The tools that answers for an API token may use: no person can be asked there, so only those that never ask."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.people.accounts import queries
from webapp.people.accounts.tables import ApiToken, User
from webapp.tools.offers import Offer, offers_for, tools_of
from webapp.tools.tables import TokenTool

MOST_TOOLS = 64


def offers_alone(person: User, keys: Iterable[str] | None = None) -> list[Offer]:
    """Returns the tools that can be used now without a person: those that only read, and are allowed without asking."""
    offers = offers_for(person, tools_of(person) if keys is None else keys)
    return [offer for offer in offers if offer.policy == "allow" and offer.tool.run and offer.tool.hints.is_read_only]


def own_token(person: User, token_id: str) -> ApiToken:
    token = next((token for token in queries.tokens_of(person.id) if token.id == token_id), None)
    if token is None:
        raise NotFound("That token no longer exists.")
    return token


def tools_by_token(token_ids: Sequence[str]) -> dict[str, list[str]]:
    """Returns the keys of the tools of these tokens, by the token's id."""
    query = select(TokenTool).where(TokenTool.token_id.in_(token_ids)).order_by(TokenTool.tool)
    keys: dict[str, list[str]] = {}
    for row in db.session.scalars(query) if token_ids else ():
        keys.setdefault(row.token_id, []).append(row.tool)
    return keys


def offers_of_token(person: User, token_id: str) -> list[Offer]:
    """Returns the tools that an answer for this token is offered."""
    keys = tools_by_token([token_id]).get(token_id, []) if token_id else []
    return offers_alone(person, keys) if keys else []
