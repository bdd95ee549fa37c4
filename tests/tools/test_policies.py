"""Policies of tools: for everyone, for groups, for oneself; and tools that are freed of the outside rule."""

import pytest
from sqlalchemy import select

from tests.support.browser import Browser
from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.people.accounts.tables import Group, Membership, User
from webapp.settings.service import set_setting
from webapp.tools.offers import offers_for, tools_of
from webapp.tools.outside import HasRead, asks_because
from webapp.tools.policies import policies_for
from webapp.tools.tables import ToolPolicy


@pytest.fixture
def millers(owner: Browser, member: Browser) -> str:
    """A group with the member in it."""
    with owner.app.app_context():
        group = Group(name="Millers")
        db.session.add(group)
        db.session.flush()
        db.session.add(Membership(group_id=group.id, user_id=_user(member).id))
        db.session.commit()
        return group.id


def _user(browser: Browser) -> User:
    return db.session.scalars(select(User).where(User.email == browser.email)).one()


def _policy(browser: Browser, key: str = "read_page") -> str:
    with browser.app.app_context():
        return policies_for(_user(browser)).of(tools_of(_user(browser))[key])


def _offered(browser: Browser, *keys: str, **how: list[tuple[str, str]]) -> dict[str, str]:
    with browser.app.app_context():
        return {offer.tool.key: offer.policy for offer in offers_for(_user(browser), keys, **how)}


def _pressed(owner: Browser, key: str) -> list[str]:
    """Returns what is pressed in a tool's row of the page."""
    (row,) = [form for form in owner.page("/admin/tools").all("form:has(.segments)") if form.css(f"input[value={key}]")]
    return [button.text() for button in row.css("button[aria-pressed=true]")]


def test_each_tool_is_a_row_with_what_it_may_do(owner: Browser, member: Browser) -> None:
    assert _pressed(owner, "read_page") == ["Use freely"]
    assert owner.post("/admin/tools/choose", key="read_page", policy="ask").location == "/admin/tools"
    assert (_pressed(owner, "read_page"), _policy(member)) == (["Ask first"], "ask")
    owner.post("/admin/tools/choose", key="read_page", policy="allow")
    with owner.app.app_context():
        assert db.session.scalars(select(ToolPolicy)).all() == []
    assert owner.post("/admin/tools/choose", key="read_page", policy="always").status_code == 422
    assert owner.post("/admin/tools/choose", key="nothing", policy="ask").status_code == 404
    # Who may not decide can't by a form of their own.
    assert member.post("/admin/tools/choose", key="read_page", policy="deny").status_code in (403, 404)


def test_a_card_has_one_switch_for_its_tools(owner: Browser, member: Browser) -> None:
    owner.post("/admin/tools/choose", key="read_page", policy="ask")
    (switch,) = owner.page("/admin/tools").all("#web [role=switch]")
    assert switch.attributes["aria-checked"] == "true"
    owner.post("/admin/tools/switch", group="web", on="")
    assert (_policy(member), _policy(member, "search_web"), _policy(member, "ask_person")) == ("deny", "deny", "allow")
    page = owner.page("/admin/tools")
    assert page.all("#web [role=switch]")[0].attributes["aria-checked"] == "false"
    assert "Off" in page.all("#web .standing")[0].text()
    owner.post("/admin/tools/switch", group="web", on="y")
    assert (_policy(member), _policy(member, "search_web")) == ("allow", "allow")
    assert owner.post("/admin/tools/switch", group="nothing", on="y").status_code == 404


def test_an_admin_decides_for_everyone(owner: Browser, member: Browser) -> None:
    assert (_policy(member), _policy(owner)) == ("allow", "allow")
    page = owner.page("/admin/tools/policy?key=read_page")
    assert page.says("Default: Use freely.")
    assert owner.post("/admin/tools/policy?key=read_page", policy="ask").status_code == 303
    assert (_policy(member), _policy(owner)) == ("ask", "ask")
    assert _offered(member, "read_page") == {"read_page": "ask"}
    owner.post("/admin/tools/policy?key=read_page", policy="deny")
    assert _offered(member, "read_page", "ask_person") == {"ask_person": "allow"}
    assert _pressed(owner, "read_page") == ["Off"]
    owner.post("/admin/tools/policy?key=read_page", policy="")
    assert _policy(member) == "allow"
    with owner.app.app_context():
        entries = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "set the policy of a tool")).all()
    assert sorted(entries) == ["as usual", "ask", "deny"]


def test_admins_get_a_link_to_what_makes_a_tool_available(owner: Browser, member: Browser) -> None:
    """Others read that admins can do it, and where."""
    page = owner.page("/admin/tools")
    assert page.says("Not set up")
    for key, field, path in (
        ("make_picture", "tools.picture_model", "/admin/tools/pictures"),
        ("search_web", "tools.search_kind", "/admin/tools/web"),
    ):
        link = f"{path}?setting={field}"
        assert page.all(f"a[href='{link}']")
        assert owner.page(f"/admin/tools/policy?key={key}").all(f"a[href='{link}']")
        assert owner.page("/settings/tools").all(f".kit__tools .help a[href='{link}']")
        assert owner.page(link).all(f"[id='{field}']")
    path = member.post("/chats", message="Hello").location.partition("#")[0]
    tools = member.page(f"{path}/tools")
    assert tools.says("No web search is set up. An admin can choose one under Administration → Models → Tools.")
    assert not tools.all("a[href^='/admin']")
    assert member.page("/settings/tools").says("Not set up yet. Ask an admin.")


def test_groups_and_people_can_only_be_stricter(owner: Browser, member: Browser, millers: str) -> None:
    owner.post("/admin/tools/policy/groups?key=read_page", group=f"group:{millers}", limit="ask")
    assert (_policy(member), _policy(owner)) == ("ask", "allow")
    assert owner.page("/admin/tools/policy?key=read_page").says("Millers")
    owner.post("/admin/tools/policy?key=read_page", policy="deny")
    assert _policy(member) == "deny"
    owner.post("/admin/tools/policy?key=read_page", policy="allow")
    member.post("/settings/tools", **{"shown": "read_page", "limit-read_page": "deny"})
    assert (_policy(member), _policy(owner)) == ("deny", "allow")
    # No one frees themselves.
    member.post("/settings/tools", **{"shown": "read_page", "limit-read_page": "allow"})
    assert _policy(member) == "ask"
    owner.post("/admin/tools/policy/groups?key=read_page", group=f"group:{millers}", limit="")
    assert _policy(member) == "allow"


def test_what_is_wrong_is_said_at_the_field(owner: Browser) -> None:
    for path, fields, words in (
        ("/admin/tools/policy?key=read_page", {"policy": "always"}, "Choose a policy."),
        ("/admin/tools/policy/groups?key=read_page", {"group": "group:gone", "limit": "deny"}, "group"),
        ("/admin/tools/policy/groups?key=read_page", {"group": "", "limit": "deny"}, "group"),
    ):
        refused = owner.post(path, **fields)
        assert refused.status_code == 422, path
        assert words in refused.text
    assert owner.get("/admin/tools/policy?key=nothing").status_code == 404


def test_a_denied_tool_is_shown_but_cannot_be_chosen(owner: Browser, member: Browser) -> None:
    owner.post("/admin/tools/policy?key=read_page", policy="deny")
    path = member.post("/chats", message="Hello", tools="ask_person").location.partition("#")[0]
    assert member.page(f"{path}/tools").says("Blocked by an admin or your own settings.")
    assert member.post(f"{path}/tools", shown="read_page", tool="read_page").status_code == 422
    assert member.post("/chats", message="Hello", tools="read_page").status_code == 422
    # Among those that a new chat can begin with, it isn't there.
    assert "Read a web page" not in member.page("/").all("#new-tools")[0].text()


def test_new_chats_begin_with_the_tools_of_the_settings(member: Browser) -> None:
    member.post("/settings/tools", shown=["read_page", "ask_person"], new=["ask_person"])
    (on,) = member.page("/").all("#new-tools input[checked]")
    assert on.attributes["value"] == "ask_person"
    (on,) = member.page("/settings/tools").all("input[name=new][checked]")
    assert on.attributes["value"] == "ask_person"
    # What the form didn't show stays.
    member.post("/settings/tools", shown="read_page", new="read_page")
    assert len(member.page("/settings/tools").all("input[name=new][checked]")) == 2


def test_people_choose_among_what_is_as_strict_as_their_admins_say(owner: Browser, member: Browser) -> None:
    def offered(key: str) -> list[tuple[str, bool]]:
        choices = member.page("/settings/tools").all(f"input[name='limit-{key}']")
        return [(str(choice.attributes["value"]), "checked" in choice.attributes) for choice in choices]

    assert offered("read_page") == [("allow", True), ("ask", False), ("deny", False)]
    assert offered("ask_person") == [("allow", True), ("deny", False)]
    owner.post("/admin/tools/choose", key="read_page", policy="ask")
    assert offered("read_page") == [("ask", True), ("deny", False)]
    member.post("/settings/tools", **{"shown": "read_page", "limit-read_page": "deny"})
    assert offered("read_page") == [("ask", False), ("deny", True)]
    # What their admins say is no choice of their own: once these are milder, so is it.
    member.post("/settings/tools", **{"shown": "read_page", "limit-read_page": "ask"})
    owner.post("/admin/tools/choose", key="read_page", policy="allow")
    assert offered("read_page")[0] == ("allow", True)
    owner.post("/admin/tools/choose", key="read_page", policy="deny")
    assert offered("read_page") == []
    assert member.page("/settings/tools").says("Turned off by your admins.")


def test_what_was_allowed_in_a_chat_holds_for_the_tool_as_it_was(owner: Browser, member: Browser) -> None:
    owner.post("/admin/tools/policy?key=read_page", policy="ask")
    assert _offered(member, "read_page", allowed=[("read_page", "")]) == {"read_page": "allow"}
    assert _offered(member, "read_page", allowed=[("read_page", "another")]) == {"read_page": "ask"}


def test_single_tools_are_freed_of_the_outside_rule_where_the_setting_permits_it(owner: Browser, member: Browser) -> None:
    def why(key: str) -> str:
        with owner.app.app_context():
            (offer,) = offers_for(_user(member), [key])
            return asks_because(offer, {"address": "https://example.org/?canary"}, HasRead(["example.net"]))

    assert why("read_page")
    # While the rule holds for every tool, none can be freed.
    owner.post("/admin/tools/policy?key=read_page", policy="", is_free="y")
    assert not owner.page("/admin/tools/policy?key=read_page").all("input[name=is_free]")
    with owner.app.app_context():
        set_setting("tools.outside_rule", "false")
    assert why("read_page")
    owner.post("/admin/tools/policy?key=read_page", policy="", is_free="y")
    assert owner.page("/admin/tools/policy?key=read_page").all("input[name=is_free][checked]")
    assert why("read_page") == ""
    with owner.app.app_context():
        set_setting("tools.search_kind", "searxng")
        set_setting("tools.search_address", "http://localhost:8888")
    assert why("search_web")
    with owner.app.app_context():
        set_setting("tools.outside_rule", "true")
    assert why("read_page")
