"""Every list has the button that creates an entry at the end of its heading."""

import pytest

from tests.support.browser import Browser

NEW = {
    "/chats": "New chat",
    "/projects": "New project",
    "/presets": "New preset",
    "/schedules": "New schedule",
    "/account/tokens": "New token",
    "/admin/rules": "New rule",
    "/admin/sign-on": "New provider",
    "/admin/plan-types": "New plan type",
    "/knowledge": "New collection",
    "/personas": "New persona",
    "/lorebooks": "New lorebook",
    "/characters": "New character",
    "/prompts": "New prompt",
    "/workflows": "New workflow",
    "/admin/connections": "New connection",
    "/admin/budgets": "New budget",
    "/admin/groups": "New group",
    "/admin/people": "Invite someone",
    "/experiments": "New experiment",
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("path", "words"), NEW.items())
def test_a_list_has_one_way_to_make_a_new_one_in_its_heading(owner: Browser, path: str, words: str) -> None:
    page = owner.page(path)
    assert [element.text(strip=True) for element in page.all(".head > .button--main, .head > details > .button--main")] == [words]


def test_ones_own_prompts_come_first_also_without_any(owner: Browser) -> None:
    page = owner.page("/prompts")
    assert [heading.text() for heading in page.all("#main h2")] == ["Yours", "Used by Millrace"]
    assert page.says("Your prompts will appear here: texts you use often, with fields to fill in.")
