"""Settings of a single chat with a character: the persona from its start, and the temperature and length of answers."""

import pytest

from tests.characters.conftest import MARA
from tests.chat.conftest import asked
from webapp.settings.service import set_setting


@pytest.mark.slow
def test_how_freely_and_how_long_it_is_answered(chat, say, member, fake, app):
    fake.says("Aye.")
    with app.app_context():
        set_setting("models.temperature", "1")
        set_setting("models.max_tokens", "900")
    page = member.page(f"{chat}/prompts")
    assert "Extra high" in [option.text() for option in page.all("#prompts-effort option")]
    boxes = [page.one(f"#prompts-{name}").attributes for name in ("temperature", "tokens")]
    assert [(box["value"], box["placeholder"]) for box in boxes] == [("", "1"), ("", "900")]

    member.submit(f"{chat}/prompts", temperature="0.35", max_tokens="120")
    say(chat, "One")
    body = asked(fake)[-1]["body"]
    assert (body["temperature"], body["max_tokens"]) == (0.35, 120)
    assert member.page(chat).click("What was sent").says("Temperature: 0.35 · Max tokens: 120")

    member.submit(f"{chat}/prompts", temperature="0", max_tokens="5000000")
    assert member.page(f"{chat}/prompts").textbox("Max tokens").value == "5000000"
    say(chat, "Two")
    body = asked(fake)[-1]["body"]
    assert (body["temperature"], body["max_tokens"]) == (0, 900)

    member.submit(f"{chat}/prompts", temperature="", max_tokens="")
    say(chat, "Three")
    assert asked(fake)[-1]["body"]["temperature"] == 1


@pytest.mark.mostly_slow
@pytest.mark.parametrize("wrong", [{"temperature": "2.1"}, {"temperature": "hot"}, {"max_tokens": "0"}, {"max_tokens": "1.5"}])
def test_a_silly_number_is_refused_in_place(chat, member, wrong):
    page = member.submit(f"{chat}/prompts", **wrong)

    label = "Creativity" if "temperature" in wrong else "Max tokens"
    assert page.status_code == 422
    assert "or leave empty" in page.error_at(label)
    assert page.textbox(label).value == next(iter(wrong.values()))


@pytest.mark.slow
def test_who_one_is_can_be_said_when_it_begins(make, member, stranger):
    path = make(**MARA)
    assert not member.page(path).all("select")
    jo, kim = (member.submit("/personas", name=name, description=f"{name} sails.") for name in ("Jo", "Kim"))
    ids = {name: str(page.link(name).attributes["href"]).split("/")[-1] for name, page in (("Jo", jo), ("Kim", kim))}

    def begun(**fields: str) -> str:
        played = member.page(path).press("Chat with Mara", **fields).one(".played")
        return " ".join(played.text(separator=" ").split()[:6])

    assert begun() == "M Mara with you as Jo"
    assert begun(persona=ids["Kim"]) == "M Mara with you as Kim"
    assert not begun(persona="").startswith("M Mara with")
    from_the_list = member.page("/characters").press("Chat with Mara")
    assert from_the_list.one(".played__you").text().strip() == "with you as Jo"

    stranger.submit("/personas", name="Eve", description="Eve listens.")
    eve = str(stranger.page("/personas").link("Eve").attributes["href"]).split("/")[-1]
    assert member.post(f"{path}/chat", persona=eve).status_code == 422


def test_prompts_stand_in_the_menu_too(chat, member):
    link = member.page(chat).one("#chat-menu-list a[href$='/prompts']")
    assert link.text() == "Chat settings"
    assert member.page(str(link.attributes["href"])).heading == "Chat settings"
