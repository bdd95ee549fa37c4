"""Versions compared side by side on questions from real chats."""

from tests.chat.conftest import asked, ended, until_settled


def test_versions_are_tried_on_ones_own_questions_and_shown_side_by_side(app, owner, member, fake, publish):
    assert owner.page("/prompts/quick/try").says("You haven't asked anything yet.")
    fake.says("Well.")
    owner.wait_for(owner.post("/chats", message="Which stone for rye?").location.partition("#")[0], ended)
    until_settled(app)
    publish("Answer in rhymes.")
    page = owner.page("/prompts/quick/try")
    assert page.says("Which stone for rye?")
    case = page.one("input[name=case]").attributes["value"]
    assert "Choose 1 to 5 questions." in owner.post("/prompts/quick/try", version="1").text
    assert "Choose 1 to 3 versions." in owner.post("/prompts/quick/try", version="9", case=case).text

    fake.always({"says": "The *hard* one.", "cost": 0.0002})
    path = owner.post("/prompts/quick/try", version=["1", "2"], case=case).location
    shown = owner.wait_for(path, lambda page: not page.says("Waiting…"))
    assert [element.text(strip=True) for element in shown.all(".tried__one em")] == ["hard", "hard"]
    assert shown.says("Version 1: $0.0002, Version 2: $0.0002")
    told = [entry["body"]["messages"] for entry in asked(fake)[-2:]]
    assert [len(text) for text in told] == [1, 2]
    assert told[1][0] == {"role": "system", "content": "Answer in rhymes."}
    assert member.get(path).status_code == 404
