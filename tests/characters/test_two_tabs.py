"""A form that is open in two tabs: what is saved in one is not undone in the other."""

import pytest

from tests.support.form import Form
from tests.support.page import Page


def form(page: Page, field: str) -> Form:
    (node,) = [each for each in page.all("form") if each.css_first(f'[name="{field}"]')]
    return Form(page, node)


ADDRESSES = {
    "character": lambda member, make, chat: f"{make()}/edit",
    "persona": lambda member, make, chat: member.page("/personas").link("Jo").attributes["href"],
    "lorebook": lambda member, make, chat: member.submit("/lorebooks", name="Valley").path,
    "collection": lambda member, make, chat: member.submit("/knowledge", name="Pumps", about="").path,
    "chat": lambda member, make, chat: f"{chat}/prompts",
}


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("character", {"greeting": "Come in.\r\nSit down."}, {"tags": "mill"}),
        ("persona", {"name": "Joan"}, {"description": "Jo mends clocks."}),
        ("chat", {"note": "It rains.\r\nStill."}, {"temperature": "0.4"}),
    ],
)
def test_each_keeps_what_only_the_other_has_changed(kind, first, second, make, chat, member):
    address = ADDRESSES[kind](member, make, chat)
    one, two = (form(member.page(address), next(iter(first))) for _ in range(2))

    one.submit(**first)
    two.submit(**second)

    fields = form(member.page(address), next(iter(first))).fields
    assert {name: fields[name].replace("\r", "") for name in (*first, *second)} == {
        name: value.replace("\r", "") for name, value in (first | second).items()
    }


def test_who_is_refused_loses_nothing_of_either(make, member):
    address = f"{make()}/edit"
    one, two = (form(member.page(address), "greeting") for _ in range(2))
    one.submit(greeting="Come in.")

    refused = two.submit(name="", tags="mill")
    assert refused.status_code == 422
    form(refused, "greeting").submit(name="Mara Rye")

    fields = form(member.page(address), "greeting").fields
    assert (fields["name"], fields["greeting"], fields["tags"]) == ("Mara Rye", "Come in.", "mill")


@pytest.mark.parametrize("seen", ["", "=", "greeting", "greeting=x name avatar=0 seen=0 no=1", "\0" * 100])
def test_what_no_form_of_ours_says_was_shown_counts_for_nothing(make, member, seen):
    address = f"{make(greeting='Come in.')}/edit"
    member.submit(address, greeting="Go.", seen=seen)

    assert form(member.page(address), "greeting").fields["greeting"] == "Go."
