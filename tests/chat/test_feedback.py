"""A thumb and a reason for an answer: per person, removed by pressing again; and the links to another version."""

import re

import pytest

from tests.chat.conftest import ended, statuses
from tests.support.browser import HTMX
from tests.support.markup import words


def pressed(page) -> list[str]:
    return [words(node.text()) for node in page.all('.thumbs [aria-pressed="true"]')]


@pytest.mark.slow
def test_pressing_says_it_and_pressing_again_takes_it_back(owner, path):
    page = owner.page(path)
    assert pressed(page) == []

    page = page.press("Good answer")
    assert pressed(page) == ["Good answer"]
    page = page.press("Bad answer")
    assert pressed(page) == ["Bad answer"]
    page = page.press("Bad answer")
    assert pressed(page) == []


@pytest.mark.slow
def test_a_reason_is_kept_with_it(owner, path):
    page = owner.page(path).press("Bad answer").press("Save reason", reason="It <b>forgot</b> the mill")

    assert page.textbox("Reason").value == "It <b>forgot</b> the mill"
    assert pressed(page) == ["Bad answer"]


def test_htmx_gets_the_two_buttons(owner, path):
    answer = owner.page(path).message_ids[-1]

    fragment = owner.htmx_post(f"/messages/{answer}/feedback", thumb="up")

    assert fragment.status_code == 200
    assert fragment.text.startswith(f'<hx-partial hx-target="#message-{answer}-thumbs"')
    assert 'aria-pressed="true"' in fragment.text


def test_what_everybody_shares_holds_nothing_of_it(owner, path, app):
    owner.page(path).press("Good answer")

    stream = owner.client.get(f"{path}/events", buffered=False)
    first = b""
    for chunk in stream.iter_encoded():
        first += chunk
        if b"data-buttons" in first:
            break
    stream.close()

    # The script draws the buttons; how one of them is pressed is told by that person's own pages alone.
    assert re.search(rb'data-buttons="assistant [\w ]*rate', first)
    assert b"thumbs" not in first
    assert b"aria-pressed" not in first


@pytest.mark.slow
def test_only_answers_and_short_reasons_are_taken(owner, path):
    question, answer = owner.page(path).message_ids

    assert owner.post(f"/messages/{question}/feedback", thumb="up").status_code == 422
    assert owner.post(f"/messages/{answer}/feedback", thumb="up", reason="x" * 501).status_code == 422
    assert pressed(owner.page(path)) == []


@pytest.mark.slow
def test_strangers_and_the_signed_out_are_refused(owner, stranger, visitor, path):
    answer = owner.page(path).message_ids[-1]

    assert stranger.post(f"/messages/{answer}/feedback", thumb="up").status_code == 404
    assert visitor.post(f"/messages/{answer}/feedback", thumb="up").location.startswith("/login")
    assert stranger.get(f"/messages/{answer}/again").status_code == 404
    assert visitor.get(f"/messages/{answer}/again").location.startswith("/login")


@pytest.mark.slow
def test_another_model_is_chosen_on_a_page_of_its_own_or_in_place(owner, path, app, fake):
    answer = owner.page(path).message_ids[-1]
    fragment = owner.htmx_get(f"/messages/{answer}/again")
    assert fragment.text.startswith(f'<hx-partial hx-target="#message-{answer}-choice"')

    assert {"value": "some/model"}.items() <= next(iter(fragment.all("form [name=model]"))).attributes.items()

    page = owner.page(f"/messages/{answer}/actions").click("Another model")
    fake.says("Two")
    page.press("Try again", model="some/model")

    page = owner.wait_for(path, ended)
    assert statuses(page) == ["completed", "completed"]
    assert page.says("2 / 2")
    assert owner.post(f"/messages/{answer}/again", headers=HTMX, model="nobody/knows").status_code in (204, 422)
