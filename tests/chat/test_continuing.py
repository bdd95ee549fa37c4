"""POST /messages/<id>/continue: the model continues the last complete answer of its branch in the same message."""

import pytest

from tests.chat.conftest import address, asked, ended, ended_with, has, raw_of_last, statuses, texts
from tests.support.marks import also_on_postgres


@pytest.fixture
def path(owner, answered, fake) -> str:
    """A chat with one question and its answer."""
    fake.says("She opened the gate.")
    return answered(owner, "First")


def went_on(owner, path, fake, words: str):
    """Continues the last answer with these words and returns the page once it has ended."""
    fake.says(words)
    owner.post(address(owner.page(path), "Continue"))
    return owner.wait_for(path, ended)


@pytest.mark.slow
@also_on_postgres
def test_a_complete_answer_goes_on_in_the_same_message(owner, path, fake):
    page = went_on(owner, path, fake, " And left.")

    assert raw_of_last(page) == "She opened the gate. And left."
    assert statuses(page) == ["completed", "completed"]
    assert [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]][:2] == [
        ("user", "First"),
        ("assistant", "She opened the gate."),
    ]
    assert not page.all(".seam")
    assert not page.says("was lost")

    page = went_on(owner, path, fake, " For good.")
    assert raw_of_last(page) == "She opened the gate. And left. For good."


@pytest.mark.slow
def test_an_edited_answer_goes_on_from_the_edited_words(owner, path, fake):
    owner.post(address(owner.page(path), "Edit"), message="She burned the gate.")

    page = went_on(owner, path, fake, " And left.")

    assert texts(page) == ["First", "She burned the gate. And left."]
    assert page.says("Edited")
    owner.post(address(page, "Previous version"))
    assert texts(owner.page(path)) == ["First", "She opened the gate."]


@pytest.mark.slow
def test_only_the_last_one_does(owner, path, fake):
    page = owner.page(path)
    stale = address(page, "Continue")
    assert not has(page, "Continue", 0)
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended_with(4))

    assert not has(page, "Continue", 1)
    assert owner.post(stale).status_code == 409
    assert texts(owner.page(path))[1] == "She opened the gate."


@pytest.mark.slow
def test_a_model_that_adds_nothing_is_said_to(owner, path, fake):
    page = went_on(owner, path, fake, "")

    assert raw_of_last(page) == "She opened the gate."
    assert page.says("The model had nothing to add.")


def test_strangers_cannot(stranger, visitor, owner, path):
    url = address(owner.page(path), "Continue")

    assert stranger.post(url).status_code == 404
    assert visitor.post(url).location.startswith("/login")
