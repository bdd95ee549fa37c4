"""/invite/<token> and /password/<token>: one-time links."""

from datetime import timedelta

import gevent
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.conftest import MakeApp, signed_in
from tests.people.conftest import browsers, is_signed_in, secret_of, written_down
from tests.support.browser import CROSS_SITE, Browser
from tests.support.marks import on_both_databases
from tests.support.people import PASSWORD
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.people.accounts import service
from webapp.people.accounts.tables import Invite, User

BO = {"email": "bo@example.org", "name": "Bo", "password": PASSWORD}


def invite_by(browser: Browser, role: str = "member", email: str = "") -> str:
    """Returns the path of a new invite."""
    page = browser.post("/admin/people/invites", role=role, email=email)
    return secret_of(page).removeprefix(browser.origin)


def password_link_by(browser: Browser, whose: Browser) -> str:
    page = browser.post(f"/admin/people/{whose.person_id}/password-link")
    return secret_of(page).removeprefix(browser.origin)


def run_out(app: Flask) -> None:
    with app.app_context(), write() as session:
        session.execute(update(Invite).values(expires_at=utc_now() - timedelta(seconds=1)))


def number_of_people(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(User)) or 0


def test_an_invite_makes_one_account_and_signs_it_in(app: Flask, owner: Browser, visitor: Browser) -> None:
    path = invite_by(owner, "guest")
    page = visitor.page(path)
    assert page.says("You're joining as a guest.")

    page = page.form("Create account").submit(**BO)

    assert (page.status_code, page.path) == (200, "/")
    assert visitor.page("/account").says("bo@example.org. Your role here is guest")
    assert ("bo@example.org", "accepted an invite", "bo@example.org: guest") in written_down(app)


def test_a_link_that_leads_nowhere_for_others_says_so(make_app: MakeApp) -> None:
    for environ, is_told in (({}, True), ({"PUBLIC_URL": "http://mill.example.org"}, False)):
        owner = signed_in(make_app(**environ), f"{is_told}@example.org".lower(), "owner")
        assert owner.post("/admin/people/invites", role="member").says("This link only works on this machine.") is is_told


def test_a_link_can_be_copied_by_a_button(owner: Browser) -> None:
    page = owner.post("/admin/people/invites", role="member")

    assert page.button("Copy").attributes["value"] == secret_of(page)
    assert page.all("script[src*=copy]")


def test_its_fields_and_its_button_have_their_names(owner: Browser, visitor: Browser) -> None:
    page = visitor.page(invite_by(owner))

    assert [page.textbox(name).value for name in ("Email", "Name", "Password")] == ["", "", ""]
    assert page.button("Create account")


def test_a_used_revoked_old_or_guessed_link_is_told_the_same(app: Flask, owner: Browser) -> None:
    used, revoked, old = invite_by(owner), invite_by(owner, email="ann@example.org"), invite_by(owner, "guest")
    Browser(app).post(used, **BO)
    owner.page("/admin/people").press("Revoke the invite for ann@example.org")
    run_out(app)

    told = set()
    for path in (used, revoked, old, "/invite/guess", "/invite/" + "x" * 500, "/password/guess", "/password/%ED%A0%80"):
        for page in (Browser(app).get(path), Browser(app).post(path, **(BO | {"email": "eve@example.org"}))):
            told.add((page.status_code, page.heading, page.says("This link has been used or has expired.")))
    assert len(told) == 1
    assert told.pop()[::2] == (403, True)
    assert number_of_people(app) == 2


def test_a_refused_form_keeps_what_was_typed_and_does_not_use_up_the_link(owner: Browser, visitor: Browser) -> None:
    page = visitor.page(invite_by(owner)).form("Create account").submit(**(BO | {"password": "password"}))

    assert page.status_code == 422
    assert "another" in page.error_at("Password")
    assert (page.textbox("Email").value, page.textbox("Password").value) == ("bo@example.org", "")
    assert page.form("Create account").submit(**BO).path == "/"


@pytest.mark.slow
def test_an_invite_for_an_address_is_for_that_address(app: Flask, owner: Browser, visitor: Browser) -> None:
    page = visitor.page(invite_by(owner, email=" ANN@example.org"))
    assert page.textbox("Email").value == "ann@example.org"

    page.form("Create account").submit(**(BO | {"email": "eve@example.org"}))

    assert visitor.page("/account").says("ann@example.org")


@pytest.mark.slow
def test_the_role_is_the_invites_and_not_the_forms(owner: Browser, visitor: Browser) -> None:
    visitor.post(invite_by(owner, "guest"), **BO, role="owner", user_id=owner.person_id)

    assert visitor.page("/account").says("Your role here is guest")


@pytest.mark.slow
@on_both_databases
def test_of_twenty_at_the_same_time_one_gets_the_account(app: Flask, owner: Browser) -> None:
    path = invite_by(owner)
    visitors = browsers(app, 20)
    for number, visitor in enumerate(visitors):
        visitor.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number + 1}"

    def accept(number: int) -> int:
        return visitors[number].post(path, **(BO | {"email": f"bo{number}@example.org"})).status_code

    jobs = [gevent.spawn(accept, number) for number in range(20)]
    codes = sorted(job.get(timeout=60) for job in jobs)

    assert codes == [303] + [403] * 19
    assert number_of_people(app) == 2


@pytest.mark.mostly_slow
@pytest.mark.parametrize("email", ["OWNER@example.org", "owner@example.org\u00ad", "ｏwner@example.org"])
def test_an_address_that_has_an_account_is_refused_however_it_is_typed(
    app: Flask, owner: Browser, visitor: Browser, email: str
) -> None:
    page = visitor.post(invite_by(owner), **(BO | {"email": email}))

    assert page.status_code == 409
    assert page.error_at("Email") == "An account with that email already exists."
    assert number_of_people(app) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_who_asks_with_it_who_has_an_account_is_slowed_down(owner: Browser, visitor: Browser) -> None:
    path = invite_by(owner)
    codes = [visitor.post(path, **(BO | {"email": "owner@example.org"})).status_code for _ in range(11)]

    assert codes == [409] * 10 + [429]


def test_a_preset_session_does_not_become_the_new_persons(app: Flask, owner: Browser, visitor: Browser) -> None:
    visitor.client.set_cookie("millrace", "chosen-by-somebody-else")
    visitor.post(invite_by(owner), **BO)

    assert visitor.cookie("millrace") != "chosen-by-somebody-else"
    with app.app_context():
        assert service.session_user("chosen-by-somebody-else") is None


@pytest.mark.slow
def test_who_is_signed_in_is_told_and_signed_out(app: Flask, owner: Browser, member: Browser) -> None:
    before, path = member.cookie("millrace"), invite_by(owner)
    page = member.page(path)
    assert page.says("You are signed in as member@example.org. Continuing will sign you out")

    page.form("Create account").submit(**BO)

    with app.app_context():
        assert service.session_user(before or "") is None
    assert member.page("/account").says("bo@example.org")


def test_no_form_of_another_site_uses_it(app: Flask, owner: Browser, visitor: Browser) -> None:
    path = invite_by(owner)
    assert visitor.post(path, headers=CROSS_SITE, **BO).status_code == 403
    assert visitor.post(path, headers={"Origin": "https://evil.example"}, **BO).status_code == 403
    assert number_of_people(app) == 1


@pytest.mark.slow
def test_htmx_gets_the_same_page(owner: Browser, visitor: Browser) -> None:
    path = invite_by(owner)

    assert visitor.htmx_post(path, **(BO | {"email": "nobody"})).error_at("Email")
    assert visitor.htmx_post(path, **BO).location == "/"


def test_the_link_of_the_first_owner_is_no_invite_and_no_invite_makes_an_owner(app: Flask, visitor: Browser) -> None:
    with app.app_context():
        token = (service.owner_link("http://localhost") or "").partition("token=")[2]

    assert visitor.get(f"/invite/{token}").status_code == 403


def test_an_invite_is_no_link_to_become_the_owner(app: Flask, owner: Browser, visitor: Browser) -> None:
    token = invite_by(owner).rpartition("/")[2]

    assert visitor.get(f"/setup?token={token}").status_code == 403
    assert visitor.get(f"/password/{token}").status_code == 403


# Links depend on the account that made them


def test_links_of_who_is_an_admin_no_more_die(app: Flask, owner: Browser, admin: Browser, visitor: Browser) -> None:
    path = invite_by(admin)
    owner.post(f"/admin/people/{admin.person_id}/role", role="member")

    assert visitor.get(path).status_code == 403


@pytest.mark.parametrize("deed", ["disable", "delete"])
def test_links_die_with_who_made_them(app: Flask, owner: Browser, admin: Browser, visitor: Browser, deed: str) -> None:
    path = invite_by(admin)
    owner.post(f"/admin/people/{admin.person_id}/{deed}", email="admin@example.org")

    assert visitor.get(path).status_code == 403


# A new password


@pytest.mark.slow
def test_a_password_link_works_once_and_ends_every_session(app: Flask, owner: Browser, member: Browser, visitor: Browser) -> None:
    path = password_link_by(owner, member)
    assert visitor.page(path).says("For member@example.org.")

    page = visitor.page(path).form("Save password").submit(password="another quiet river")

    assert page.path == "/"
    assert not is_signed_in(member)
    assert visitor.page("/account").says("member@example.org")
    assert Browser(app).get(path).status_code == 403
    with app.app_context():
        assert service.sign_in("member@example.org", "another quiet river")
        with pytest.raises(Invalid):
            service.sign_in("member@example.org", PASSWORD)
    assert ("owner@example.org", "created a password link", "member@example.org") in written_down(app)


@pytest.mark.slow
def test_a_weak_password_does_not_use_it_up(owner: Browser, member: Browser, visitor: Browser) -> None:
    page = visitor.page(password_link_by(owner, member)).form("Save password").submit(password="short")
    assert page.status_code == 422
    assert page.error_at("New password").endswith("Your password must be at least 8 characters long.")
    assert is_signed_in(member)

    assert page.form("Save password").submit(password="another quiet river").path == "/"


def test_it_lives_for_an_hour_and_a_newer_one_kills_it(app: Flask, owner: Browser, member: Browser, visitor: Browser) -> None:
    older, newer = password_link_by(owner, member), password_link_by(owner, member)
    assert visitor.get(older).status_code == 403
    assert visitor.get(newer).status_code == 200
    with app.app_context():
        lives = db.session.scalars(select(Invite)).one()
        assert timedelta(minutes=59) < lives.expires_at - utc_now() <= timedelta(hours=1)

    run_out(app)

    assert visitor.post(newer, password="another quiet river").status_code == 403


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/password", {"current": PASSWORD, "password": "a third quiet river"}),
        ("/account/email", {"email": "else@example.org", "password": PASSWORD}),
    ],
)
def test_it_dies_when_its_person_changes_how_they_sign_in(
    owner: Browser, member: Browser, visitor: Browser, path: str, fields: dict[str, str]
) -> None:
    link = password_link_by(owner, member)
    assert member.post(path, **fields).status_code == 303

    assert visitor.get(link).status_code == 403


def test_nobody_takes_over_an_admin_with_a_link_made_for_a_member(
    owner: Browser, admin: Browser, member: Browser, visitor: Browser
) -> None:
    link = password_link_by(admin, member)
    owner.post(f"/admin/people/{member.person_id}/role", role="admin")

    assert visitor.get(link).status_code == 403


def test_it_does_not_open_a_disabled_account(app: Flask, owner: Browser, member: Browser, visitor: Browser) -> None:
    link = password_link_by(owner, member)
    with app.app_context(), write() as session:
        session.get_one(User, member.person_id).disabled_at = utc_now()

    assert visitor.post(link, password="another quiet river").status_code == 403
    assert owner.post(f"/admin/people/{member.person_id}/password-link").status_code == 409


@pytest.mark.slow
def test_of_ten_who_use_it_at_the_same_time_one_chooses(app: Flask, owner: Browser, member: Browser) -> None:
    link = password_link_by(owner, member)
    jobs = [
        gevent.spawn(browser.post, link, password=f"another quiet river {number}")
        for number, browser in enumerate(browsers(app, 10))
    ]
    codes = [job.get(timeout=60).status_code for job in jobs]

    assert sorted(codes) == [303] + [403] * 9


def test_the_link_leads_to_this_server_whatever_the_host_header_says(owner: Browser) -> None:
    page = owner.post("/admin/people/invites", headers={"Host": "evil.example"}, role="member")

    assert page.status_code == 400


def test_the_link_has_the_public_address_when_there_is_one(make_app: MakeApp) -> None:
    app = make_app(PUBLIC_URL="http://chat.example.org:8080")
    owner = signed_in(app, "owner@example.org", "owner")

    page = owner.post("/admin/people/invites", role="member", email="")

    assert secret_of(page).startswith("http://chat.example.org:8080/invite/")
