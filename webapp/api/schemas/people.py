"""Accounts, tokens and what was used. Pure."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from webapp.api.schemas.base import Answer, Body, Line, Query

RoleName = Literal["owner", "admin", "member", "guest"]
ScopeName = Literal["read", "chat", "plans", "admin"]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class PersonAnswer(Answer):
    id: str
    email: str
    name: str
    role: RoleName
    created_at: dt.datetime
    disabled_at: dt.datetime | None
    seen_at: dt.datetime | None = Field(description="When a browser of theirs that is signed in was seen last.")


class PersonList(Answer):
    users: list[PersonAnswer]


class PersonChange(Body):
    role: RoleName | None = None
    is_disabled: bool | None = None


class DeleteQuery(Query):
    email: str = Field("", max_length=254, description="The account's own, to be sure.")


class NewInvite(Body):
    role: Literal["admin", "member", "guest"]
    email: str = Field("", max_length=254, description="The only address that the link is for; empty: any.")


class InviteAnswer(Answer):
    id: str
    role: str
    email: str
    created_at: dt.datetime
    expires_at: dt.datetime


class InviteList(Answer):
    invites: list[InviteAnswer]


class InviteLink(Answer):
    link: str = Field(description="Is told this once.")


class Me(Answer):
    id: str
    email: str
    name: str
    role: RoleName
    scopes: list[ScopeName] = Field(description="What this token, or this browser's session, may do.")
    csrf_token: str | None = Field(description="For `X-CSRFToken`, when the caller came by cookie.")


class TokenAnswer(Answer):
    id: str
    name: str
    scopes: list[str]
    last_four: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None


class TokenList(Answer):
    tokens: list[TokenAnswer]


class NewToken(Body):
    name: Line
    scopes: list[ScopeName] = Field(description="What it is for; not more than the caller may.", min_length=1, max_length=4)
    days: int = Field(0, ge=0, le=3650, description="After so many it runs out; 0: never.")


class NewTokenAnswer(Answer):
    token: str = Field(description="Is told this once.")


class UsageQuery(Query):
    since: Day | None = Field(None, description="The first day, in UTC; 30 days ago when not said.")
    until: Day | None = Field(None, description="The last day, in UTC; today when not said.")


class UsedAnswer(Answer):
    """Sums of what is known: null while nothing is. The counts say of how many answers it is not."""

    day: dt.date
    model: str
    answers: int
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None = Field(description="US dollars, as decimal text.")
    without_tokens: int
    without_cost: int


class UsageAnswer(Answer):
    since: dt.date
    until: dt.date
    usage: list[UsedAnswer]
