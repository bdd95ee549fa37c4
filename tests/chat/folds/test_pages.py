"""The page of a chat's folds: folded now, edited, unfolded, and read by those with whom it is shared."""

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.upstream.fixtures import app

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
    fold = program.get(at)["folds"][0]["id"]
    member.post(f"{at}/{fold}", text="They spoke of otters.")
    assert "They spoke of otters." in member.get(at).text
    assert member.post(f"{at}/{fold}", text="").status_code == 422
    assert stranger.get(at).status_code == 404
    assert stranger.post(f"{at}/{fold}/unfold").status_code == 404
    member.post(f"{at}/{fold}/unfold")
    assert "Nothing is folded yet." in member.get(at).text
