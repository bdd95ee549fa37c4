"""/characters/variables: a person sees, changes and removes what placeholders keep of them in all their chats."""

import pytest

from tests.api.client import client_of
from tests.support.marks import also_on_postgres
from webapp.chat.record import variables


@pytest.fixture
def kept(app, member):
    def kept() -> dict[str, str]:
        with app.app_context():
            return variables.variables_of_person(member.person_id)

    return kept


def row(at: int, name: str, value: str) -> dict[str, str]:
    return {f"variable-name-{at}": name, f"variable-value-{at}": value}


@pytest.mark.slow
@also_on_postgres
def test_what_a_chat_has_set_is_seen_changed_and_removed(make, member, stranger, kept, say):
    greeting = "{{incglobalvar::met}}{{setglobalvar::hat::green}}"
    chat = member.page(make(greeting=greeting, description="Met {{$met}}, {{$hat}}.")).press("Chat with Mara").path
    page = member.page(f"{chat}/prompts").click("Your variables")
    assert [field.attributes["value"] for field in page.all("[name^=variable-name]")] == ["hat", "met", ""]
    assert stranger.page("/characters/variables").says("No variables yet.")

    page = member.submit("/characters/variables", **row(1, "met", "7"), **row(2, " coat ", "red"), **{"variable-removed-0": "on"})
    assert page.says("Saved.")
    assert kept() == {"met": "7", "coat": "red"}
    assert say(chat, "Hi")[0] == ("system", "Met 7, .")


def test_of_two_tabs_the_later_one_is_told_what_both_have_changed(member, kept):
    member.submit("/characters/variables", **row(0, "met", "1"))
    first, second, third = (member.page("/characters/variables").form("Save variables") for _ in range(3))
    first.submit(**row(0, "met", "2"))
    third.submit(**row(1, "hat", "green"))
    refused = second.submit(**row(0, "met", "3"), **row(1, "coat", "red"))

    assert (refused.status_code, refused.says("The variables have just changed elsewhere.")) == (409, True)
    assert kept() == {"met": "2", "hat": "green"}
    refused.form("Save variables").submit()
    assert kept() == {"met": "3", "hat": "green", "coat": "red"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [(row(1, "met", "2"), "Two variables have the same name."), (row(1, "a", "x" * 2_001), "You can have up to 100")],
)
def test_what_cannot_be_kept_is_said_with_all_that_was_typed(member, kept, typed, words):
    member.submit("/characters/variables", **row(0, "met", "1"))
    page = member.submit("/characters/variables", **typed)

    assert (page.status_code, page.says(words)) == (422, True)
    assert page.one("[name=variable-value-1]").text() == typed["variable-value-1"]
    assert kept() == {"met": "1"}


def test_a_form_without_rows_changes_nothing(member, kept):
    member.submit("/characters/variables", **row(0, "met", "1"))

    assert member.post("/characters/variables").status_code == 303
    assert kept() == {"met": "1"}


def test_programs_read_and_replace_them(app, member, stranger, kept):
    program = client_of(app, member.email)
    assert program.get("/me/variables") == {"variables": {}}
    assert program.said("PUT", "/me/variables", 200, {"variables": {"a": "1"}}) == {"variables": {"a": "1"}}
    program.said("PUT", "/me/variables", 422, {"variables": {"a": "x" * 2_001}})
    program.said("PUT", "/me/variables", 422, {"variables": {"a": 1}})
    assert kept() == {"a": "1"}
    assert client_of(app, stranger.email).get("/me/variables") == {"variables": {}}
    assert program.said("PUT", "/me/variables", 200, {"variables": {}}) == {"variables": {}}


def test_they_are_found_beside_the_characters_and_not_in_the_settings(member):
    assert member.page("/characters").click("Variables").heading == "Your variables"
    assert not member.page("/settings/look").has("a[href]", "Variables")


def test_the_page_is_a_tab_of_characters_and_is_still_found_at_its_old_address(member, visitor):
    assert member.get("/variables").location == "/characters/variables"
    assert visitor.get("/characters/variables").location.startswith("/login")
    tabs = member.page("/characters/variables").all("nav.tabs a")
    assert [tab.text().strip() for tab in tabs if "aria-current" in tab.attributes] == ["Variables"]
