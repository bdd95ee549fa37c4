"""The page of a chat's folds: folded now, edited, unfolded, and read by those with whom it is shared."""

from tests.api.client import client_of
from tests.api.test_folds import add_folded
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.chat.folds.service import OF_AN_ANSWER

__all__ = ["app"]
TALK = "The otter sleeps below the bridge. " * 30


def test_a_chat_is_folded_edited_and_unfolded(app, member: Browser, stranger: Browser, fake) -> None:
    fake.always({"says": f"Yes. {TALK}"})
    program = client_of(app, member.email)
    sent = program.post("/chats", {"message": f"Never say heron. {TALK}", "model": "local/one"}, status=201)["sent"]
    program.ended(sent)
    at = f"/chats/{sent['chat_id']}/folds"
    assert "Nothing is folded yet." in member.get(at).text
    assert "Nothing to fold" in member.post(at).text
    for turn in range(4):
        body = {"message": f"And {turn}? {TALK}"}
        program.ended(program.post(f"/chats/{sent['chat_id']}/messages", body, status=202))

    assert "Folded." in member.send(at, {}, follow=True).text
    page = member.get(at).text
    assert "4 messages" in page
    assert "Never say heron." in page
    assert "The original" in page
    assert "4 messages folded" in member.get(f"/chats/{sent['chat_id']}").text
    fold = program.get(at)["folds"][0]["id"]
    member.post(f"{at}/{fold}", text="They spoke of otters.")
    assert "They spoke of otters." in member.get(at).text
    assert member.post(f"{at}/{fold}", text="").status_code == 422
    assert stranger.get(at).status_code == 404
    assert stranger.post(f"{at}/{fold}/unfold").status_code == 404
    member.post(f"{at}/{fold}/unfold")
    assert "Nothing is folded yet." in member.get(at).text


def test_what_an_answer_has_folded_is_shown_alone(app, member: Browser) -> None:
    program = client_of(app, member.email)
    sent = program.post("/chats", {"message": "Count."}, status=201)["sent"]
    program.ended(sent)
    at = f"/chats/{sent['chat_id']}/folds"
    with app.app_context():
        add_folded(sent["chat_id"])
        db.session.commit()
    page = member.get(at).text
    assert "fold-1: Counted, 64 000 characters" in page
    assert f"{at}/fold-" not in page
    assert "Unfold" not in page
    refused = member.post(f"{at}/fold-1", text="Mine.")
    assert (refused.status_code, OF_AN_ANSWER in refused.text) == (409, True)
    assert member.post(f"{at}/fold-1/unfold").status_code == 409
