"""An experiment from its second version to its rollback, through pages and thumbs alone."""

import pytest

from tests.chat.conftest import ended, until_settled
from webapp.settings.service import set_setting


@pytest.mark.slow
def test_six_chats_with_thumbs_are_too_few_and_the_way_back_is_one_click(app, owner, fake):
    with app.app_context():
        # The request for a title comes at no fixed time.
        set_setting("models.titles", "off")
    owner.submit("/prompts/quick/edit", text="Answer in rhymes.", note="Rhymes")
    fields = {"share-1": "50", "share-2": "50", "control": "1", "outcome": "thumbs"}
    path = owner.submit("/experiments/new?prompt=quick", **fields).path.partition("?")[0]
    fake.says("The wheel turns.", cost=0.0001)
    for number in range(6):
        chat = owner.post("/chats", message=f"Question {number}").location.partition("#")[0]
        answer = owner.wait_for(chat, ended).all("article.message")[-1].attributes["id"].removeprefix("message-")
        until_settled(app)
        assert owner.post(f"/messages/{answer}/feedback", thumb="up" if number % 2 else "down").status_code == 303

    page = owner.page(path)
    assert page.says("Too early to tell: about")
    assert page.says("more ratings with each version are needed.")
    # All questions are from one person, who has one version.
    answers = sorted(row.css("td")[0].text(strip=True) for row in page.all(".arms tbody tr"))
    assert answers == ["0", "6"]

    done = owner.page(owner.post(f"{path}/stop", winner="2").location)
    assert done.says("version 2 was chosen")
    assert done.says("It was too early to tell")
    assert not done.says("Too early to tell:")
    owner.post("/prompts/quick/use", version="1")
    assert owner.page("/prompts/quick").says("In use: version 1")
