"""The lifecycle of documents, through the API."""

import hashlib

import gevent
import pytest
from sqlalchemy import func, insert, select, update

from tests.api.client import client_of
from tests.knowledge.conftest import Shelf
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.turns import turns_of_the_loop
from webapp.base.db import db, write
from webapp.engine.engine import ENGINE
from webapp.knowledge.documents import importing, service as document_service
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage

GUIDE = "# Pumps\n\n## Care\n\nOil the bearing of the pump every Friday.\n"
PAGE = b"""<html><head><title>Pump care</title><style>p { color: red }</style></head><body><nav>Home</nav>
<h1>Pumps</h1><p>Oil the <b>bearing</b> &amp; wait.</p><script>alert("no")</script>
<table><tr><th>part</th><th>days</th></tr><tr><td>seal</td><td>30</td></tr></table><ul><li>One<li>Two</ul>
<pre>run --now</pre></body></html>"""
FILES = {
    "plain.txt": (b"Oil the bearing.\r\n", "Oil the bearing.\n"),
    "page.html": (PAGE, None),
    "prices.csv": (b"part;days\nseal;30\n", "| part | days |\n|---|---|\n| seal | 30 |\n"),
    "pump.py": (b"oil = 1\n", "```python\noil = 1\n```\n"),
    "utf16.txt": ("Öl".encode("utf-16"), "Öl"),
    "old.txt": ("Öl — fein".encode("cp1252"), "Öl — fein"),
}


@pytest.mark.slow
@also_on_postgres
def test_a_document_from_its_arrival_to_its_end(shelf, others):
    collection = shelf.collection()
    document = shelf.text(collection, GUIDE, title="Manual")
    told = shelf.program.get(f"/documents/{document}")
    assert (told["title"], told["state"], told["error"], told["passages"]) == ("Manual", "ready", None, 1)
    assert told["progress"] == {"done": len(GUIDE.strip()), "of": len(GUIDE.strip())}
    (passage,) = shelf.program.get(f"/documents/{document}/passages")["passages"]
    assert (passage["heading"], passage["text"]) == ("Pumps › Care", GUIDE.strip())
    assert shelf.program.call("GET", f"/documents/{document}/text").get_data(as_text=True) == GUIDE.strip()
    assert shelf.found("who oils a bearing?") == shelf.found("pump manual") == ["Manual"]

    # The same bytes are the same document; a new title is searchable once the document has been read again.
    assert shelf.text(collection, GUIDE) == document
    shelf.program.said("PATCH", f"/documents/{document}", 200, {"title": "Almanac"})
    assert shelf.read(document)["title"] == "Almanac"
    assert (shelf.found("almanac"), shelf.found("manual")) == (["Almanac"], [])

    shelf.program.said("DELETE", f"/documents/{document}", 204)
    assert shelf.found("bearing") == []
    shelf.program.said("GET", f"/documents/{document}", 404)
    others.program.said("POST", f"/documents/{document}/restore", 404)
    shelf.program.post(f"/documents/{document}/restore")
    assert shelf.found("bearing") == ["Almanac"]
    shelf.program.said("DELETE", f"/collections/{collection}", 204)
    assert shelf.found("bearing") == []
    assert shelf.program.post(f"/collections/{collection}/restore")["documents"] == 1
    assert shelf.found("bearing") == ["Almanac"]


@pytest.mark.slow
@also_on_postgres
def test_the_same_bytes_are_one_document_and_said_to_be_there(app, shelf, others, stranger):
    collection = shelf.collection()
    first = shelf.send(collection, "pumps.md", GUIDE.encode()).get_json()
    id = first["documents"][0]["id"]
    shelf.read(id)
    before = shelf.program.get(f"/documents/{id}/passages")
    again = shelf.send(collection, "copy.md", GUIDE.encode()).get_json()
    assert (first["already_there"], again["already_there"]) == ([], [id])
    assert [(document["id"], document["name"], document["state"]) for document in again["documents"]] == [
        (id, "pumps.md", "ready")
    ]
    assert shelf.program.get(f"/documents/{id}/passages") == before
    # Another version under the same name replaces nothing.
    other = shelf.send(collection, "pumps.md", GUIDE.replace("Friday", "Monday").encode()).get_json()
    assert other["already_there"] == []
    assert other["documents"][0]["id"] != id

    # A person who can't read the existing document gets neither its title nor its id.
    hidden = shelf.text(collection, "Ben earns less.", title="Salaries", level=2)
    grant = {"to": "user", "to_id": stranger.person_id, "right": "write"}
    shelf.program.said("PUT", f"/collections/{collection}/grants", 200, grant)
    refused = others.send(collection, "guess.md", b"Ben earns less.")
    assert (refused.status_code, refused.get_json()["detail"]) == (409, "The same document is already in this collection.")
    assert not any(name in refused.get_data(as_text=True) for name in ("Salaries", hidden))

    # An upload that a killed server left unfinished becomes the new one, including its level.
    half = {"hash": hashlib.sha256(b"Half of it.").hexdigest(), "bytes": 11, "characters": 11, "state": "arriving"}
    with app.app_context(), write() as session:
        session.add(Document(collection_id=collection, title="Half", **half))
    whole = shelf.program.post(f"/collections/{collection}/documents", {"text": "Half of it.", "level": 1}, status=202)
    assert (whole["documents"][0]["level"], whole["already_there"]) == (1, [])


@pytest.mark.slow
@on_both_databases
def test_the_same_sent_several_times_at_once_is_read_once(app, shelf, member):
    collection, content = shelf.collection(), b"Oil the bearing. " * 40_000
    shelves = [Shelf(client_of(app, member.email)) for _ in range(4)]
    sent = [gevent.spawn(shelve.send, collection, "pumps.txt", content) for shelve in shelves]
    assert len(gevent.joinall(sent, timeout=60)) == 4
    told = [greenlet.value.get_json() for greenlet in sent]
    (id,) = {answer["documents"][0]["id"] for answer in told}
    # Only one of the simultaneous requests created it.
    assert sorted(answer["already_there"] for answer in told) == [[], [id], [id], [id]]
    assert shelf.read(id)["state"] == "ready"
    with app.app_context():
        assert db.session.get_one(Document, id).edition == 1


@pytest.mark.slow
def test_files_of_many_kinds_are_read(shelf):
    collection = shelf.collection()
    documents = {name: shelf.file(collection, name, content) for name, (content, _) in FILES.items()}
    for name, (_, expected) in FILES.items():
        assert shelf.read(documents[name])["error"] is None
        text = shelf.program.call("GET", f"/documents/{documents[name]}/text").get_data(as_text=True)
        assert expected is None or text == expected
    page = shelf.program.call("GET", f"/documents/{documents['page.html']}/text").get_data(as_text=True)
    assert shelf.read(documents["page.html"])["title"] == "Pump care"
    assert page == (
        "# Pumps\n\nOil the bearing & wait.\n\n| part | days |\n|---|---|\n| seal | 30 |\n\n"
        "- One\n- Two\n\n````\nrun --now\n````\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x08" * 40, "isn't text"),
        ("blank.md", b" \n\n", "no text"),
        ("scripts.html", b"<script>only()</script>", "no text"),
        ("deep.html", b"<div>" * 20_000, "no text"),
        ("cells.csv", b'"' + b"a" * 1_500_000, "couldn't be read"),
    ],
)
def test_what_cannot_be_read_fails_with_a_sentence(shelf, name, content, says):
    failed = shelf.read(shelf.file(shelf.collection(), name, content))
    assert (failed["state"], failed["passages"]) == ("failed", 0)
    assert says in failed["error"]


@pytest.mark.slow
def test_what_is_too_much_or_no_document_is_refused(app, shelf, owners_shelf):
    collection = shelf.collection()
    for name, content, says in (
        ("tool.exe", b"MZ", "can't be read"),
        ("none.txt", b"", "is empty"),
        ("a/b", b"x", "can't be read"),
    ):
        refused = shelf.send(collection, name, content)
        assert (refused.status_code, says in refused.get_json()["detail"]) == (422, True)
    both = shelf.program.post(f"/collections/{collection}/documents", {"text": "x", "url": "https://example.org"}, status=422)
    assert both["detail"] == "Send a text or a URL, not both."
    for setting, value, says in (
        ("knowledge.collection_characters", "10", "no room"),
        ("knowledge.person_characters", "10", "no room"),
        ("knowledge.collection_documents", "1", "already has 1 documents"),
    ):
        shelf.file(shelf.collection(), "first.txt", b"short")
        owners_shelf.program.said("PUT", f"/settings/{setting}", 200, {"value": value})
        if setting == "knowledge.collection_documents":
            shelf.file(collection, "first.txt", b"short")
        refused = shelf.send(collection, "more.txt", b"More than that.")
        assert (refused.status_code, says in refused.get_json()["detail"]) == (422, True)
        owners_shelf.program.said("DELETE", f"/settings/{setting}", 200)
    owners_shelf.program.said("PUT", "/settings/knowledge.file_megabytes", 200, {"value": "1"})
    for size, says in ((1_100_000, "This file is too large. The limit is 1 MB."), (30_000_000, "limit is 20 MB together.")):
        refused = shelf.send(collection, "large.txt", b"x" * size)
        assert (refused.status_code, says in refused.get_json()["detail"]) == (413, True)


@pytest.mark.slow
def test_of_several_files_none_is_added_if_one_is_refused(shelf, owners_shelf):
    collection = shelf.collection()
    owners_shelf.program.said("PUT", "/settings/knowledge.collection_documents", 200, {"value": "2"})
    try:
        for more, says in (
            ([("tool.exe", b"MZ"), ("b.txt", b"B"), ("Thumbs.db", b"x")], "“tool.exe”, “Thumbs.db” can't be read"),
            ([("none.txt", b"")], "“none.txt” is empty"),
            ([("b.txt", b"B"), ("c.txt", b"C")], "room for 2 more"),
        ):
            refused = shelf.send_all(collection, [("a.txt", b"A"), *more])
            assert (refused.status_code, says in refused.get_json()["detail"]) == (422, True)
            assert shelf.program.get(f"/collections/{collection}/documents")["documents"] == []
        # The same bytes twice are one document, and need room for one.
        sent = shelf.send_all(collection, [("a.txt", b"A"), ("copy.txt", b"A"), ("b.txt", b"B")]).get_json()
    finally:
        owners_shelf.program.said("DELETE", "/settings/knowledge.collection_documents", 200)
    assert [document["name"] for document in sent["documents"]] == ["a.txt", "a.txt", "b.txt"]


@pytest.mark.slow
def test_readers_find_and_do_not_change(shelf, others, stranger):
    collection = shelf.collection()
    document = shelf.text(collection, GUIDE)
    others.program.said("GET", f"/collections/{collection}", 404)
    grant = {"to": "user", "to_id": stranger.person_id, "right": "read"}
    (given,) = shelf.program.said("PUT", f"/collections/{collection}/grants", 200, grant)["grants"]
    assert others.found("bearing") == ["Pumps"]
    seen = others.program.get(f"/collections/{collection}")
    assert (seen["is_own"], seen["can_write"]) == (False, False)
    for method, path, body in (
        ("POST", f"/collections/{collection}/documents", {"text": "mine"}),
        ("DELETE", f"/documents/{document}", None),
        ("PATCH", f"/documents/{document}", {"title": "Mine"}),
        ("PATCH", f"/collections/{collection}", {"name": "Mine"}),
        ("DELETE", f"/collections/{collection}", None),
        ("GET", f"/collections/{collection}/grants", None),
        ("PUT", f"/collections/{collection}/grants", {"to": "everyone"}),
    ):
        others.program.said(method, path, 403, body)

    shelf.program.said("PUT", f"/collections/{collection}/grants", 200, {**grant, "right": "write"})
    mine = others.text(collection, "Grease the seal.")
    others.program.said("PATCH", f"/documents/{mine}", 403, {"level": 1})
    others.program.said("DELETE", f"/documents/{mine}", 204)
    (given,) = shelf.program.get(f"/collections/{collection}/grants")["grants"]
    shelf.program.said("DELETE", f"/collections/{collection}/grants/{given['id']}", 204)
    assert others.found("bearing") == []
    others.program.said("GET", f"/documents/{document}", 404)


@pytest.mark.slow
def test_an_admin_finds_nothing_silently(shelf, owners_shelf, owner, member):
    collection = shelf.collection()
    shelf.text(collection, GUIDE)
    assert owners_shelf.found("bearing") == []
    assert owners_shelf.found("bearing", **{"as": member.person_id}) == ["Pumps"]
    assert owner.page("/admin/audit").says("searched as")
    shelf.program.said("GET", "/search", 403, query={"q": "bearing", "as": owner.person_id})


@pytest.mark.slow
def test_a_token_without_the_scope_admin_finds_nothing_as_others(shelf, app, owner, member):
    shelf.text(shelf.collection(), GUIDE)
    reader = client_of(app, owner.email, "read", "knowledge")
    reader.said("GET", "/search", 403, query={"q": "bearing", "as": member.person_id})
    assert not owner.page("/admin/audit").says("searched as")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "backend"),
    [
        ("collections", "sqlite"),
        ("documents", "sqlite"),
        ("collections", "postgres"),
        pytest.param("documents", "postgres", marks=pytest.mark.deep),
    ],
)
def test_what_is_deleted_while_it_is_read_shows_nothing_and_is_whole_once_restored(app, shelf, member, what):
    collection = shelf.collection()
    text = "\n\n".join(f"## Part {part}\n\n" + f"The wheel of the mill{part} turns. " * 30 for part in range(100))
    made = shelf.program.post(f"/collections/{collection}/documents", {"text": text, "title": "Mills"}, status=202)
    id = made["documents"][0]["id"]
    with gevent.Timeout(60):
        while shelf.program.get(f"/documents/{id}")["state"] not in ("splitting", "ready"):
            gevent.sleep(0.01)
    deleted = f"/{what}/{collection if what == 'collections' else id}"
    shelf.program.said("DELETE", deleted, 204)
    assert shelf.found("mill3") == []
    shelf.program.said("GET", f"/documents/{id}", 404)
    assert not member.page("/knowledge?q=mill3").says("turns")

    shelf.program.said("POST", f"{deleted}/restore", 200)
    assert shelf.read(id)["state"] == "ready"
    assert shelf.found("mill3") == ["Mills"]
    with app.app_context():
        numbers = db.session.scalars(select(Passage.number).where(Passage.document_id == id).order_by(Passage.number)).all()
        assert list(numbers) == list(range(len(numbers)))
        assert len(numbers) == db.session.get_one(Document, id).passages


@pytest.mark.slow
@pytest.mark.parametrize("id", ["0" * 26, "nothing", "3f2b8c1e-7d55-4a0e-9d1c-0a8f6c2b1e44"])
def test_what_is_not_there_is_not_found_however_it_is_named(owners_shelf, id):
    program = owners_shelf.program
    chat = program.post("/chats", {}, status=201)["chat"]["id"]
    for ids in ({"collection_ids": [id]}, {"file_ids": [id]}):
        program.said("POST", "/chats", 404, {"message": "Hello", **ids})
    program.said("PATCH", f"/chats/{chat}", 404, {"collection_ids": [id]})
    program.said("POST", f"/chats/{chat}/messages", 404, {"message": "Hello", "file_ids": [id]})
    program.said("POST", "/characters", 404, {"name": "Mara", "description": "Mills.", "collection_ids": [id]})
    program.said("PUT", "/prompts/quick/collections", 404, {"collection_ids": [id]})
    program.said("POST", "/questions", 404, {"question": "When?", "document_id": id})
    for query in ({"collection": id}, {"as": id}):
        program.said("GET", "/search", 404, query={"q": "bearing", **query})
    for path in (f"/collections/{id}", f"/documents/{id}", f"/files/{id}"):
        program.said("GET", path, 404)


@pytest.mark.slow
def test_a_changed_grant_keeps_its_id(shelf, others, stranger):
    """A client that kept the id can still revoke the grant."""
    collection = shelf.collection()
    shelf.text(collection, GUIDE)
    address = f"/collections/{collection}/grants"
    grant = {"to": "user", "to_id": stranger.person_id, "right": "read"}
    (first,) = shelf.program.said("PUT", address, 200, grant)["grants"]
    (changed,) = shelf.program.said("PUT", address, 200, {**grant, "right": "write"})["grants"]
    assert (changed["id"], changed["right"]) == (first["id"], "write")
    others.text(collection, "Grease the bearing twice.")
    shelf.program.said("DELETE", f"{address}/{first['id']}", 204)
    assert (others.found("bearing"), shelf.program.get(address)["grants"]) == ([], [])


@pytest.fixture
def long(app, shelf) -> str:
    """A document of 601 passages."""
    id = shelf.text(shelf.collection(), GUIDE)
    more = {"document_id": id, "edition": 1, "heading": "", "head": "", "text": "More.\n", "overlap": 0, "words": 1}
    with app.app_context(), write() as session:
        session.execute(insert(Passage), [{**more, "number": number} for number in range(1, 601)])
    return id


@pytest.mark.slow
def test_passages_that_were_replaced_go_in_turns(app, long):
    with app.app_context(), turns_of_the_loop() as turn:
        with write() as session:
            session.execute(update(Document).where(Document.id == long).values(claim="mine"))
        before = turn()
        importing.store(long, "mine", 2, [])
        assert turn() - before >= 600 // importing.CLEARED_AT_ONCE
        assert not db.session.scalars(select(Passage.row)).all()


@pytest.mark.slow
def test_the_text_of_a_long_document_is_read_in_turns(app, long):
    id, engine = long, ENGINE.of(app)
    with app.app_context():
        owner_id = db.session.scalars(select(Collection.owner_id)).one()
    with turns_of_the_loop() as turn:
        turns = [turn() for _ in document_service.text_of(engine, id, owner_id)]
    assert len(turns) == len(set(turns)) == 4


@pytest.mark.slow
def test_a_large_file_is_put_together_in_turns(app, shelf):
    id = shelf.text(shelf.collection(), GUIDE)
    parts = [{"document_id": id, "number": number, "content": bytes(document_service.PART_BYTES)} for number in range(1, 81)]
    with app.app_context(), write() as session:
        session.execute(insert(DocumentPart), parts)
    with app.app_context(), turns_of_the_loop() as turn:
        before = turn()
        with importing._file(id, {}) as (_, length):
            assert length > 80 * document_service.PART_BYTES
        # Reading twenty megabytes takes more than a hundredth of a second, so it must yield in between.
        assert turn() > before


@pytest.mark.slow
@also_on_postgres
def test_people_take_turns_when_documents_are_read(app, shelf, others):
    mine, theirs = shelf.collection(), others.collection("Theirs")
    long = "\n\n".join(f"## Part {part}\n\n{'The wheel turns. ' * 60}" for part in range(60))
    added = [add(shelf, mine, f"{long}{number}") for number in range(3)]
    short = add(others, theirs, "Two\nlines.")
    assert others.read(short)["state"] == "ready"
    assert [shelf.read(id)["state"] for id in added] == ["ready"] * 3
    with app.app_context():
        first = select(Passage.document_id).group_by(Passage.document_id).order_by(func.min(Passage.row))
        assert db.session.scalars(first).all() == [added[0], short, *added[1:]]


def add(shelf: Shelf, collection: str, text: str) -> str:
    return str(shelf.program.post(f"/collections/{collection}/documents", {"text": text}, status=202)["documents"][0]["id"])
