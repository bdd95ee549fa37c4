"""Answers side by side: begun together or not at all, each stopped, tried again and kept on its own."""

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from tests.chat.conftest import id_of, statuses, texts
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

MODELS = [f"other/m{number}" for number in range(5)]
THREE = MODELS[:3]
REFUSED = {"status": 400, "json": {"error": {"message": "Not this one.", "code": 400}}}
OVER = {"completed", "stopped", "failed"}
ENDLESS = {"counted": 4_000, "pace": 0.01}


@pytest.fixture(autouse=True)
def listed(app: Flask, owner: Browser, fake: Upstream) -> None:
    """A server with more models; titles are requested where a test wants them."""
    models = ["some/model", *MODELS]
    fake.always({"json": {"data": [{"id": model, "name": model[-2:].upper()} for model in models]}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    with app.app_context():
        set_setting("models.titles", "off")


@pytest.fixture
def path(owner: Browser, fake: Upstream, answered) -> str:
    """A chat with one answer whose next messages three models answer."""
    fake.says("One", cost=0.0001)
    path = answered(owner, "First")
    assert owner.post(f"{path}/models", models=THREE).status_code == 303
    return path


def names(page: Page) -> list[str]:
    return [node.text() for node in page.all(".column__name")]


def column_texts(page: Page) -> list[str]:
    return [node.text().strip() for node in page.all(".column .message-text")]


def is_over(page: Page) -> bool:
    return bool(page.all(".columns")) and not {"queued", "thinking", "responding", "saving"} & set(statuses(page))


def begun(owner: Browser, path: str, fake: Upstream, *behaviours: dict, text: str = "Second") -> Page:
    fake.behaves(behaviours)
    assert owner.post(f"{path}/messages", message=text).status_code == 303
    return owner.page(path)


def column_statuses(page: Page) -> list[str]:
    return [str(node.attributes["data-status"]) for node in page.all(".column article")]


def urls(page: Page, button: str) -> list[str]:
    """Returns where the columns' buttons with the end of this id lead."""
    return [str(node.attributes["formaction"]) for node in page.all(f".column__foot [id$=-{button}]")]


def chat_of(app: Flask, path: str) -> Chat:
    with app.app_context():
        return db.session.get_one(Chat, id_of(path))


def test_each_answers_one_is_kept_and_nothing_is_lost(app, owner, fake, path):
    begun(owner, path, fake, *({"says": text, "cost": 0.002} for text in ("A", "B", "C")))
    page = owner.wait_for(path, is_over)
    assert (names(page), sorted(column_texts(page))) == (["M0", "M1", "M2"], ["A", "B", "C"])
    assert page.all(".column__facts dd")[0].text() == "$0.0020"
    assert len(page.all(".column__facts")) == 3
    kept = column_texts(page)[1]

    owner.post(urls(page, "keep")[1])
    page = owner.page(path)
    assert (texts(page)[-1].strip(), page.all(".columns"), chat_of(app, path).model) == (kept, [], THREE[1])
    assert page.says("2 / 3")

    # To all again, below the kept one; then to that one's model alone.
    begun(owner, path, fake, *({"says": "D"} for _ in THREE), text="Third")
    page = owner.wait_for(path, is_over)
    assert column_texts(page) == ["D"] * 3
    assert texts(page)[:4] == ["First", "One", "Second", kept]
    owner.post(f"{path}/messages", message="Fourth", alone="y")
    page = owner.wait_for(path, lambda page: len(statuses(page)) == 8 and statuses(page)[-1] == "completed")
    assert page.all(".columns") == []
    assert fake.posts()[-1]["body"]["model"] == THREE[1]


def test_a_long_answer_in_a_column_is_folded(owner, fake, path):
    begun(owner, path, fake, {"says": "Short."}, {"says": "A paragraph of an answer.\n\n" * 300}, {"says": "Short."})
    page = owner.wait_for(path, is_over)
    assert len(page.all(".column .fold")) == 1
    assert page.one(".column .unfold__more").text() == "Show all"


def test_stop_of_one_leaves_the_others_and_all_can_be_stopped(app, owner, fake, path):
    page = begun(owner, path, fake, ENDLESS, ENDLESS, ENDLESS)
    fake.until(lambda log: len([request for request in log if request["method"] == "POST"]) == 4)
    owner.post(urls(page, "stop")[1])
    page = owner.wait_for(path, lambda page: column_statuses(page)[1] == "stopped")
    assert OVER.isdisjoint(column_statuses(page)[::2])

    # What is in one column doesn't keep from trying another again, but from everything below.
    assert owner.post(f"{path}/messages", message="Too early").status_code == 409
    assert owner.post(f"{path}/messages", message="Too early", alone="y").status_code == 409
    fake.behaves([{"says": "Again"}])
    owner.post(f"/messages/{page.message_ids[-2]}/again")
    page = owner.wait_for(path, lambda page: column_statuses(page)[1] == "completed")
    assert (names(page), column_texts(page)[1]) == (["M0", "M1", "M2"], "Again")
    assert OVER.isdisjoint(column_statuses(page)[::2])

    owner.post(page.action("Stop all"))
    page = owner.wait_for(path, is_over)
    assert column_statuses(page) == ["stopped", "completed", "stopped"]


def test_one_that_fails_says_so_and_is_tried_again_alone(owner, fake, path):
    begun(owner, path, fake, {"says": "A"}, {"says": "A"}, REFUSED)
    page = owner.wait_for(path, is_over)
    failed = column_statuses(page).index("failed")
    assert page.says("Not this one.")
    assert len(page.all(".column__facts")) == 2

    fake.behaves([{"says": "Now"}])
    owner.post(f"/messages/{page.message_ids[3 + failed]}/again")
    page = owner.wait_for(path, lambda page: is_over(page) and "failed" not in statuses(page))
    assert sorted(column_texts(page)) == ["A", "A", "Now"]
    assert column_texts(page)[failed] == "Now"
    assert fake.posts()[-1]["body"]["model"] == THREE[failed]


def test_keeping_one_stops_the_others_and_it_goes_on(app, owner, fake, path):
    page = begun(owner, path, fake, ENDLESS, ENDLESS, ENDLESS)
    others, kept = page.message_ids[-3:-1], page.message_ids[-1]
    assert owner.post(f"/messages/{kept}/keep").status_code == 303

    page = owner.page(path)
    assert (page.message_ids[-1], page.all(".columns")) == (kept, [])
    assert statuses(page)[-1] in {"queued", "thinking", "responding"}
    # It still has its own column: what comes next waits for it.
    assert owner.post(f"{path}/messages", message="Too early", alone="y").status_code == 409
    assert owner.post(f"/messages/{others[0]}/again").status_code == 409
    owner.post(page.action("Stop"))
    assert statuses(owner.wait_for(path, lambda page: statuses(page)[-1] == "stopped"))[-1] == "stopped"


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        (MODELS[:1], "Choose two to four different models."),
        (MODELS, "Choose two to four different models."),
        ([MODELS[0]] * 2, "Choose two to four different models."),
        ([MODELS[0], "no/such"], "no/such"),
    ],
)
def test_what_cannot_answer_side_by_side_is_refused(app, owner, path, models, sentence):
    page = owner.post(f"{path}/models", models=models)
    assert (page.status_code, page.says(sentence), chat_of(app, path).models) == (422, True, THREE)
    page = owner.post("/models/side-by-side", models=models)
    assert (page.status_code, page.says(sentence)) == (422, True)
    assert owner.post("/chats", message="Hello", models=models).status_code == 422


def test_it_is_turned_off_and_what_was_chosen_stays_while_others_are_searched(app, owner, path):
    page = owner.page(f"/models/side-by-side?chat={id_of(path)}&models={MODELS[0]}&q=m3")
    assert [node.attributes["value"] for node in page.all("input[name=models]")] == [MODELS[0], MODELS[3]]
    assert "3 models side by side" in owner.page(path).one("#composer-alone").text()

    owner.post(f"{path}/models", off="y", models=MODELS[:2])
    assert (chat_of(app, path).models, owner.page(path).all("#composer-alone")) == ([], [])


def test_each_model_stands_once_below_its_own_heading_and_the_present_one_is_chosen(owner, path, fake):
    def shown(address: str) -> tuple[list[str], list[str], list[str]]:
        page = owner.page(address)
        boxes = page.all("main input[name=models]")
        ticked = [box.attributes["value"] for box in boxes if "checked" in box.attributes]
        return [node.text() for node in page.all("main .models__group")], [box.attributes["value"] for box in boxes], ticked

    owner.post("/models/star", model="other/m0", is_favorite="y")
    headings, models, chosen = shown("/models/side-by-side?model=other/m3")
    assert (headings, chosen) == (["Selected", "Favorites", fake.host], ["other/m3"])
    assert models[:2] == ["other/m3", "other/m0"]
    assert len(models) == len(set(models)) == 6
    assert shown("/models/side-by-side")[2] == [shown("/models/side-by-side")[1][0]]


def test_a_group_and_a_stranger_have_none(app, owner, stranger, path):
    assert stranger.post(f"{path}/models", models=THREE).status_code == 404
    assert stranger.get(f"/models/side-by-side?chat={id_of(path)}").status_code == 404
    with app.app_context(), write():
        db.session.get_one(Chat, id_of(path)).character_ids = ["a", "b"]
    page = owner.post(f"{path}/models", models=THREE)
    assert (page.status_code, page.says("the characters take turns")) == (409, True)


def test_more_than_a_server_can_write_at_once_hold_up_no_one(app, owner, path):
    ENGINE.of(app).admission.max_streams = 2
    page = owner.post(f"{path}/messages", message="Second")
    assert (page.status_code, page.says("at most 2 answers at the same time")) == (422, True)
    assert page.textbox("Message").value == "Second"


def test_all_start_or_none(app, owner, fake, path):
    before = len(fake.posts())
    with app.app_context():
        set_setting("limits.concurrent_streams", "2")
    page = owner.post(f"{path}/messages", message="Second")
    assert page.status_code == 429
    assert page.textbox("Message").value == "Second"
    assert (statuses(owner.page(path)), len(fake.posts())) == (["completed"] * 2, before)
    with app.app_context():
        assert db.session.query(Generation).count() == 1
        set_setting("limits.concurrent_streams", "3")
    begun(owner, path, fake, *({"says": "A"} for _ in THREE))
    assert column_statuses(owner.wait_for(path, is_over)) == ["completed"] * 3


@on_both_databases
def test_the_database_forbids_two_in_one_column(app, owner, fake, path):
    begun(owner, path, fake, ENDLESS, ENDLESS, ENDLESS)
    with app.app_context():
        running = db.session.scalars(db.select(Generation).where(Generation.column_number == 2)).one()
        values = {"kind": "chat", "lane": running.lane, "owner": "x", "model_asked": "m", "status": "running"}
        with pytest.raises(IntegrityError), write() as session:
            session.add(Generation(column_number=2, **values))
        with write() as session:
            session.add(Generation(id="other", column_number=4, **values))
        with write() as session:
            session.delete(session.get_one(Generation, "other"))
    # The list of chats and the sidebar read one of them.
    assert owner.page("/chats").says("First")
    owner.post(owner.page(path).action("Stop all"))
    owner.wait_for(path, is_over)


def test_what_waits_is_sent_to_all_after_the_last(owner, fake, path):
    begun(owner, path, fake, {"says": "A"}, {"says": "A"}, {**ENDLESS, "counted": 40})
    owner.post(f"{path}/follow-up", message="Third")
    page = owner.wait_for(path, lambda page: len(statuses(page)) == 8 and is_over(page))

    assert texts(page)[:3] == ["First", "One", "Second"]
    assert len(page.all(".column")) == 3
    assert fake.posts()[-1]["body"]["messages"][-1]["content"] == "Third"


@pytest.mark.slow
def test_one_title_is_asked_for(app, owner, fake):
    with app.app_context():
        set_setting("models.titles", "some/model")
    fake.behaves([{"says": text} for text in "ABC"])
    path = owner.post("/chats", message="First", models=THREE).location.partition("#")[0]
    owner.wait_for(path, is_over)
    fake.until(lambda _: fake.titles())

    ENGINE.of(app).wait(lambda: not ENGINE.of(app).live, 5)
    assert len(fake.titles()) == 1


@pytest.mark.slow
def test_an_open_page_receives_every_column(owner, fake, path, listen):
    listener = listen(owner, owner.page(path).events_url)
    begun(owner, path, fake, *({"says": f"Text {letter}\n\n" * 3, "pace": 0.02} for letter in "ABC"))
    page = owner.page(path)
    second = listen(owner, page.events_url)
    ids = page.message_ids[-3:]

    listener.until(lambda feed: all(f'hx-target="#column-{id}-foot"' in feed.html for id in ids))
    second.until(lambda feed: all(f'hx-target="#column-{id}-foot"' in feed.html for id in ids))
    for feed in (listener, second):
        edited = {
            message.data.partition(":")[0] for message in feed.messages if "|" in message.data and "<hx-" not in message.data
        }
        assert edited == set(ids)
    assert 'data-status="completed"' in owner.page(path).text
    # One that comes back with an old position gets what it lacks, and not all again.
    listener.close()
    again = listen(owner, page.events_url, last_id=listener.last_id)
    owner.post(f"/messages/{ids[0]}/keep")
    again.until(lambda feed: 'hx-target="#thread"' in feed.html)
    assert "column__foot" not in again.html


def test_a_message_in_a_stored_chat_without_columns_is_as_before(app, owner, fake, path):
    owner.post(f"{path}/models", off="y")
    fake.behaves([{"says": "Plain"}])
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, lambda page: len(statuses(page)) == 4 and statuses(page)[-1] == "completed")

    assert (texts(page)[-1].strip(), chat_of(app, path).column_ids) == ("Plain", [])
    with app.app_context():
        assert set(db.session.scalars(db.select(Generation.column_number))) == {0}
        assert db.session.query(Message).count() == 4
        assert sending.DEFAULT_OPTIONS.column == 0
