"""The pages of characters: creating, finding, editing, copying, sharing, deleting and restoring."""

import pytest

from tests.characters.conftest import names
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from tests.support.turns import longest_turn, turns_of_the_loop
from webapp.base.db import db, utc_now, write
from webapp.characters import profiles, queries, shown
from webapp.characters.tables import Character
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

FULL = {
    "name": "Mara",
    "description": "Mara mills rye.\r\nShe is curt.",
    "greeting": "*She looks up.* **What is it?**",
    "tags": "Mill, calm,  mill , river side",
    "system_prompt": "Be Mara.",
    "post_history_prompt": "Stay curt.",
}


@also_on_postgres
def test_what_is_made_is_shown(make, member):
    page = member.page(make(**FULL))

    assert page.heading == "Mara"
    assert page.one(".greeting strong").text() == "What is it?"
    assert [node.text() for node in page.all(".part pre")] == ["Mara mills rye.\nShe is curt.", "Be Mara.", "Stay curt."]
    assert [node.text() for node in page.all(".sitter .tags a")] == ["mill", "calm", "river side"]
    assert page.says("Private")
    assert page.one(".sitter .face").text() == "M"


def test_a_change_keeps_what_is_not_in_the_form(make, member, app):
    path = make(**FULL)
    id = path.split("/")[-1]
    with app.app_context(), write() as session:
        session.get_one(Character, id).card = {"spec": "chara_card_v3", "extensions": {"depth": 4}}

    page = member.submit(f"{path}/edit", name="Mara Rye", tags="")

    assert page.says("Saved.")
    assert page.heading == "Mara Rye"
    with app.app_context():
        character = db.session.get_one(Character, id)
        assert (character.tags, character.description) == ([], "Mara mills rye.\nShe is curt.")
        assert character.card == {"spec": "chara_card_v3", "extensions": {"depth": 4}}


WRONG = [
    ("name", "Name", "  ", "Enter a name of up to 120 characters."),
    ("name", "Name", "x" * 121, "Enter a name of up to 120 characters."),
    ("description", "Description", "x" * 100_001, "That is 1 character too long."),
    ("tags", "Tags", ",".join(f"t{number}" for number in range(13)), "Use at most 12 tags."),
    ("tags", "Tags", "x" * 41, "A tag can be at most 40 characters long"),
]


@pytest.mark.slow
def test_bad_input_is_said_in_place_and_kept(member, app):
    for field, label, value, words in WRONG:
        page = member.submit("/characters/new", **{"name": "Mara", "description": "Mills.", field: value})

        assert page.status_code == 422
        assert words in page.error_at(label)
        assert page.textbox(label).value == value
    with app.app_context():
        assert not db.session.query(Character).count()


def test_somebody_of_whom_nothing_is_said_is_refused(member):
    page = member.submit("/characters/new", name="Mara")

    assert "Say a little" in page.error_at("Description")


@pytest.mark.slow
def test_the_list_finds_by_words_and_by_tag(make, member):
    make(name="Mara", description="Mills rye at night.", tags="mill, calm")
    make(name="Bo", description="Sails the RIVER at night.", tags="river")

    assert names(member.page("/characters")) == ["Bo", "Mara"]
    assert names(member.page("/characters?q=night+river")) == ["Bo"]
    assert names(member.page("/characters?q=calm")) == ["Mara"]
    assert names(member.page("/characters?tag=river")) == ["Bo"]
    assert member.page("/characters?q=nothing+like+it&tag=river").says("No characters match")
    assert names(member.page("/characters").click("calm")) == ["Mara"]


def test_htmx_gets_the_list_alone(make, member):
    make(name="Mara")
    make(name="Bo", description="Sails.")

    fragment = member.htmx_get("/characters?q=mara")

    assert fragment.text.lstrip().startswith('<section id="cast"')
    assert names(fragment) == ["Mara"]


def test_the_empty_list_says_what_to_do(member):
    assert member.page("/characters").click("Create one").heading == "New character"


@pytest.mark.slow
def test_a_copy_is_ones_own(make, member, cast):
    odalys = member.page("/characters").click("Odalys Fenn")
    assert not odalys.has("a", "Edit")

    copy = odalys.press("Duplicate")

    assert copy.heading == "Odalys Fenn (copy)"
    assert copy.says("This is your own copy")
    assert [node.text() for node in copy.all(".part pre")] == [node.text() for node in odalys.all(".part pre")]
    assert copy.has("a", "Edit")


def test_deleting_can_be_undone(make, member):
    path = make()

    page = member.page(path).press("Delete character")
    assert page.says("Mara was deleted.")
    assert names(page) == []
    assert member.get(path).status_code == 404

    page = page.press("Undo")
    assert (page.path, page.heading) == (path, "Mara")
    assert page.says("Restored.")


def test_what_was_deleted_long_ago_is_gone_for_good(make, member, app):
    path = make()
    member.page(path).press("Delete character")
    with app.app_context():
        with write():
            db.session.query(Character).one().deleted_at = utc_now().replace(year=2020)
        set_setting("trash.days", "0")
        profiles.CHARACTERS.empty_trash()
        assert db.session.query(Character).count() == 1
        set_setting("trash.days", "30", confirmed=1)
        profiles.CHARACTERS.empty_trash()
        assert db.session.query(Character).count() == 0


@also_on_postgres
def test_sharing_lets_the_team_chat_and_no_guest(make, member, stranger, app):
    guest = signed_in(app, "guest@example.org", "guest")
    path = make()
    assert stranger.get(path).status_code == 404

    assert member.submit(f"{path}/edit", is_shared="on").says("Yours, shared with the team")

    assert names(stranger.page("/characters")) == ["Mara"]
    assert stranger.page("/characters").says("shared with you")
    assert stranger.page(path).says("Shared with you")
    assert not stranger.page(path).has("button", "Delete character")
    assert guest.get(path).status_code == 404
    for way in ("", "/delete"):
        assert stranger.post(path + way, name="Mine", description="Now").status_code in (403, 404)
    assert stranger.get(f"{path}/edit").status_code == 403

    # An unchecked box is missing from the form.
    assert member.post(path, name="Mara", description="Mills.").status_code == 303
    assert stranger.get(path).status_code == 404


def test_guests_share_nothing(app):
    guest = signed_in(app, "guest@example.org", "guest")
    assert not guest.page("/characters/new").all("[name=is_shared]")

    page = guest.post("/characters", name="Mara", description="Mills.", is_shared="on")

    assert (page.status_code, page.says("Guests can't share characters.")) == (403, True)


def test_strangers_and_the_signed_out_find_nothing(make, stranger, visitor):
    path = make()
    for way in ("", "/edit", "/avatar"):
        assert stranger.get(path + way).status_code == 404
        assert visitor.get(path + way).location.startswith("/login")
    for way in ("", "/delete", "/duplicate", "/chat", "/restore"):
        assert stranger.post(path + way, name="x", description="y").status_code == 404
        assert visitor.post(path + way).location.startswith("/login")
    assert visitor.get("/characters").location.startswith("/login")


@pytest.mark.slow
def test_admins_look_after_the_teams(cast, member, app):
    admin = signed_in(app, "admin@example.org", "admin")
    path = member.page("/characters").click("Hanne Voss").path
    assert member.post(path, name="Mine", description="Now").status_code == 403
    assert member.post(f"{path}/delete").status_code == 403

    assert admin.submit(f"{path}/edit", name="Hanne V.").heading == "Hanne V."
    assert not admin.page(f"{path}/edit").all("[name=is_shared]")
    admin.page(path).press("Delete character")

    assert names(member.page("/characters")) == ["Ilario Quill", "Odalys Fenn"]
    assert member.post(f"{path}/restore").status_code == 404
    assert admin.post(f"{path}/restore").status_code == 303


def test_names_and_texts_are_never_markup(make, member):
    page = member.page(make(name="<b>Mara</b>", description="<script>x</script>", greeting="<img src=x>", tags="<i>"))

    assert page.heading == "<b>Mara</b>"
    assert not page.all("main img, main script, main i")
    assert names(member.page("/characters")) == ["<b>Mara</b>"]


def test_nobody_has_more_than_so_many(member, app):
    with app.app_context():
        user = db.session.scalar(db.select(queries.User).where(queries.User.email == member.email))
        with write() as session:
            session.add_all([Character(owner_id=user.id, name=f"n{number}") for number in range(profiles.CHARACTERS.most_own)])

    page = member.submit("/characters/new", name="One more", description="Too many.")
    assert (page.status_code, page.says("You already have 500 characters, which is the limit.")) == (422, True)

    with app.app_context():
        id = db.session.scalar(db.select(Character.id).where(Character.name == "n0"))
    member.post(f"/characters/{id}/delete")
    assert member.submit("/characters/new", name="One more", description="It has room.").status_code < 400
    assert member.post(f"/characters/{id}/restore").status_code == 422


@pytest.mark.slow
def test_a_greeting_that_names_make_huge_holds_up_nobody(owner):
    with owner.app.test_request_context():
        user = db.session.get_one(User, owner.person_id)
        greeting = "# {{char}}\n" * 1_800
        character = Character(id="c", owner_id=user.id, name="n" * 100, greeting=greeting, tags=[])
        with longest_turn() as longest:
            assert shown.character(character, user).greeting.count("<h2>") == 1_800
    assert longest.seconds < 0.2


def many(app, person_id: str, count: int, chars: int) -> None:
    texts = dict.fromkeys(("description", "system_prompt", "post_history_prompt", "greeting"), "{{char}} " * (chars // 9))
    with app.app_context(), write() as session:
        session.add_all(
            Character(owner_id=person_id, name=f"Mara {number:03}", tags=["mill"], **texts) for number in range(count)
        )


def test_a_list_reads_no_more_of_long_characters_than_it_shows(app, member):
    many(app, member.person_id, 4, 19_000)
    with app.test_request_context():
        rows = queries.briefly(queries.characters(db.session.get_one(User, member.person_id), words="mara char", tag="mill"))
    assert [row.name for row in rows] == [f"Mara {number:03}" for number in range(4)]
    assert {len(row.beginning) for row in rows} == {queries.BEGINNING_CHARS}
    assert "Mara 003 Mara 003" in member.page("/characters?q=mara").text


@pytest.mark.slow
def test_many_characters_are_read_in_turns(app, member):
    many(app, member.person_id, 300, 19_000)
    with app.test_request_context(), turns_of_the_loop() as turn:
        before = turn()
        assert len(queries.characters(db.session.get_one(User, member.person_id), words="char")) == 300
        # Searching six megabytes takes more than a hundredth of a second, so it must yield in between.
        assert turn() > before
