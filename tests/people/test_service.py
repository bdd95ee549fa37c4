"""Accounts: one owner, sessions that expire when they should, and no hints for attackers who guess."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.people.conftest import ELSEWHERE, disable, in_parallel, let_time_pass
from tests.support.marks import also_on_postgres, on_both_databases
from webapp.base.db import db, write
from webapp.base.errors import AppError, Conflict, Forbidden, Invalid, TooMany
from webapp.people.accounts import passwords, service
from webapp.people.accounts.queries import hashed, user_by_email
from webapp.people.accounts.tables import Invite, User, UserSession

PASSWORD = "a quiet river at night"


@pytest.fixture
def member_of_team(inside: None) -> User:
    return service.add_user("Ann@Example.org ", "member", PASSWORD)


def number_of(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


# The owner


def test_the_link_makes_the_owner_and_there_is_no_second(app: Flask, inside: None, token: str) -> None:
    owner = service.create_owner(token, " Owner@Example.ORG", "  Olive   Owner ", PASSWORD)

    assert (owner.email, owner.name, owner.role) == ("owner@example.org", "Olive Owner", "owner")
    assert service.owner_link(ELSEWHERE) is None
    with pytest.raises(Forbidden):
        service.create_owner(token, "second@example.org", "Second", PASSWORD)


def test_the_link_leads_to_this_server(inside: None) -> None:
    assert (service.owner_link("https://chat.example.org/") or "").startswith("https://chat.example.org/setup?token=")


def test_a_newer_link_kills_the_older_one(inside: None, token: str) -> None:
    newer = service.owner_link(ELSEWHERE) or ""

    with pytest.raises(Forbidden):
        service.check_owner_link(token)
    service.check_owner_link(newer.partition("token=")[2])
    assert number_of(Invite) == 1


@pytest.mark.parametrize("wrong", ["", "guess", "x" * 5000, "\ud800", "a\0b"])
def test_a_guessed_link_is_refused(inside: None, token: str, wrong: str) -> None:
    with pytest.raises(Forbidden):
        service.create_owner(wrong, "owner@example.org", "Olive", PASSWORD)


def test_a_link_that_has_run_out_is_refused(inside: None, token: str) -> None:
    with write() as session:
        session.execute(update(Invite).values(expires_at=Invite.created_at))

    with pytest.raises(Forbidden):
        service.check_owner_link(token)


def test_a_refused_form_does_not_use_up_the_link(inside: None, token: str) -> None:
    for email, name, password, field in (
        ("nobody", "Olive", PASSWORD, "email"),
        ("owner@example.org", "  ", PASSWORD, "name"),
        ("owner@example.org", "Olive", "short", "password"),
    ):
        with pytest.raises(Invalid) as refused:
            service.create_owner(token, email, name, password)
        assert refused.value.field == field

    assert service.create_owner(token, "owner@example.org", "Olive", PASSWORD).role == "owner"


@pytest.mark.slow
@on_both_databases
def test_of_twenty_at_the_same_time_one_becomes_the_owner(app: Flask, token: str) -> None:
    def become_owner(number: int) -> str:
        try:
            return service.create_owner(token, f"{number}@example.org", "Olive", PASSWORD).role
        except (Conflict, Forbidden):
            return "refused"

    results = in_parallel(app, become_owner, 20)

    assert sorted(results) == ["owner", *["refused"] * 19]
    with app.app_context():
        assert number_of(User) == 1


# Accounts


@on_both_databases
def test_an_address_has_one_account_however_it_is_typed(inside: None, member_of_team: User) -> None:
    assert member_of_team.email == "ann@example.org"
    with pytest.raises(Conflict) as refused:
        service.add_user("ANN@example.org\u200b", "guest", PASSWORD)
    assert refused.value.field == "email"
    assert number_of(User) == 1


@pytest.mark.parametrize("email", ["", "ann", "@example.org", "ann@", "a nn@example.org", "a@b@c", "a" * 250 + "@b.de"])
def test_what_is_no_address_is_refused(inside: None, email: str) -> None:
    with pytest.raises(Invalid):
        service.add_user(email, "member", PASSWORD)


def test_an_unknown_role_and_a_second_owner_are_refused(inside: None) -> None:
    with pytest.raises(Invalid):
        service.add_user("ann@example.org", "king", PASSWORD)
    service.add_user("owner@example.org", "owner", PASSWORD)
    with pytest.raises(Conflict):
        service.add_user("ann@example.org", "owner", PASSWORD)


# Signing in and out


@also_on_postgres
def test_the_right_password_opens_a_session(member_of_team: User) -> None:
    secret = service.sign_in(" ANN@example.org", PASSWORD, "Browser/1.0" * 100)

    user = service.session_user(secret)
    assert user is not None
    assert user.email == "ann@example.org"
    row = db.session.scalars(select(UserSession)).one()
    assert (row.token_hash, len(row.agent)) == (hashed(secret), 200)


@pytest.mark.slow
def test_every_sign_in_is_a_session_of_its_own(member_of_team: User) -> None:
    first, second = (service.sign_in("ann@example.org", PASSWORD) for _ in range(2))
    service.sign_out(first)
    service.sign_out("never was")

    assert service.session_user(first) is None
    assert service.session_user(second) is not None


@pytest.mark.mostly_slow
@pytest.mark.parametrize("secret", ["", "guess", "\ud800", "x" * 10_000])
def test_a_guessed_secret_opens_nothing(member_of_team: User, secret: str) -> None:
    assert service.session_user(secret) is None


@pytest.mark.slow
def test_wrong_unknown_and_disabled_are_told_the_same(member_of_team: User) -> None:
    service.add_user("gone@example.org", "member", PASSWORD)
    disable("gone@example.org")

    told = set()
    tries = [("ann@example.org", "wrong password"), ("bob@example.org", PASSWORD), ("gone@example.org", PASSWORD), ("\0", "")]
    for email, password in tries:
        with pytest.raises(Invalid) as refused:
            service.sign_in(email, password)
        told.add((refused.value.message, refused.value.field))
    assert len(told) == 1


@pytest.mark.mostly_slow
@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"])
def test_who_guesses_is_slowed_down_and_who_waits_is_let_in(member_of_team: User, email: str) -> None:
    def attempt(address: str) -> type[AppError]:
        with pytest.raises(AppError) as refused:
            service.sign_in(email, "a wrong guess", address=address)
        assert (refused.type is TooMany) == (0 < refused.value.retry_after <= 6)
        return refused.type

    assert [attempt("203.0.113.9") for _ in range(12)] == [Invalid] * 10 + [TooMany] * 2
    assert attempt("198.51.100.1") is Invalid


@pytest.mark.slow
def test_guessing_does_not_lock_out_who_is_known(member_of_team: User) -> None:
    service.sign_in("ann@example.org", PASSWORD, address="198.51.100.1")
    for number in range(31):
        with pytest.raises(AppError):
            service.sign_in("ann@example.org", "a wrong guess", address=f"203.0.113.{number}")

    assert service.sign_in("ann@example.org", PASSWORD, address="198.51.100.1")


@pytest.mark.slow
def test_signing_in_again_and_again_is_no_guessing(member_of_team: User) -> None:
    assert len({service.sign_in("ann@example.org", PASSWORD) for _ in range(12)}) == 12


@pytest.mark.slow
def test_an_old_hash_is_renewed_by_signing_in(member_of_team: User) -> None:
    old = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with write() as session:
        session.execute(update(User).values(password_hash=old))

    service.sign_in("ann@example.org", PASSWORD)

    renewed = db.session.scalars(select(User.password_hash)).one()
    assert renewed != old
    assert not passwords.is_outdated(renewed)
    assert service.sign_in("ann@example.org", PASSWORD)


# The lifetime of a session


@also_on_postgres
def test_a_session_lives_for_thirty_days_after_it_was_last_seen(member_of_team: User) -> None:
    secret = service.sign_in("ann@example.org", PASSWORD)

    for _ in range(3):
        let_time_pass(secret, timedelta(days=29))
        assert service.session_user(secret) is not None
    let_time_pass(secret, timedelta(days=31))
    assert service.session_user(secret) is None


@pytest.mark.slow
def test_being_seen_is_written_down_every_few_minutes_only(member_of_team: User) -> None:
    secret = service.sign_in("ann@example.org", PASSWORD)
    seen = select(UserSession.seen_at)
    at_first = db.session.scalars(seen).one()
    service.session_user(secret)
    assert db.session.scalars(seen).one() == at_first

    let_time_pass(secret, timedelta(minutes=6))
    service.session_user(secret)

    assert db.session.scalars(seen).one() > at_first - timedelta(minutes=1)


@pytest.mark.slow
def test_sessions_that_have_run_out_are_swept_away(member_of_team: User) -> None:
    let_time_pass(service.sign_in("ann@example.org", PASSWORD), timedelta(days=31))
    service.sign_in("ann@example.org", PASSWORD)

    assert number_of(UserSession) == 1


def test_a_disabled_account_is_signed_out_at_once(member_of_team: User) -> None:
    secret = service.sign_in("ann@example.org", PASSWORD)
    disable("ann@example.org")

    assert service.session_user(secret) is None


@also_on_postgres
def test_a_new_password_ends_all_sessions_but_the_kept_one(member_of_team: User) -> None:
    mine, other = (service.sign_in("ann@example.org", PASSWORD) for _ in range(2))
    service.set_password(member_of_team, "another quiet river", keep=mine)

    assert service.session_user(mine) is not None
    assert service.session_user(other) is None
    assert service.sign_in("ann@example.org", "another quiet river")
    with pytest.raises(Invalid):
        service.sign_in("ann@example.org", PASSWORD)


def test_a_password_that_is_refused_changes_nothing(member_of_team: User) -> None:
    secret = service.sign_in("ann@example.org", PASSWORD)
    with pytest.raises(Invalid):
        service.set_password(member_of_team, "password")

    assert service.session_user(secret) is not None
    assert user_by_email("ann@example.org") is not None


def test_who_is_signed_in_stays_so_while_nothing_can_be_written(member_of_team: User, caplog: pytest.LogCaptureFixture) -> None:
    secret = service.sign_in("ann@example.org", PASSWORD)
    let_time_pass(secret, timedelta(days=1))
    db.session.execute(db.text("PRAGMA query_only = ON"))
    db.session.rollback()

    assert service.session_user(secret) is not None
    assert "not_noted" in caplog.messages
