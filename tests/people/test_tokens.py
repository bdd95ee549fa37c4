"""API tokens: whose permissions they have, for how long, and with which scope."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.support.marks import also_on_postgres
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.people.accounts import service, tokens
from webapp.people.accounts.roles import SCOPES
from webapp.people.accounts.tables import ApiToken, PersonAuthor, User
from webapp.people.members import service as people_service

PASSWORD = "a quiet river at night"


@pytest.fixture
def ann(inside: None) -> User:
    return service.add_user("ann@example.org", "admin", PASSWORD)


def used_at() -> object:
    return db.session.scalars(select(ApiToken.used_at)).one()


@also_on_postgres
def test_a_token_speaks_for_its_person(ann: User) -> None:
    token = tokens.make_token(ann, "script", ["chat", "read", "chat"])

    found = service.used_token(token)

    assert found is not None
    assert (found[1].email, service.scopes_of(*found)) == ("ann@example.org", {"read", "chat"})
    assert token.startswith("millrace_")
    assert db.session.scalars(select(ApiToken.last_four)).one() == token[-4:]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("token", ["", "millrace_", "guess", "\ud800", "x" * 100_000, "a\0b"])
def test_a_guessed_token_speaks_for_nobody(ann: User, token: str) -> None:
    tokens.make_token(ann, "script", ["read"])

    assert service.used_token(token) is None


def test_a_token_that_has_run_out_speaks_for_nobody(ann: User) -> None:
    token = tokens.make_token(ann, "script", ["read"], days=30)
    assert service.used_token(token) is not None
    with write() as session:
        session.execute(update(ApiToken).values(expires_at=utc_now() - timedelta(seconds=1)))

    assert service.used_token(token) is None


def test_it_is_for_what_the_role_allows_today(ann: User) -> None:
    owner = service.add_user("owner@example.org", "owner", PASSWORD)
    token = tokens.make_token(ann, "script", SCOPES)
    people_service.change_role(ann, "guest", author=PersonAuthor(owner))

    found = service.used_token(token)

    assert found is not None
    assert service.scopes_of(*found) == {"read", "chat", "knowledge", "workflows", "mcp", "tools"}


@pytest.mark.parametrize(("scopes", "error"), [([], Invalid), (["everything"], Forbidden), (["read", "admin"], Forbidden)])
def test_scopes_that_cannot_be_are_refused(inside: None, scopes: list[str], error: type[Exception]) -> None:
    member = service.add_user("bo@example.org", "member", PASSWORD)

    with pytest.raises(error):
        tokens.make_token(member, "script", scopes)


def test_being_used_is_noted_once_a_minute(ann: User) -> None:
    token = tokens.make_token(ann, "script", ["read"])
    assert used_at() is None
    service.used_token(token)
    first = used_at()
    service.used_token(token)
    assert used_at() == first

    with write() as session:
        session.execute(update(ApiToken).values(used_at=utc_now() - timedelta(seconds=61)))
    service.used_token(token)

    assert utc_now() - db.session.scalars(select(ApiToken.used_at)).one() < timedelta(seconds=30)


def test_it_opens_while_nothing_can_be_written(ann: User) -> None:
    token = tokens.make_token(ann, "script", ["read"])
    db.session.execute(db.text("PRAGMA query_only = ON"))
    db.session.rollback()

    assert service.used_token(token) is not None


@pytest.mark.slow
def test_there_is_an_end_to_them(ann: User) -> None:
    for _ in range(tokens.MOST):
        tokens.make_token(ann, "script", ["read"])

    with pytest.raises(Conflict):
        tokens.make_token(ann, "script", ["read"])


# The command


def test_the_command_prints_the_token_and_nothing_else(app: Flask, ann: User) -> None:
    result = app.test_cli_runner().invoke(
        args=["tokens", "add", " ANN@example.org", "--name", "script", "--scopes", "read, chat"]
    )

    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == []
    found = service.used_token(result.stdout.removesuffix("\n"))
    assert found is not None
    assert service.scopes_of(*found) == {"read", "chat"}


def test_without_scopes_it_is_for_all_that_the_role_allows(app: Flask, ann: User) -> None:
    result = app.test_cli_runner().invoke(args=["tokens", "add", "ann@example.org", "--name", "script"])

    found = service.used_token(result.stdout.strip())
    assert found is not None
    assert service.scopes_of(*found) == set(SCOPES)


@pytest.mark.parametrize(
    "words", [["nobody@example.org"], ["ann@example.org", "--scopes", "x"], ["ann@example.org", "--name", ""]]
)
def test_the_command_says_what_was_refused(app: Flask, ann: User, words: list[str]) -> None:
    result = app.test_cli_runner().invoke(args=["tokens", "add", "--name", "script", *words])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[1].startswith("Error: ")


@pytest.mark.slow
def test_the_list_of_accounts(app: Flask, ann: User) -> None:
    service.open_session(ann.id)
    owner = service.add_user("owner@example.org", "owner", PASSWORD)
    people_service.disable(service.add_user("bo@example.org", "guest", PASSWORD), author=PersonAuthor(owner))

    lines = app.test_cli_runner().invoke(args=["users", "list"]).stdout.splitlines()

    assert lines[0].startswith("ann@example.org  admin  seen 20")
    assert lines[1:] == ["bo@example.org  guest  disabled  never signed in", "owner@example.org  owner  never signed in"]
