"""Search by meaning: fused with keywords, with the same permissions, and switched to another model atomically."""

import gevent
import pytest
from sqlalchemy import select, update

from tests.knowledge.meaning import AT, MODEL, OTHER, chosen, embeds, is_ready, ranks, said
from tests.support.marks import on_both_databases
from webapp.base.db import db, write
from webapp.knowledge.search.ranking import RankedPassage, fused
from webapp.knowledge.tables import PassageVector, VectorSet
from webapp.settings.service import set_setting

PLANTED = {"oil the bearing": 1, "grease that wheel": 1}
QUESTION = "How often must somebody grease that wheel?"


@pytest.fixture
def app(make_app, fake):
    return make_app(**fake.environ)


@pytest.fixture
def shelves(fake, shelf, owners_shelf):
    """A collection with vectors, in which a question finds a passage that has none of its words."""
    embeds(fake, planted=PLANTED)
    chosen(owners_shelf)
    collection = shelf.collection()
    shelf.text(collection, "Oil the bearing on Friday.", title="Manual")
    shelf.text(collection, "The sluice opens at dawn.", title="Mill")
    said(shelf, collection, is_ready)
    return collection


def test_places_are_fused_and_words_count_twice():
    assert [place.row for place in fused([1, 2, 3], {})] == [1, 2, 3]
    assert [place.row for place in fused([], {5: 1, 4: 2})] == [5, 4]
    # 2/11 + 1/12 against 2/12 + 1/11; then the one that vectors alone ranked first.
    assert [(place.row, place.keyword_rank, place.vector_rank) for place in fused([1, 2, 3], {2: 1, 1: 2, 9: 3})] == [
        (1, 1, 2),
        (2, 2, 1),
        (3, 3, None),
        (9, None, 3),
    ]
    assert [place.row for place in fused([1, 2], {2: 1, 1: 2}, weight=4)] == [2, 1]
    assert RankedPassage(1, 1, 2).score == pytest.approx(2 / 11 + 1 / 12)
    assert len(fused(list(range(200)), {row: row for row in range(201, 400)})) == 100


@pytest.mark.slow
@on_both_databases
def test_a_paraphrase_is_found_by_its_meaning_and_only_by_whom_it_may(app, fake, shelves, shelf, others, stranger):
    assert ranks(shelf, QUESTION) == [("Manual", None, 1)]
    assert ranks(shelf, "oil a bearing, grease that wheel") == [("Manual", 1, 1)]
    assert ranks(shelf, "sluice at dawn")[0][:2] == ("Mill", 1)
    assert ranks(shelf, "Which violin concerto is in D?") == []
    assert ranks(others, QUESTION) == []

    # A grant makes it visible, and revoking it hides it from the next question.
    grant = {"to": "user", "to_id": stranger.person_id, "right": "read"}
    (given,) = shelf.program.said("PUT", f"/collections/{shelves}/grants", 200, grant)["grants"]
    assert ranks(others, QUESTION) == [("Manual", None, 1)]
    shelf.program.said("DELETE", f"/collections/{shelves}/grants/{given['id']}", 204)
    assert ranks(others, QUESTION) == []

    # A repeated question is not embedded again; a changed or deleted document is found in its present state.
    asked = len(_asked(fake))
    assert ranks(shelf, QUESTION, collection=shelves) == [("Manual", None, 1)]
    assert len(_asked(fake)) == asked
    found = shelf.program.get("/search", query={"q": QUESTION})["passages"]
    shelf.program.said("DELETE", f"/documents/{found[0]['document_id']}", 204)
    assert ranks(shelf, QUESTION) == []


@pytest.mark.slow
def test_the_page_says_why_a_passage_was_found_and_why_meaning_was_left_out(app, fake, shelves, member):
    page = member.page("/knowledge/try?q=grease+that+wheel")
    assert page.one(".found a").text() == "Manual"
    assert page.says("By meaning: place 1")

    # With weight 0, vectors find nothing: in the comparison with the current ranking, or for everyone once it is the setting.
    compared = member.page("/knowledge/try?q=grease+that+wheel&weight=0")
    assert compared.one("#tried .found a").text() == "Manual"
    assert "Nothing in your documents matches" in compared.one("#tried-other").text()
    assert not member.page("/knowledge/try?q=grease+that+wheel&weight=nan").all("#tried-other")
    with app.app_context():
        set_setting("knowledge.meaning_weight", "0")
    assert member.page("/knowledge/try?q=grease+that+wheel").says("Nothing in your documents")
    with app.app_context():
        set_setting("knowledge.meaning_weight", "1")
    fake.always({"status": 401, "json": {"error": {"message": "No."}}}, at=AT)
    page = member.page("/knowledge/try?q=bearing+or+pump")
    assert page.one(".found a").text() == "Manual"
    assert page.says("No semantic search:")


@pytest.mark.slow
def test_an_answer_says_that_it_was_searched_for_by_words_alone(app, fake, shelves, shelf, member):
    with app.app_context():
        set_setting("knowledge.search_seconds", "60")
    fake.always({"status": 401, "json": {"error": {"message": "No."}}}, at=AT)
    fake.says("At dawn [1].")

    def said_of(question: str, **body: object) -> str:
        begun = shelf.program.post("/chats", {"message": question, **body}, status=201)
        shelf.program.ended(begun["sent"])
        return member.page(f"/chats/{begun['chat']['id']}").text

    for question in ("When does the sluice open?", "And when is a sluice oiled?"):
        told = said_of(question, collection_ids=[shelves])
        assert "The collections were searched by words only" in told
        assert "rejected the key" in told
    assert "by words only" not in said_of("When does it open?")
    embeds(fake)
    assert "by words only" not in said_of("What of the sluice?", collection_ids=[shelf.collection()])


@pytest.mark.slow
@on_both_databases
def test_another_model_embeds_beside_and_takes_its_place_at_once(app, fake, shelves, shelf):
    lengths = {MODEL: 256, OTHER: 128}
    embeds(fake, lengths, planted=PLANTED)
    fake.behaves([{"embeds": lengths, "planted": PLANTED, "holds": True}], at=AT)
    shelf.program.said("PATCH", f"/collections/{shelves}", 200, {"embedding_model": OTHER})
    told = said(shelf, shelves, lambda found: found["next_model"] == OTHER)
    assert (told["state"], told["model"], told["done"], told["of"]) == ("embedding", MODEL, 0, 2)
    fake.until(lambda log: any(entry["body"]["model"] == OTHER for entry in log if entry["path"].endswith(AT)))
    assert ranks(shelf, QUESTION) == [("Manual", None, 1)]

    # Searches continue while the previous vectors are replaced.
    fake.goes_on()
    models = [MODEL]
    with gevent.Timeout(60, AssertionError("the other model didn't take its place within a minute")):
        while models[-1] != OTHER:
            assert ranks(shelf, QUESTION) == [("Manual", None, 1)]
            models += [shelf.program.get(f"/collections/{shelves}")["embedding"]["model"]]
    assert list(dict.fromkeys(models)) == [MODEL, OTHER]
    assert ranks(shelf, QUESTION) == [("Manual", None, 1)]
    with app.app_context(), gevent.Timeout(60, AssertionError("the vectors before are still there")):
        while {len(vector) for vector in db.session.scalars(select(PassageVector.vector))} != {512}:
            db.session.rollback()
            gevent.sleep(0.02)


def _asked(fake):
    return [entry for entry in fake.log() if entry["path"].endswith(AT)]


@pytest.mark.slow
def test_a_model_that_finds_all_texts_alike_is_named_and_words_still_find(app, fake, shelves, shelf):
    embeds(fake, {MODEL: 256, OTHER: 1}, planted=PLANTED)
    collection = shelf.collection(embedding_model=OTHER)
    shelf.text(collection, "Bats sleep in the granary.", title="Bats")
    told = said(shelf, collection, lambda found: found["error"])
    assert (told["state"], told["done"]) == ("waiting", 0)
    assert "gives the same vector for every text" in told["error"]
    assert ranks(shelf, "Where do the bats sleep?") == [("Bats", 1, None)]

    # Vectors that such a model stored before it was detected.
    with app.app_context(), write() as session:
        session.execute(update(VectorSet).values(baseline=1.0))
    assert ranks(shelf, "When does the sluice open?") == [("Mill", 1, None)]
