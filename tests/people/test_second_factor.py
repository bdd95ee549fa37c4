"""Two-factor authentication: turning it on, signing in with it, and losing it."""

import re
import time
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import KEYS, MakeApp
from tests.people.conftest import account, in_parallel
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from tests.support.people import PASSWORD
from webapp.base.audit import COMMAND_LINE, AuditEntry
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.people.accounts import queries, service
from webapp.people.accounts.tables import PersonAuthor
from webapp.people.members.invites import password_link
from webapp.people.second_factor import service as second_factor_service, totp
from webapp.people.second_factor.tables import SecondFactor
from webapp.settings.secrets.keyring import rotate
from webapp.settings.service import set_setting

EMAIL = "ann@example.org"
PATH = "/account/two-factor"


@pytest.fixture(autouse=True)
def fresh_attempts() -> None:
    second_factor_service._attempts.full_at.clear()


@pytest.fixture
def ann(app: Flask) -> Browser:
    """Someone who has turned it on, in a browser that is signed in."""
    with app.app_context():
        service.add_user(EMAIL, "member", PASSWORD)
    browser = Browser(app, email=EMAIL)
    browser.submit("/login", email=EMAIL, password=PASSWORD)
    return browser


@pytest.fixture
def codes(ann: Browser) -> list[str]:
    """Ann's recovery codes: two-factor authentication is on."""
    begun = ann.submit(PATH, password=PASSWORD)
    return recovery_codes(begun.form("Turn on").submit(code=code_of(ann.app)))


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def code_of(app: Flask, late: int = 0) -> str:
    """Returns the code that Ann's app shows; each works once, so a test that needs another takes that of the next step."""
    with app.app_context():
        row = second_factor_service.row_for(queries.user_of(EMAIL).id)
        assert row
        return totp.code_at(second_factor_service.secret_of(row), max(totp.step_at(time.time()), row.last_step) + late)


def recovery_codes(page: Page) -> list[str]:
    return page.textbox("Recovery codes to copy").value.split()


def asked(app: Flask, password: str = PASSWORD) -> tuple[Browser, Page]:
    """Returns a new browser on the page that it sees after the password."""
    browser = Browser(app, email=EMAIL)
    return browser, browser.submit("/login", email=EMAIL, password=password)


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account").status_code == 200


def logged(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_it_is_turned_on_with_a_code(ann: Browser, codes: list[str]) -> None:
    page = ann.page(PATH)

    assert len(codes) == totp.RECOVERY_CODES
    assert page.says("You have 10 unused recovery codes.")
    assert "turned on two-factor authentication" in logged(ann.app)
    assert not re.search(r"[A-Z2-7]{4}( [A-Z2-7]{4}){7}", page.text), "the secret is shown once"


@pytest.mark.slow
def test_it_is_off_until_a_code_is_right(ann: Browser) -> None:
    begun = ann.submit(PATH, password=PASSWORD)
    refused = begun.form("Turn on").submit(code="000000")

    assert refused.status_code == 422
    assert refused.has("button", "Turn on")
    assert is_signed_in(asked(ann.app)[0])


def test_it_takes_the_password_to_begin(ann: Browser) -> None:
    assert ann.submit(PATH, password="not the right one").status_code == 422
    with ann.app.app_context():
        assert db.session.scalar(select(SecondFactor.user_id)) is None


def test_a_password_alone_opens_nothing(ann: Browser, codes: list[str]) -> None:
    browser, page = asked(ann.app)

    assert page.path == "/login/code"
    assert not is_signed_in(browser)
    page = page.form("Sign in").submit(code=code_of(ann.app, late=1))
    assert is_signed_in(browser)
    assert page.path == "/"


@pytest.mark.slow
def test_a_code_leads_where_one_wanted_to_go(ann: Browser, codes: list[str]) -> None:
    browser = Browser(ann.app, email=EMAIL)
    page = browser.get("/account", follow=True).form("Sign in").submit(email=EMAIL, password=PASSWORD)
    assert page.form("Sign in").submit(code=code_of(ann.app, late=1)).path == "/account"


def test_a_code_works_once(ann: Browser, codes: list[str]) -> None:
    code = code_of(ann.app, late=1)
    assert is_signed_in(used(asked(ann.app), code))
    assert not is_signed_in(used(asked(ann.app), code))


def used(door: tuple[Browser, Page], code: str) -> Browser:
    browser, page = door
    page.form("Sign in").submit(code=code)
    return browser


def test_a_recovery_code_works_once_however_it_is_typed(ann: Browser, codes: list[str]) -> None:
    assert is_signed_in(used(asked(ann.app), codes[3].upper().replace("-", " ")))
    assert not is_signed_in(used(asked(ann.app), codes[3]))
    assert ann.page(PATH).says("You have 9 unused recovery codes.")
    assert "used a recovery code" in logged(ann.app)


@also_on_postgres
def test_of_many_uses_at_the_same_time_one_succeeds(ann: Browser, codes: list[str]) -> None:
    for code in (codes[0], code_of(ann.app, late=1)):

        def tried(_: int, code: str = code) -> str:
            try:
                second_factor_service.check(queries.user_of(EMAIL).id, code)
            except Invalid:
                return "no"
            return "yes"

        assert sorted(in_parallel(ann.app, tried, 4)) == ["no", "no", "no", "yes"]


@pytest.mark.slow
def test_guesses_are_limited_whatever_their_address(ann: Browser, codes: list[str]) -> None:
    _, page = asked(ann.app)
    for _ in range(10):
        page = page.form("Sign in").submit(code="000000")
    assert page.status_code == 422

    page = page.form("Sign in").submit(code=code_of(ann.app, late=1))

    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "entered a wrong code" in logged(ann.app)


@pytest.mark.slow
def test_a_password_link_asks_for_a_code_too(ann: Browser, codes: list[str], owner: Browser) -> None:
    with ann.app.app_context():
        token = password_link(queries.user_of(EMAIL), author=PersonAuthor(account(owner)))
    browser = Browser(ann.app, email=EMAIL)

    page = browser.submit(f"/password/{token}", password="another quiet river")

    assert page.path == "/login/code"
    assert not is_signed_in(browser)
    assert is_signed_in(used((browser, page), codes[0]))


@pytest.mark.slow
def test_a_password_that_changed_meanwhile_is_asked_for_again(ann: Browser, codes: list[str]) -> None:
    browser, page = asked(ann.app)
    with ann.app.app_context():
        service.set_password(queries.user_of(EMAIL), "another quiet river")

    assert page.form("Sign in").submit(code=codes[0]).path == "/login"
    assert not is_signed_in(browser)


def test_a_disabled_account_stays_out(ann: Browser, codes: list[str], owner: Browser) -> None:
    browser, page = asked(ann.app)
    owner.post(f"/admin/people/{ann.person_id}/disable")

    page.form("Sign in").submit(code=codes[0])

    assert not is_signed_in(browser)


def test_the_password_counts_for_ten_minutes(ann: Browser, codes: list[str]) -> None:
    browser, page = asked(ann.app)
    with browser.client.session_transaction(base_url=browser.origin) as session:
        session["second_step"] = {**session["second_step"], "until": time.time() - 1}

    assert page.form("Sign in").submit(code=codes[0]).path == "/login"
    assert not is_signed_in(browser)


def test_without_a_password_there_is_nothing_to_enter(visitor: Browser) -> None:
    assert visitor.get("/login/code").location == "/login"
    assert visitor.post("/login/code", code="123456").location == "/login"


@pytest.mark.slow
def test_new_recovery_codes_replace_the_old_ones(ann: Browser, codes: list[str]) -> None:
    page = ann.page(PATH).form("Create codes").submit(password=PASSWORD)
    new = recovery_codes(page)

    assert not set(new) & set(codes)
    assert not is_signed_in(used(asked(ann.app), codes[0]))
    assert is_signed_in(used(asked(ann.app), new[0]))


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("password", "is_code_right"), [(PASSWORD, False), ("not the right one", True)])
def test_it_takes_both_to_turn_it_off(ann: Browser, codes: list[str], password: str, is_code_right: bool) -> None:
    code = codes[0] if is_code_right else "000000"
    assert ann.page(PATH).form("Turn off").submit(password=password, code=code).status_code == 422
    assert ann.page(PATH).has("button", "Turn off")


@pytest.mark.slow
def test_turned_off_the_password_is_enough(ann: Browser, codes: list[str]) -> None:
    page = ann.page(PATH).form("Turn off").submit(password=PASSWORD, code=codes[0])

    assert page.says("Two-factor authentication is off.")
    assert is_signed_in(asked(ann.app)[0])


@pytest.mark.slow
def test_it_is_not_begun_twice(ann: Browser, codes: list[str]) -> None:
    page = ann.post(f"{PATH}/start", password=PASSWORD)

    assert page.status_code == 409
    assert is_signed_in(used(asked(ann.app), codes[0]))


@pytest.mark.slow
def test_an_admin_turns_it_off_for_someone_who_lost_it(ann: Browser, codes: list[str], owner: Browser) -> None:
    page = owner.page(f"/admin/people/{ann.person_id}").form("Turn off").submit()

    assert page.says("Two-factor authentication turned off.")
    assert not page.has("button", "Turn off")
    assert is_signed_in(asked(ann.app)[0])


def test_nobody_turns_off_their_own_so(ann: Browser, codes: list[str]) -> None:
    with ann.app.app_context(), write() as session:
        queries.user_of(EMAIL).role = "owner"
        session.flush()
    assert ann.post(f"/admin/people/{ann.person_id}/two-factor/off").status_code == 409
    assert not is_signed_in(asked(ann.app)[0])


@pytest.mark.slow
def test_the_command_line_turns_it_off(ann: Browser, codes: list[str]) -> None:
    result = ann.app.test_cli_runner().invoke(args=["two-factor", "off", EMAIL])

    assert result.stdout == f"{EMAIL} can sign in with the password alone.\n"
    assert is_signed_in(asked(ann.app)[0])


def test_the_secret_is_stored_encrypted_and_follows_a_new_key(make_app: MakeApp) -> None:
    new = Fernet.generate_key().decode()
    with make_app().app_context():
        user = service.add_user(EMAIL, "member", PASSWORD)
        second_factor_service.begin(user, PASSWORD)
        secret = second_factor_service.secret_of(row())
        assert secret not in row().ciphertext
    with make_app(ENCRYPTION_KEY=f"{new},{KEYS['ENCRYPTION_KEY']}").app_context():
        assert [rotated.outcome for rotated in rotate(author=COMMAND_LINE)] == ["rotated"]
    with make_app(ENCRYPTION_KEY=new).app_context():
        assert second_factor_service.secret_of(row()) == secret


def row() -> SecondFactor:
    found = second_factor_service.row_for(queries.user_of(EMAIL).id)
    assert found
    return found


@pytest.mark.slow
def test_a_secret_of_another_account_is_no_use(ann: Browser, codes: list[str]) -> None:
    with ann.app.app_context():
        other = service.add_user("ben@example.org", "member", PASSWORD)
        second_factor_service.begin(other, PASSWORD)
        with write() as session:
            copied = update(SecondFactor).where(SecondFactor.user_id == other.id)
            session.execute(copied.values(ciphertext=row().ciphertext))
        with pytest.raises(Conflict):
            second_factor_service.confirm(other, code_of(ann.app, late=1))


def test_the_audit_log_names_who_turned_it_off(ann: Browser, codes: list[str]) -> None:
    with ann.app.app_context():
        second_factor_service.turn_off(queries.user_of(EMAIL), COMMAND_LINE)
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry
        assert (entry.actor, entry.action) == (COMMAND_LINE.name, "turned off two-factor authentication")


def test_a_team_that_requires_it_lets_nobody_in_without(app: Flask, owner: Browser, ann: Browser) -> None:
    owner.submit("/admin/settings/accounts", **{"accounts.two_factor": "everyone"})

    for browser in (ann, owner):
        assert browser.get("/").headers["Location"] == "/login?next=/"
        assert browser.get("/login").headers["Location"] == PATH
    begun = ann.submit(PATH, password=PASSWORD)
    assert "Your team requires" in ann.page(PATH).text
    assert not begun.all("nav")
    done = begun.form("Turn on").submit(code=code_of(app))
    assert len(recovery_codes(done)) == totp.RECOVERY_CODES
    assert done.link("Plans & workflows")
    assert is_signed_in(ann)
    assert not is_signed_in(owner)


def test_a_requirement_for_admins_is_none_for_members(app: Flask, owner: Browser, ann: Browser) -> None:
    with app.app_context():
        set_setting("accounts.two_factor", "admins")

    assert is_signed_in(ann)
    assert not is_signed_in(owner)


@pytest.mark.slow
def test_whoever_must_set_it_up_first_can_also_sign_out(app: Flask, ann: Browser) -> None:
    with app.app_context():
        set_setting("accounts.two_factor", "everyone")
    ann.page(PATH).form("Sign out").submit()

    assert ann.get(PATH).headers["Location"].startswith("/login")
    assert not ann.get("/login").headers.get("Location")


def test_what_the_team_requires_cannot_be_turned_off(app: Flask, ann: Browser, codes: list[str]) -> None:
    before = ann.page(PATH).form("Turn off")
    with app.app_context():
        set_setting("accounts.two_factor", "everyone")
    refused = before.submit(password=PASSWORD, code=code_of(app, late=1))

    assert refused.status_code == 403
    assert "can't be turned off" in ann.page(PATH).text
    with app.app_context():
        assert second_factor_service.is_on(queries.user_of(EMAIL).id)


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/chats"])
def test_until_then_the_session_is_none_for_the_api_either(app: Flask, ann: Browser, path: str) -> None:
    assert ann.get(path).status_code == 200
    with app.app_context():
        set_setting("accounts.two_factor", "everyone")

    assert ann.get(path).status_code == 401
