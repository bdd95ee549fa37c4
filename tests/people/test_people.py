"""/admin/people: the list of accounts, and what owners and admins do with them."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.conftest import signed_in
from tests.people.conftest import account, in_parallel, is_signed_in, secret_of, written_down
from tests.support.browser import CROSS_SITE, Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.people import PASSWORD
from webapp.base.db import db, write
from webapp.base.errors import AppError, Invalid
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.people.accounts import queries, service
from webapp.people.accounts.tables import Grant, Invite, PersonAuthor, User
from webapp.people.members import service as people_service

DEEDS = ["role", "disable", "enable", "delete", "password-link"]


def do(browser: Browser, deed: str, whose: Browser, **fields: str) -> int:
    return browser.post(f"/admin/people/{whose.person_id}/{deed}", **fields).status_code


def test_it_lists_everybody_with_role_and_state(app: Flask, owner: Browser, admin: Browser, member: Browser) -> None:
    do(owner, "disable", member)

    page = owner.page("/admin/people")

    rows = [" ".join(row.text(separator=" ").split()) for row in page.all(".entries li")]
    assert [row.split()[0] for row in rows] == ["admin", "member", "owner"]
    assert "disabled" in rows[1]
    assert "seen just now" in rows[0]
    assert "you" in rows[2]


def test_it_says_what_each_role_may_do(owner: Browser) -> None:
    page = owner.page("/admin/people")

    rows = [[cell.text(strip=True) for cell in row.css("td")] for row in page.all(".grid tbody tr")]
    assert rows[0] == ["yes", "yes", "yes", "no"]
    assert rows[-1] == ["yes", "no", "no", "no"]


@pytest.mark.slow
def test_it_is_for_owner_and_admins(owner: Browser, admin: Browser, member: Browser, guest: Browser, visitor: Browser) -> None:
    paths = ["/admin/people", f"/admin/people/{member.person_id}"]
    for path in paths:
        codes = [browser.get(path).status_code for browser in (owner, admin, member, guest, visitor)]
        assert codes == [200, 200, 403, 403, 303]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("deed", DEEDS)
def test_nobody_else_does_anything(deed: str, owner: Browser, member: Browser, guest: Browser, visitor: Browser) -> None:
    others = (member, guest, visitor)
    assert [do(browser, deed, owner) for browser in others] == [403, 403, 303]
    assert [browser.post("/admin/people/invites", role="guest").status_code for browser in others] == [403, 403, 303]
    assert owner.post(f"/admin/people/{member.person_id}/{deed}", headers=CROSS_SITE).status_code == 403
    assert owner.post(f"/admin/people/{member.person_id}/{deed}", headers={"Origin": "https://evil.example"}).status_code == 403
    assert owner.get(f"/admin/people/{member.person_id}/{deed}").status_code == 405


@pytest.mark.slow
def test_who_tried_is_written_down_once_in_a_while(app: Flask, member: Browser) -> None:
    for _ in range(12):
        member.get("/admin/people")

    tries = [entry for entry in written_down(app) if entry[1] == "tried to open an admin page"]
    assert [entry[2] for entry in tries] == ["10 times within an hour", ""]
    assert tries[0][0] == "member@example.org"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("deed", DEEDS)
def test_an_account_that_is_not_there(owner: Browser, deed: str) -> None:
    assert owner.post(f"/admin/people/nobody/{deed}", role="guest", email="x@example.org").status_code == 404
    assert owner.get("/admin/people/nobody").status_code == 404


# Roles


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("by", "whose", "role", "code"),
    [
        ("owner", "member", "admin", 303),
        ("owner", "admin", "owner", 303),
        ("owner", "admin", "guest", 303),
        ("owner", "owner", "member", 409),
        ("admin", "member", "guest", 303),
        ("admin", "guest", "member", 303),
        ("admin", "member", "admin", 403),
        ("admin", "member", "owner", 403),
        ("admin", "admin", "member", 403),
        ("admin", "admin", "owner", 403),
        ("admin", "owner", "member", 403),
        ("owner", "member", "king", 422),
        ("owner", "member", "", 422),
    ],
)
def test_who_may_give_which_role(
    by: str, whose: str, role: str, code: int, owner: Browser, admin: Browser, member: Browser, guest: Browser
) -> None:
    cast = {"owner": owner, "admin": admin, "member": member, "guest": guest}

    assert do(cast[by], "role", cast[whose], role=role) == code

    assert account(cast[whose]).role == (role if code == 303 else whose)


def test_a_new_role_counts_at_once(owner: Browser, member: Browser) -> None:
    assert member.get("/admin/people").status_code == 403
    page = owner.page(f"/admin/people/{member.person_id}").form("Change role").submit(role="admin")
    assert page.says("Role changed.")

    assert member.get("/admin/people").status_code == 200
    do(owner, "role", member, role="guest")
    assert member.get("/admin/people").status_code == 403


def test_an_owner_may_step_down_when_there_is_another(owner: Browser, admin: Browser) -> None:
    do(owner, "role", admin, role="owner")

    assert do(owner, "role", owner, role="member") == 303
    assert do(admin, "role", admin, role="member") == 409


def test_a_disabled_owner_is_no_owner_to_stay(owner: Browser, admin: Browser) -> None:
    do(owner, "role", admin, role="owner")
    do(owner, "disable", admin)

    assert do(owner, "role", owner, role="member") == 409


@on_both_databases
def test_of_two_owners_who_unmake_each_other_one_stays(app: Flask, owner: Browser, member: Browser) -> None:
    do(owner, "role", member, role="owner")
    ids = [owner.person_id, member.person_id]

    def unmake(number: int) -> str:
        person, by = db.session.get_one(User, ids[1 - number]), db.session.get_one(User, ids[number])
        try:
            people_service.change_role(person, "guest", author=PersonAuthor(by))
        except AppError:
            return "refused"
        return "done"

    assert sorted(in_parallel(app, unmake, 2)) == ["done", "refused"]
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(User.role == "owner")) == 1


def test_a_refused_role_stands_in_the_form(owner: Browser) -> None:
    page = owner.page(f"/admin/people/{owner.person_id}").form("Change role").submit(role="member")

    assert page.status_code == 409
    assert page.says("There must always be an owner.")


def test_the_page_of_somebody_above_offers_nothing(owner: Browser, admin: Browser) -> None:
    page = admin.page(f"/admin/people/{owner.person_id}")

    assert page.says("Only an owner can manage owners and admins.")
    assert not page.all("main form")


# Disabling


def test_disabling_ends_every_session_and_every_token(app: Flask, owner: Browser, member: Browser) -> None:
    token = secret_of(member.post("/account/tokens", name="script", read="y", days="30", password=PASSWORD))
    page = owner.page(f"/admin/people/{member.person_id}").press("Disable")
    assert page.says("Account disabled and signed out everywhere.")

    assert not is_signed_in(member)
    with app.app_context():
        assert service.used_token(token) is None
        with pytest.raises(Invalid):
            service.sign_in("member@example.org", PASSWORD)

    page = owner.page(f"/admin/people/{member.person_id}").press("Enable")

    assert not is_signed_in(member)
    with app.app_context():
        assert service.used_token(token) is not None
        assert service.sign_in("member@example.org", PASSWORD)


def test_open_pages_are_told_to_look_again(app: Flask, owner: Browser, member: Browser) -> None:
    topic = f"user:{member.person_id}"
    with app.app_context():
        before = the_engine().logs.topics.last(topic)
    do(owner, "disable", member)

    with app.app_context():
        entries = the_engine().logs.topics.read(topic, before)
    assert [str(getattr(entry.event, "what", "")) for entry in entries] == ["access"]


@pytest.mark.parametrize("deed", ["disable", "delete"])
def test_nobody_shuts_themselves_out(owner: Browser, deed: str) -> None:
    assert do(owner, deed, owner, email="owner@example.org") == 409
    assert is_signed_in(owner)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("deed", ["disable", "enable", "delete", "password-link"])
def test_admins_leave_owners_and_admins_alone(app: Flask, owner: Browser, admin: Browser, deed: str) -> None:
    other = signed_in(app, "other@example.org", "admin")

    assert [do(admin, deed, whose, email=whose.email) for whose in (owner, other, admin)] == [403] * 3
    assert all(is_signed_in(browser) for browser in (owner, other, admin))


# Deleting


@pytest.mark.slow
def test_deleting_takes_the_chats_along_and_asks_for_the_email(app: Flask, owner: Browser, member: Browser) -> None:
    member_id = member.person_id
    with app.app_context(), write() as session:
        session.add(Chat(owner_id=member_id, model="demo/quick"))
    page = owner.page(f"/admin/people/{member_id}")
    assert page.says("The account and everything member owns, except what you hand over below.")
    page = page.form("Delete account").submit(email="owner@example.org")
    assert page.error_at("Type their email to confirm") == "That isn't this account's email, so nothing was deleted."

    page = owner.page(f"/admin/people/{member_id}").form("Delete account").submit(email="MEMBER@example.org ")

    assert page.heading == "Account deleted"
    assert page.says("Chats: 1")
    assert not is_signed_in(member)
    with app.app_context():
        assert queries.user_by_email("member@example.org") is None
        assert db.session.scalar(select(func.count()).select_from(Chat)) == 0
    assert written_down(app)[0] == ("owner@example.org", "deleted an account", f"deleted account {member_id[-6:]}")


@pytest.mark.slow
@also_on_postgres
def test_rights_to_what_the_deleted_had_go_with_it(app: Flask, owner: Browser, member: Browser, stranger: Browser) -> None:
    given = [browser.submit("/", message="Take it").path.rpartition("/")[2] for browser in (member, owner)]
    mara = member.submit("/characters/new", name="Mara", description="She mills.").path.rpartition("/")[2]
    with app.app_context(), write() as session:
        session.add_all(Grant(object_kind="chat", object_id=id, user_id=stranger.person_id, right="view") for id in given)
        session.add(Grant(object_kind="character", object_id=mara, right="view"))

    owner.submit(f"/admin/people/{member.person_id}", email=member.email)

    with app.app_context():
        assert db.session.scalars(select(Grant.object_id)).all() == [given[1]]


def test_what_the_deleted_did_stays_written_down(app: Flask, owner: Browser, admin: Browser, member: Browser) -> None:
    do(admin, "role", member, role="guest")
    alias = f"deleted account {admin.person_id[-6:]}"
    do(owner, "delete", admin, email="admin@example.org")

    assert (alias, "changed a role", "member@example.org: member to guest") in written_down(app)


# Invites


def test_the_link_is_shown_once_and_only_its_hash_is_kept(app: Flask, owner: Browser) -> None:
    page = owner.page("/admin/people").form("Create link").submit(role="guest", email="ann@example.org")
    link = secret_of(page)

    page = owner.page("/admin/people")

    assert link.rpartition("/")[2] not in page.text
    assert page.says("as guest · created just now · expires")
    with app.app_context():
        assert link.rpartition("/")[2] not in db.session.scalars(select(Invite.token_hash)).one()
    assert written_down(app)[0] == ("owner@example.org", "created an invite", "guest ann@example.org")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("by", "role"), [("owner", "owner"), ("owner", ""), ("admin", "owner"), ("admin", "admin"), ("admin", "x")]
)
def test_nobody_invites_above_themselves(by: str, role: str, app: Flask, owner: Browser, admin: Browser) -> None:
    page = {"owner": owner, "admin": admin}[by].post("/admin/people/invites", role=role)

    assert page.status_code == 403
    assert page.says("You can only invite people as:")
    with app.app_context():
        assert not queries.open_invites()


@pytest.mark.parametrize("email", ["nobody", "OWNER@example.org"])
def test_an_invite_for_no_address_or_a_known_one_is_refused_in_place(owner: Browser, email: str) -> None:
    page = owner.post("/admin/people/invites", role="guest", email=email)

    assert page.status_code in (409, 422)
    assert page.textbox("Restrict to this email (optional)").value == email
    assert page.error_at("Restrict to this email (optional)")


@pytest.mark.slow
def test_admins_do_not_revoke_what_they_could_not_make(app: Flask, owner: Browser, admin: Browser, member: Browser) -> None:
    owner.post("/admin/people/invites", role="admin", email="")
    owner.post(f"/admin/people/{member.person_id}/password-link")
    with app.app_context():
        ids = db.session.scalars(select(Invite.id)).all()

    assert [admin.post(f"/admin/people/invites/{id}/revoke").status_code for id in ids] == [404, 404]
    assert not admin.page("/admin/people").has("button", "Revoke the invite for anyone with the link")
    assert owner.page("/admin/people").press("Revoke the invite for anyone with the link").says("Invite revoked")


def test_a_name_is_only_text(owner: Browser, member: Browser) -> None:
    member.post("/account/name", name="<b>Mina</b>")

    assert owner.page("/admin/people").says("<b>Mina</b>")
    assert owner.page(f"/admin/people/{member.person_id}").heading == "<b>Mina</b>"


def test_htmx_and_programs_get_their_kind_of_answer(owner: Browser, member: Browser) -> None:
    path = f"/admin/people/{member.person_id}"
    assert owner.htmx_post(f"{path}/role", role="guest").location == f"{path}?done=role"
    assert owner.htmx_post(f"{path}/delete", email="x").status_code == 422

    page = member.post(f"{path}/delete", headers={"Accept": "application/json"})

    assert (page.status_code, page.json["code"]) == (403, "forbidden")


def test_the_list_needs_the_same_statements_for_many_as_for_few(app: Flask, owner: Browser) -> None:
    def cost() -> int:
        with owner.counting_statements() as statements:
            owner.page("/admin/people")
        # Connections and settings are reread once a second, by whichever request comes first.
        return sum("FROM users" in statement for statement in statements)

    before = cost()
    for number in range(5):
        signed_in(app, f"m{number}@example.org", "member")
    assert cost() == before > 0
