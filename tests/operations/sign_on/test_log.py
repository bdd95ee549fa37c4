"""/account/sign-ins and /admin/sign-ins: who signed in, and what happens when it wasn't them."""

from datetime import timedelta

import gevent
from flask import Flask
from sqlalchemy import update

from tests.conftest import signed_in, with_session
from tests.operations.sign_on.conftest import came_back, sign_on
from tests.operations.sign_on.provider import OpenIdProvider
from tests.people.conftest import is_signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.people import PASSWORD
from tests.upstream.mailbox import mailbox
from webapp.base.audit import COMMAND_LINE, AuditEntry
from webapp.base.db import db, utc_now, write
from webapp.operations.sign_on.tables import Identity
from webapp.people.accounts import queries, tokens
from webapp.people.accounts.tables import UserSession
from webapp.settings.service import set_settings

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
NEW = "another quiet river"


def signed_in_with(app: Flask, email: str, password: str = PASSWORD) -> Browser:
    """Signs in by the form, with Firefox."""
    browser = Browser(app, email=email)
    browser.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    browser.post("/login", email=email, password=password)
    return browser


def entry_of(app: Flask, person_id: str) -> str:
    """Returns the newest sign-in of a person that wasn't refused."""
    with app.app_context():
        entries = queries.sign_in_entries(person_id, limit=50)
        return next(entry.id for entry in entries if not entry.is_refused)


@also_on_postgres
def test_a_person_reads_how_they_signed_in_and_what_was_refused(app: Flask, owner: Browser, member: Browser) -> None:
    signed_in_with(app, member.email)
    signed_in_with(app, member.email, "a wrong guess")
    member.post("/account/email", email="x@example.org", password="a wrong guess")
    signed_in_with(app, owner.email, "a wrong guess")

    page = member.page("/account/sign-ins")

    rows = [" ".join(row.text().split()) for row in page.all(".log > li")]
    assert len(rows) == 4
    assert "with a wrong password, in a browser that was signed in" in rows[0]
    assert rows[1].startswith("Firefox on Linux refused")
    assert "with a wrong password from 127.0.0.1" in rows[1]
    assert rows[2].startswith("Firefox on Linux signed in")
    assert "with a password from 127.0.0.1" in rows[2]
    assert "this browser" in rows[3]
    # An attempt that was refused is no reason to change anything; one that took the session or the password is.
    assert ["This wasn't me" in row for row in rows] == [True, False, True, False]
    everyone = owner.page("/admin/sign-ins")
    assert len(everyone.all(".log > li")) == 6
    assert len(owner.page(f"/admin/sign-ins?person={member.email}").all(".log > li")) == 4
    assert owner.page("/admin/sign-ins?person=nobody@example.org").says("No sign-ins by this person")


def test_what_someone_did_who_had_the_address_before_is_not_shown(app: Flask, owner: Browser, member: Browser) -> None:
    with app.app_context(), write() as session:
        former = {"actor": member.email, "action": "signed in", "address": "192.0.2.99", "object_kind": "session"}
        session.add(AuditEntry(**former))
    assert not member.page("/account/sign-ins").says("192.0.2.99")


def test_programs_read_them_page_by_page(app: Flask, member: Browser) -> None:
    for _ in range(51):
        with app.app_context():
            with_session(app, member.email)

    first = member.client.get("/api/v1/me/sign-ins").json
    rest = member.client.get(f"/api/v1/me/sign-ins?cursor={first['next_cursor']}").json

    assert (len(first["sign_ins"]), len(rest["sign_ins"]), rest["next_cursor"]) == (50, 2, None)
    assert {name: first["sign_ins"][0][name] for name in ("way", "is_refused", "is_open", "is_reported")} == {
        "way": "by a link",
        "is_refused": False,
        "is_open": True,
        "is_reported": False,
    }


@also_on_postgres
def test_a_stolen_session_cannot_report_and_its_person_locks_it_out(
    app: Flask, owner: Browser, member: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    thief = signed_in_with(app, member.email)
    id = entry_of(app, member.person_id)
    path = f"/account/sign-ins/{id}/report"
    with app.app_context():
        me = queries.person(member.person_id)
        assert me
        token = tokens.make_token(me, "thief", ["read"], author=COMMAND_LINE)
    # What the thief has connected since, as if they had known the password.
    query = came_back(thief.post(f"/account/sign-on/{provider_id}", password=PASSWORD), provider)
    assert thief.get(f"/sign-on/{provider_id}/return?{query}").status_code == 303
    assert thief.post(path, current="a wrong guess", password=NEW).says("That isn't your current password")
    assert thief.post(path, current="", password=NEW).status_code == 422
    assert owner.post(path, current=PASSWORD, password=NEW).status_code == 404
    before = member.cookie("millrace")

    with mailbox() as box:
        mail = {"mail.host": "127.0.0.1", "mail.port": str(box.port), "mail.security": "none", "mail.from": "m@example.org"}
        with app.app_context():
            set_settings(mail, author=COMMAND_LINE)
        page = member.page("/account/sign-ins").click("This wasn't me Firefox on Linux, with a password, from 127.0.0.1")
        page = page.form("Secure my account").submit(current=PASSWORD, password=NEW)
        with gevent.Timeout(20):
            while not box.mails:
                gevent.sleep(0.01)

    assert page.says("All other browsers are signed out")
    # This browser's session may be what was stolen: it has another one.
    assert member.cookie("millrace") != before
    assert is_signed_in(member)
    assert not is_signed_in(thief)
    assert app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    with app.app_context():
        assert db.session.query(Identity).count() == 0
    assert not is_signed_in(signed_in_with(app, member.email))
    assert is_signed_in(signed_in_with(app, member.email, NEW))
    assert owner.page("/admin/audit").says("reported a sign-in")
    assert owner.page("/admin/sign-ins").says("wasn't them")
    assert box.mails[0]["To"] == owner.email
    assert "Firefox on Linux, with a password, from 127.0.0.1" in box.mails[0].get_content()


@also_on_postgres
def test_an_account_without_a_password_confirms_by_signing_on_again(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    sign_on(visitor, provider_id, provider)
    thief = Browser(app)
    sign_on(thief, provider_id, provider)
    with app.app_context():
        me = queries.user_by_email("ann@example.org")
        assert me
        person_id = me.id
    path = f"/account/sign-ins/{entry_of(app, person_id)}/report"
    refusal = "Confirm first that it's you"
    assert visitor.post(path, password="x").says(refusal)
    assert visitor.post("/account/email", email="ann@example.com").says(refusal)
    assert visitor.post("/account/delete").says(refusal)

    page = visitor.page("/account/data").click("Confirm with Acme")
    url = page.link("Continue to Acme").attributes["href"] or ""
    assert "prompt=login&max_age=0" in url
    stale = {"auth_time": 1_000_000_000}
    provider.instead = stale
    assert visitor.get(f"/sign-on/{provider_id}/return?{provider.allow(url)}").says("didn't ask you to sign in again")
    provider.instead = {}
    provider.claims |= {"sub": "bob"}
    again = came_back(visitor.page(f"/account/sign-on/{provider_id}/confirm?next=/account/data"), provider)
    assert visitor.get(f"/sign-on/{provider_id}/return?{again}").says("That isn't how you sign in here")
    assert visitor.post("/account/email", email="ann@example.com").says(refusal)
    provider.claims |= {"sub": "ann"}
    again = came_back(visitor.page(f"/account/sign-on/{provider_id}/confirm?next=/account/data"), provider)
    assert visitor.get(f"/sign-on/{provider_id}/return?{again}").location == "/account/data"

    assert visitor.page("/account/data").says("You have just confirmed that it's you")
    # In this browser alone.
    assert thief.post("/account/email", email="ann@example.com").says(refusal)
    assert visitor.post("/account/email", email="ann@example.com").status_code == 303
    assert visitor.post(path).status_code == 303
    assert is_signed_in(visitor)
    assert not is_signed_in(thief)
    # The only way to sign in stays, and what the provider ends there ends the new session, too.
    assert visitor.page("/account/security").says("Acme")
    server = app.test_client()
    assert server.post(f"/sign-on/back-channel/{provider_id}", data={"logout_token": provider.logout_token()}).status_code == 200
    assert not is_signed_in(visitor)


def test_a_confirmation_is_over_after_ten_minutes(
    app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    sign_on(visitor, provider_id, provider)
    with app.app_context(), write() as session:
        session.execute(update(UserSession).values(confirmed_at=utc_now() - timedelta(minutes=9)))
    assert visitor.page("/account").says("You have just confirmed")
    with app.app_context(), write() as session:
        session.execute(update(UserSession).values(confirmed_at=utc_now() - timedelta(minutes=11)))
    assert visitor.post("/account/email", email="ann@example.com").says("Confirm first that it's you")


def test_an_admin_disconnects_a_persons_sign_on(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    sign_on(visitor, provider_id, provider)
    with app.app_context():
        me = queries.user_by_email("ann@example.org")
        assert me
        path = f"/admin/people/{me.id}"
    page = owner.page(path).press("Disconnect Acme")
    assert page.path == path
    assert page.says("Disconnected")
    assert not is_signed_in(visitor)
    assert not owner.page(path).has("button", "Disconnect Acme")
    admin = signed_in(app, "admin@example.org", "admin")
    sign_on_of_owner = came_back(owner.post(f"/account/sign-on/{provider_id}", password=PASSWORD), provider)
    owner.get(f"/sign-on/{provider_id}/return?{sign_on_of_owner}")
    with app.app_context():
        identity = db.session.query(Identity).one()
        identity_id = identity.id
    assert admin.post(f"/admin/sign-on/identities/{identity_id}/remove").status_code == 403
