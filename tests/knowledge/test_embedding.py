"""Embedding documents: while they are read, counted like every use of a model, and with a message when it fails."""

import socket
from contextlib import closing

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.knowledge.meaning import AT, MODEL, OTHER, chosen, embeds, is_ready, said
from tests.support.marks import few_of, on_both_databases
from tests.support.waiting import until
from webapp.base.db import db
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.knowledge.tables import PassageVector, VectorSet
from webapp.knowledge.vectors.embedder import UNLIKE
from webapp.knowledge.vectors.vector_sets import CURRENT, FILLING, decided

GUIDE = "# Pumps\n\nOil the bearing of the pump every Friday."
LONG = "\n\n".join(f"# Part {number}\n\n{'The pump needs oil. ' * 45}" for number in range(70))


@pytest.fixture
def app(make_app, fake):
    return make_app(**fake.environ)


@pytest.mark.slow
@on_both_databases
def test_what_is_read_becomes_vectors_that_are_counted_as_use(app, fake, shelf, owners_shelf):
    embeds(fake)
    chosen(owners_shelf)
    collection = shelf.collection()
    document = shelf.text(collection, LONG)
    told = said(shelf, collection, is_ready)
    assert (told["model"], told["done"], told["of"], told["error"]) == (MODEL, 1, 1, None)
    passages = shelf.program.get(f"/documents/{document}")["passages"]
    asked = [entry["body"] for entry in fake.log() if entry["path"].endswith(AT)]
    assert sum(len(body["input"]) for body in asked) == passages + len(UNLIKE)
    assert asked[0]["input"][0].startswith("Part 0 › Part 0\n# Part 0")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PassageVector)) == passages
        row = db.session.scalars(select(VectorSet)).one()
        assert (row.dimensions, row.state, 0 <= row.baseline < 0.3) == (256, CURRENT, True)
        assert {len(vector) for vector in db.session.scalars(select(PassageVector.vector))} == {1024}
        uses = db.session.scalars(select(Generation).where(Generation.kind == "embedding")).all()
        # More than one request each, and each is recorded with its tokens and its cost.
        assert len(uses) == -(-passages // 64)
        assert {(use.model_asked, use.status, use.user_id is not None) for use in uses} == {(MODEL, "completed", True)}
        assert all(use.input_tokens and float(use.cost or 0) > 0 for use in uses)
    assert owners_shelf.program.get("/usage")


@pytest.mark.slow
def test_without_a_model_nothing_is_asked(app, fake, shelf, member):
    collection = shelf.collection()
    shelf.text(collection, GUIDE)
    assert shelf.program.get(f"/collections/{collection}")["embedding"]["state"] == "off"
    shelf.program.said("POST", f"/collections/{collection}/embed", 409, {})
    assert [entry for entry in fake.log() if entry["path"].endswith(AT)] == []


REFUSALS = [
    ({"status": 401, "json": {"error": {"message": "No."}}}, "key"),
    ({"status": 429, "json": {"error": {"message": "Slower."}}, "headers": {"Retry-After": "3600"}}, "limit"),
    ({"json": {"data": [{"index": 0, "embedding": [float("nan")]}] * 7}}, "a vector for each text"),
    ({"json": {"data": [{"index": 0, "embedding": [1, 2]}]}}, "a vector for each text"),
    ({"status": 402, "json": {"error": {"message": "No credit."}}}, "credit"),
    ({"status": 404, "json": {"error": {"message": "No such model."}}}, ""),
]


@pytest.mark.slow
@pytest.mark.parametrize("refusal", few_of(REFUSALS, 3))
def test_a_failure_is_a_sentence_and_words_still_find(app, fake, shelf, owners_shelf, member, refusal):
    reply, says = refusal
    fake.always(reply, at=AT)
    chosen(owners_shelf)
    collection = shelf.collection()
    document = shelf.text(collection, GUIDE)
    told = said(shelf, collection, lambda found: found["error"])
    assert says in told["error"]
    assert (told["state"], told["done"], told["tried_at"] is not None) == ("waiting", 0, True)
    assert shelf.read(document)["state"] == "ready"
    assert shelf.found("bearing") == ["Pumps"]
    page = member.page(f"/knowledge/{collection}")
    assert page.says(told["error"])
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PassageVector)) == 0

    # Once the fault is fixed, the retry button continues.
    embeds(fake)
    member.post(f"/knowledge/{collection}/embed", how="retry")
    assert said(shelf, collection, is_ready)["error"] is None


@pytest.mark.slow
def test_a_passing_failure_is_tried_again_by_itself(app, fake, shelf, owners_shelf):
    embeds(fake)
    fake.behaves([{"status": 503, "text": ""}], at=AT)
    chosen(owners_shelf)
    collection = shelf.collection()
    shelf.text(collection, GUIDE)
    assert said(shelf, collection, is_ready)["error"] is None
    assert len([entry for entry in fake.log() if entry["path"].endswith(AT)]) == 2


@pytest.mark.slow
def test_other_lengths_are_a_sentence_and_embedding_all_again_mends_it(app, fake, shelf, owners_shelf, member):
    embeds(fake, 64)
    chosen(owners_shelf)
    collection = shelf.collection()
    shelf.text(collection, GUIDE)
    said(shelf, collection, is_ready)
    embeds(fake, 32)
    second = shelf.text(collection, "# Mills\n\nThe sluice opens at dawn.")
    told = said(shelf, collection, lambda found: found["error"])
    assert "32 numbers now, and gave 64 before" in told["error"]
    assert (told["done"], shelf.read(second)["state"]) == (1, "ready")
    member.post(f"/knowledge/{collection}/embed", how="again")
    assert said(shelf, collection, is_ready)["done"] == 2

    def lengths() -> set[int]:
        with app.app_context():
            return {len(vector) for vector in db.session.scalars(select(PassageVector.vector))}

    # The previous vectors are deleted a little later.
    said(shelf, collection, lambda _: lengths() == {128})


@pytest.mark.slow
def test_a_collection_has_a_model_of_its_own_or_none(app, fake, shelf, owners_shelf, member):
    embeds(fake)
    chosen(owners_shelf)
    own, none = shelf.collection(embedding_model=OTHER), shelf.collection(embedding_model="none")
    for collection in (own, none):
        shelf.text(collection, GUIDE)
    assert said(shelf, own, is_ready)["model"] == OTHER
    assert shelf.program.get(f"/collections/{none}")["embedding"]["state"] == "off"
    refused = shelf.program.said("PATCH", f"/collections/{own}", 422, {"embedding_model": "x" * 201})
    assert "embedding_model" in str(refused)
    member.submit(f"/knowledge/{own}/edit", name="Handbook", embedding_model="none")
    assert said(shelf, own, lambda found: found["state"] == "off")["model"] == ""


def test_what_is_decided_keeps_what_is_searched_until_another_is_whole():
    def made(model: str, state: str) -> VectorSet:
        return VectorSet(model=model, state=state)

    one, two, three = made("a", CURRENT), made("b", FILLING), made("a", FILLING)
    assert decided("a", []) == ([], CURRENT)
    assert decided("a", [one]) == ([], "")
    assert decided("b", [one]) == ([], FILLING)
    assert decided("b", [one, two]) == ([], "")
    assert decided("a", [one, two]) == ([two], "")
    assert decided("c", [one, two]) == ([two], FILLING)
    assert decided("a", [one, three]) == ([], "")
    assert decided("", [one, two]) == ([one, two], "")


@pytest.mark.slow
def test_a_server_that_hangs_keeps_no_other_connection_waiting(app, fake, shelf, others, owners_shelf):
    embeds(fake)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        owners_shelf.program.post(
            "/connections", {"kind": "openai", "name": "Silent", "base_url": address, "key": "k"}, status=201
        )
        hanging = [shelf.collection(f"Hanging {number}", embedding_model="silent:vectors") for number in range(2)]
        for collection in hanging:
            shelf.program.post(f"/collections/{collection}/documents", {"text": GUIDE}, status=202)
        until(lambda: active(app) == 1, "one request hangs")
        fine = others.collection(embedding_model=MODEL)
        others.text(fine, GUIDE)

        assert said(others, fine, is_ready)["error"] is None
        assert active(app) == 1
    # Its failure pauses everything of the connection, not only the collection that met it.
    until(lambda: waiting(app) == {"silent:vectors": 2}, "both wait")


def active(app: Flask) -> int:
    return len(ENGINE.of(app).live)


def waiting(app: Flask) -> dict[str, int]:
    with app.app_context():
        counted = select(VectorSet.model, func.count()).where(VectorSet.waits_until.is_not(None)).group_by(VectorSet.model)
        return dict(db.session.execute(counted).all())
