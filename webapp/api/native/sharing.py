"""Grants of chats, collections and lorebooks, as sent and returned by the API."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field

from webapp.api.schemas import Answer, Body
from webapp.people.grants.shares import Share

To = Literal["everyone", "user", "group"]


class GrantAnswer(Answer):
    id: str
    to: To
    to_id: str = Field(description="Of the user or the group; empty for everyone on the team.")
    name: str
    right: Literal["read", "write"]


class GrantList(Answer):
    grants: list[GrantAnswer]

    @classmethod
    def to(cls, shares: Iterable[Share]) -> Self:
        return cls(grants=[GrantAnswer.of(share, id=share.grant_id) for share in shares])


class NewReader(Body):
    to: To
    to_id: str | None = Field(None, max_length=26, description="Of the user or the group; null, empty or left out for everyone.")


class NewGrant(NewReader):
    right: Literal["read", "write"] = "read"
