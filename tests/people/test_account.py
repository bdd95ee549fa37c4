"""/account: a person's name, email, password, sessions, tokens, and deleting the account."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from tests.conftest import signed_in
from tests.people.conftest import account, in_parallel, is_signed_in, secret_of, written_down
from tests.support.browser import CROSS_SITE, Browser
from tests.support.marks import on_both_databases
from tests.support.people import PASSWORD
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError
from webapp.chat.record.tables import Chat
from webapp.people.accounts import queries, service
from webapp.people.accounts.queries import MOST_SESSIONS
from webapp.people.accounts.roles import SCOPES
from webapp.people.accounts.tables import ApiToken, User, UserSession
from webapp.people.members import service as people_service

NEW = "another quiet river"
POSTS = ["/name", "/email", "/password", "/sessions/end", "/sessions/abc/end", "/tokens", "/tokens/abc/revoke", "/delete"]


def sign_in_again(app: Flask, browser: Browser) -> Browser:
    """Signs the same person in from a phone."""
    other = Browser(app, email=browser.email)
    other.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Mobile Safari/604.1"
    page = other.post("/login", email=browser.email, password=PASSWORD)
    assert page.status_code == 303
    return other


def test_it_shows_who_one_is(member: Browser) -> None:
    page = member.page("/account")

    assert page.heading == "Profile"
    assert page.says("You are signed in as member@example.org. Your role here is member")
    assert page.link("member member@example.org").attributes["href"] == "/account"
    assert not page.has("a", "Administration")


@pytest.mark.slow
def test_admins_find_the_way_to_their_pages(admin: Browser) -> None:
    assert admin.page("/account").link("Administration").attributes["href"] == "/admin"


def test_who_is_signed_out_is_sent_to_sign_in(visitor: Browser) -> None:
    assert visitor.get("/account").location == "/login?next=/account"
    assert {visitor.post(f"/account{path}").status_code for path in POSTS} == {303}


@pytest.mark.slow
def test_no_form_of_another_site_changes_anything(member: Browser) -> None:
    for path in POSTS:
        assert member.post(f"/account{path}", headers=CROSS_SITE).status_code == 403
        assert member.post(f"/account{path}", headers={"Origin": "https://evil.example"}).status_code == 403
        assert member.get(f"/account{path}").status_code in ((200,) if path == "/tokens" else (404, 405))


# Name and email


def test_a_new_name_stands_everywhere(member: Browser) -> None:
    page = member.page("/account").form("Save name").submit(name="  Mina   Mill ")

    assert page.says("Your name has been changed.")
    assert page.has("a", "Mina Mill member@example.org")


@pytest.mark.slow
def test_a_name_that_cannot_be_is_refused_in_place(member: Browser) -> None:
    page = member.page("/account").form("Save name").submit(name="x" * 121)

    assert page.status_code == 422
    assert page.error_at("Name") == "Enter a name of up to 120 characters."
    assert page.textbox("Name").value == "x" * 121
    assert account(member).name == "member"


def test_a_name_is_only_text(member: Browser) -> None:
    page = member.page("/account").form("Save name").submit(name="<img src=x onerror=alert(1)>")

    assert not page.all("img")
    assert page.has("a", "<img src=x onerror=alert(1)> member@example.org")


@pytest.mark.slow
def test_a_new_email_needs_the_password(app: Flask, member: Browser) -> None:
    page = member.page("/account").form("Save email").submit(email="mina@example.org", password="a wrong guess")
    assert page.error_at("Your password") == "That isn't your current password."
    assert page.textbox("New email").value == "mina@example.org"
    assert page.textbox("Your password").value == ""

    page = member.page("/account").form("Save email").submit(email=" MINA@example.org", password=PASSWORD)

    assert page.says("mina@example.org")
    with app.app_context():
        assert service.sign_in("mina@example.org", PASSWORD)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("email", ["STRANGER@example.org", "ｓtranger@example.org", "stranger\u200b@example.org "])
def test_nobody_takes_an_address_that_has_an_account(member: Browser, stranger: Browser, email: str) -> None:
    page = member.post("/account/email", email=email, password=PASSWORD)

    assert page.status_code == 409
    assert page.error_at("New email") == "An account with that email already exists."
    assert account(member).email == "member@example.org"


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_asking_who_has_an_account_is_slowed_down(member: Browser, stranger: Browser) -> None:
    def ask() -> int:
        return member.post("/account/email", email="stranger@example.org", password="a wrong guess").status_code

    assert [ask() for _ in range(11)] == [422] * 10 + [429]


# Password and sessions


@pytest.mark.slow
def test_a_new_password_ends_all_other_sessions_and_changes_the_secret(app: Flask, member: Browser) -> None:
    elsewhere, before = sign_in_again(app, member), member.cookie("millrace")

    page = member.page("/account/security").form("Save password").submit(current=PASSWORD, password=NEW)

    assert page.says("Your password has been changed.")
    assert member.cookie("millrace") not in (before, None)
    assert is_signed_in(member)
    assert not is_signed_in(elsewhere)
    with app.app_context():
        assert service.session_user(before or "") is None
        assert service.sign_in(member.email, NEW)


@pytest.mark.slow
def test_a_wrong_or_weak_password_changes_nothing(app: Flask, member: Browser) -> None:
    elsewhere = sign_in_again(app, member)
    page = member.page("/account/security").form("Save password").submit(current="a wrong guess", password=NEW)
    assert page.error_at("Current password") == "That isn't your current password."

    page = member.page("/account/security").form("Save password").submit(current=PASSWORD, password="password")
    assert "another" in page.error_at("New password")

    assert is_signed_in(elsewhere)
    with app.app_context():
        assert service.sign_in(member.email, PASSWORD)


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_guessing_the_password_from_inside_is_slowed_down_and_written_down(app: Flask, member: Browser) -> None:
    codes = [member.post("/account/delete", password="a wrong guess").status_code for _ in range(11)]

    assert codes == [422] * 10 + [429]
    assert ("member@example.org", "entered a wrong password", "10 times within an hour") in written_down(app)


def test_sessions_say_what_and_from_where(app: Flask, member: Browser) -> None:
    sign_in_again(app, member)
    member.get("/account")

    page = member.page("/account/security")

    assert page.says("Safari on iPhone")
    assert page.says("from 127.0.0.1")
    assert page.says("this browser")


@pytest.mark.slow
def test_one_session_or_all_others_can_be_ended(app: Flask, member: Browser) -> None:
    phones = [sign_in_again(app, member) for _ in range(3)]

    page = member.page("/account/security")
    first = next(form for form in page.all("form") if (form.attributes["action"] or "").endswith("/end"))
    member.post(first.attributes["action"] or "")
    assert [is_signed_in(phone) for phone in phones].count(True) == 2

    page = member.page("/account/security").press("End all other sessions")

    assert page.says("Session ended.")
    assert not any(is_signed_in(phone) for phone in phones)
    assert is_signed_in(member)
    assert not page.has("button", "End all other sessions")


def test_sessions_of_others_are_not_there(app: Flask, member: Browser, stranger: Browser) -> None:
    with app.app_context():
        theirs = db.session.scalars(select(UserSession.id).where(UserSession.user_id == stranger.person_id)).one()

    assert member.post(f"/account/sessions/{theirs}/end").status_code == 404
    assert is_signed_in(stranger)


@on_both_databases
def test_a_sign_in_that_overlaps_with_a_new_password_opens_nothing(app: Flask, member: Browser) -> None:
    user = account(member)
    with app.app_context():
        stored = queries.credentials(member.email)
        assert stored
        service.set_password(db.session.get_one(User, user.id), NEW)
        with pytest.raises(AppError):
            service.open_session(user.id, "late", proof=stored[1])


# Tokens


def test_a_token_is_shown_once_and_works(app: Flask, member: Browser) -> None:
    page = (
        member.page("/account/tokens")
        .form("Create token")
        .submit(name="backup script", read="y", plans="y", days="30", password=PASSWORD)
    )

    token = secret_of(page)
    assert page.has("input", "Your new token to copy")
    with app.app_context():
        found = service.used_token(token)
        assert found is not None
        assert (found[1].email, service.scopes_of(*found)) == (member.email, {"read", "plans"})
        assert db.session.scalars(select(ApiToken.token_hash)).one() != token

    page = member.page("/account/tokens")
    assert token not in page.text
    assert page.says(f"backup script …{token[-4:]}")
    assert page.says("read, plans · used just now · expires on")
    assert not any(token in str(entry) for entry in written_down(app))


def test_a_token_can_be_for_everything_that_its_person_may(owner: Browser) -> None:
    offered = {node.attributes["name"] for node in owner.page("/account/tokens").all("input[type=checkbox]")}
    assert set(SCOPES) <= offered


@pytest.mark.slow
def test_a_token_is_for_something_and_for_no_more_than_its_person_may(member: Browser, guest: Browser) -> None:
    page = member.post("/account/tokens", name="nothing", days="30", password=PASSWORD)
    assert page.says("Choose at least one permission for the token.")

    page = guest.page("/account/tokens")
    assert not page.has("input", "Create plans")
    assert not member.page("/account/tokens").has("input", "Admin access")
    assert guest.post("/account/tokens", name="more", admin="y", plans="y", days="30", password=PASSWORD).status_code == 422


@pytest.mark.mostly_slow
@pytest.mark.parametrize("fields", [{"days": "-1"}, {"days": "x"}, {"name": ""}, {"name": "x" * 200}])
def test_a_token_form_with_nonsense_is_refused_with_what_was_typed(member: Browser, fields: dict[str, str]) -> None:
    page = member.post("/account/tokens", **{"name": "script", "read": "y", "days": "30", "password": PASSWORD} | fields)

    assert page.status_code == 422
    assert page.textbox("Token name").value == fields.get("name", "script")
    assert not page.all("#once-secret")


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_a_session_alone_makes_no_token(app: Flask, member: Browser) -> None:
    page = member.page("/account/tokens").form("Create token").submit(name="thief", read="y", days="0", password="a wrong guess")

    assert page.status_code == 422
    assert page.error_at("Confirm with your password") == "That isn't your current password."
    assert (page.textbox("Token name").value, page.textbox("Confirm with your password").value) == ("thief", "")
    codes = [member.post("/account/tokens", name="thief", read="y", days="0").status_code for _ in range(11)]
    assert codes[-1] == 429
    with app.app_context():
        assert not db.session.scalars(select(ApiToken.id)).all()


@pytest.mark.mostly_slow
@pytest.mark.parametrize("box", ["y", ""])
def test_a_new_password_revokes_the_tokens_if_that_is_wished(app: Flask, member: Browser, box: str) -> None:
    assert not member.page("/account/security").has("input", "Also revoke 1 API token")
    token = secret_of(member.post("/account/tokens", name="script", read="y", days="0", password=PASSWORD))
    assert member.page("/account/security").has("input", "Also revoke 1 API token")

    member.post("/account/password", current=PASSWORD, password=NEW, **({"revokes_tokens": box} if box else {}))

    with app.app_context():
        assert (service.used_token(token) is None) == bool(box)
    assert (("member@example.org", "revoked all tokens", "member@example.org: 1") in written_down(app)) == bool(box)


def test_a_revoked_token_opens_nothing(app: Flask, member: Browser, stranger: Browser) -> None:
    token = secret_of(member.post("/account/tokens", name="script", read="y", days="0", password=PASSWORD))
    with app.app_context():
        token_id = db.session.scalars(select(ApiToken.id)).one()
    assert stranger.post(f"/account/tokens/{token_id}/revoke").status_code == 404
    assert member.page("/account/tokens").says("never expires")

    page = member.page("/account/tokens").press("Revoke script")

    assert page.says("Token revoked.")
    with app.app_context():
        assert service.used_token(token) is None


# Deleting the account


@pytest.mark.slow
def test_deleting_needs_the_password_and_takes_the_chats_along(app: Flask, member: Browser) -> None:
    member_id = member.person_id
    with app.app_context(), write() as session:
        session.add(Chat(owner_id=member_id, model="demo/quick"))
    page = member.page("/account/data").form("Delete my account").submit(password="a wrong guess")
    assert page.error_at("Password of this account") == "That isn't your current password."

    page = member.page("/account/data").form("Delete my account").submit(password=PASSWORD)

    assert page.heading == "Your account is deleted"
    assert not member.cookie("millrace")
    assert member.get("/").location.startswith("/login")
    with app.app_context():
        assert queries.user_by_email(member.email) is None
        assert db.session.scalar(select(func.count()).select_from(Chat)) == 0
    alias = f"deleted account {member_id[-6:]}"
    assert (alias, "deleted an account", alias) in written_down(app)


def test_the_last_owner_stays(app: Flask, owner: Browser) -> None:
    page = owner.page("/account/data").form("Delete my account").submit(password=PASSWORD)

    assert page.status_code == 409
    assert page.says("There must always be an owner. Make someone else an owner first.")
    assert is_signed_in(owner)


@pytest.mark.slow
@on_both_databases
def test_of_two_owners_who_leave_at_the_same_moment_one_stays(app: Flask, owner: Browser) -> None:
    other = signed_in(app, "other@example.org", "member")
    with app.app_context(), write() as session:
        session.get_one(User, other.person_id).role = "owner"

    def leave(number: int) -> str:
        user = db.session.get_one(User, ids[number])
        try:
            people_service.delete_account(user, PASSWORD, address="192.0.2.1")
        except AppError as error:
            return error.message
        return "gone"

    ids = [owner.person_id, other.person_id]
    results = in_parallel(app, leave, 2)

    assert sorted(results) == ["There must always be an owner. Make someone else an owner first.", "gone"]


# Other kinds of responses


def test_htmx_gets_the_same_page_or_goes_on(member: Browser) -> None:
    assert member.htmx_post("/account/name", name="").error_at("Name")
    assert member.htmx_post("/account/name", name="Mina").location == "/account?done=name#name"


def test_programs_are_refused_in_json(member: Browser) -> None:
    page = member.post("/account/name", headers={"Accept": "application/json"}, name="")

    assert (page.status_code, page.json["code"], page.json["field"]) == (422, "invalid", "name")


def test_more_fields_than_there_are_change_nothing(member: Browser) -> None:
    member.post("/account/name", name="Mina", role="owner", email="x@example.org", id="1", disabled_at="", is_admin="1")

    assert (account(member).role, account(member).email) == ("member", "member@example.org")


def test_nobody_invents_what_the_page_says(member: Browser) -> None:
    assert not member.page("/account?done=Send+me+your+password").all(".said")


@pytest.mark.slow
def test_of_thousands_of_sessions_those_used_last_are_shown(app: Flask, owner: Browser) -> None:
    with app.app_context(), write() as session:
        user_id = session.scalars(select(User.id).where(User.email == owner.email)).one()
        same = {
            "user_id": user_id,
            "agent": "",
            "seen_at": utc_now() - timedelta(days=1),
            "expires_at": utc_now() + timedelta(days=9),
        }
        session.execute(insert(UserSession), [{"token_hash": str(number), **same} for number in range(3_000)])

    page = owner.page("/account/security")

    assert len(page.all(".entries li[id^=session-]")) == MOST_SESSIONS
    assert page.says("this browser")
