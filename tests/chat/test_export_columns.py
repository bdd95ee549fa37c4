"""Every exported column either survives the round trip or is listed here with the reason why it does not."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.chat.files import bring, download
from tests.support.marks import on_both_databases
from webapp.base.db import Base, db, utc_now, write
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.tools.tables import Call

HERE = "it says where it stands on this server"
PERSONAL = "a file gives nobody's account anything"
DELETED = "what was deleted is not exported"
# A file has its own ids; these columns are compared by the rows they refer to.
REFERENCES = {"chats": {"id", "origin", "head_id"}, "messages": {"id", "origin", "parent_id"}, "generations": {"continues_id"}}
REFERENCES["calls"] = {"generation_id"}
STAYS: dict[str, dict[str, str]] = {
    "chats": {
        "owner_id": PERSONAL,
        "visitor_hash": "visitors export nothing",
        "kind": "its characters are in the file by name; see test_cast_names",
        "deleted_at": DELETED,
        "is_temporary": "temporary chats are in no file",
        "is_kept": "how long chats are kept is up to each server",
        "touched_at": "importing a chat touches it",
        "leaves_at": "how long chats are kept is up to each server",
        "character_id": "by name; see test_cast_names",
        "character_ids": "by name; see test_cast_names",
        "turn_order": "of a group alone; see test_cast_names",
        "persona_id": "by name; see test_cast_names",
        "preset_id": "by name; see test_presets",
        "collection_ids": "collections stay on this server, with their grants",
        "lorebook_ids": "by name; see test_roleplay_imports",
        "project_id": "by name; see tests/chat/projects/test_chats_in_files.py",
        "is_for_project": "a project stays on this server, with its grants",
        "prompt_key": "a prompt stays on this server",
        "is_forgotten": "a memory stays on this server",
        "tools": "what may be used is chosen on each server",
        "models": "which models answer side by side is chosen on each server",
        "has_texts": "texts beside a chat are not in its file",
        "fold_count": "folds are made where the chat is asked on",
        "story": "what the last release had for `fold`",
        "column_ids": "in a file, answers that stand side by side are versions",
    },
    "messages": {
        "chat_id": HERE,
        "html": "rendered anew from the text",
        "html_version": "rendered anew from the text",
        "deleted_at": DELETED,
        "author_id": PERSONAL,
        "author_name": "made of who wrote it; see test_authors",
        "head_then": DELETED,
        "cut_id": DELETED,
        "outside": "all of an imported chat is outside text; see tests/attacks/test_outside_ways.py",
        "sources": "documents stay on this server, with their grants",
        "call_count": "counted anew",
        "fact_count": "facts stay on this server, with their scopes",
        "proposal_count": "facts stay on this server, with their scopes",
        "is_kept": "what is kept in full is up to the context of the models here",
        "speaker_id": "by name; see test_cast_names",
    },
    "generations": {
        "id": HERE,
        "kind": "what was run elsewhere is no use of a model here",
        "lane": HERE,
        "column_number": HERE,
        "rule": "which rule chooses the model is up to each server",
        "message_id": "it stands in its message",
        "user_id": PERSONAL,
        "gateway_id": HERE,
        "when_unwatched": "it is over",
        "connection": HERE,
        "prompt": "what was sent may hold what this server tells all models",
        "led_by": "a prompt stays on this server",
        "upstream_id": "the cost is settled where it was paid",
        "heartbeat_at": "it is over",
        "reading_ms": "what was counted of a person stays here",
        "owner": HERE,
        "stop_requested_at": "it is over",
        "sent_as": "it was sent once, here",
    },
    "calls": {
        "id": HERE,
        "message_id": "it stands in its message",
        "decided_by": PERSONAL,
        "sources": "documents stay on this server, with their grants",
        "question": "what was answered to a tool server is between it and the person who answered",
        "private_to": PERSONAL,
        "fold": "folds are made where the chat is asked on",
        "kept": "what a provider has signed is for the requests of this server",
    },
}
NOW = utc_now().replace(microsecond=1234)
CHAT: dict[str, Any] = {
    "title": "All of it",
    "title_is_own": True,
    "model": "some/model",
    "created_at": NOW - timedelta(days=3),
    "changed_at": NOW - timedelta(days=2),
    "pinned_at": NOW - timedelta(days=1),
    "archived_at": NOW,
    "foreign_fields": {"head": {"later": [1]}},
    **{
        field.name: [*field.choices, f"Say\n{field.name}"][-2 if field.choices else 0]
        if field.kind is str
        else field.kind(field.most * 0.3)
        for field in FIELDS
    },
}
MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": "An *answer*",
    "reasoning": "A thought",
    "created_at": NOW - timedelta(hours=5),
    "is_edited": True,
    "is_hidden": True,
    "speaker_name": "Mara",
    "variables": {"mood": "calm"},
    "foreign_fields": {"swipe": {"extra": {"odd": None}}},
}
GENERATION: dict[str, Any] = {
    "status": "stopped",
    "reason": "user",
    "error": "It broke.",
    "provider": "openrouter",
    "model_asked": "some/model",
    "model_used": "other/model",
    "is_demo": True,
    "notices": [{"code": "retry", "message": "Again", "detail": "once"}],
    "attempts": [{"model": "some/model", "how": "retry", "seconds": 1.25, "code": "429", "message": "Too many"}],
    "text_offset": 3,
    "input_tokens": 11,
    "output_tokens": 22,
    "cost": "0.0123",
    "created_at": NOW - timedelta(minutes=9),
    "started_at": NOW - timedelta(minutes=8),
    "first_text_at": NOW - timedelta(minutes=7),
    "ended_at": NOW - timedelta(minutes=6),
}
CALL: dict[str, Any] = {
    "round": 2,
    "number": 1,
    "upstream_id": "call_1",
    "tool": "read_page",
    "title": "Read “a  page”",
    "arguments": '{"address":"https://example.org"}',
    "state": "done",
    "policy": "ask",
    "why": "It has read content from example.net.",
    "decision": "allow",
    "note": "Fine.",
    "text": "A\npage",
    "is_cut": True,
    "error": "Not at first.",
    "outside": ["example.org", "an imported chat"],
    "file_ids": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    "text_at": 3,
    "asked_at": NOW - timedelta(minutes=8),
    "decided_at": NOW - timedelta(minutes=7),
    "started_at": NOW - timedelta(minutes=6),
    "ended_at": NOW - timedelta(minutes=5),
}
VALUES: list[tuple[type[Base], dict[str, Any]]] = [(Chat, CHAT), (Message, MESSAGE), (Generation, GENERATION), (Call, CALL)]


@pytest.mark.parametrize(("table", "values"), VALUES, ids=lambda value: getattr(value, "__tablename__", ""))
def test_somebody_has_decided_about_every_column(table, values):
    name = table.__tablename__
    decided = [*values, *REFERENCES[name], *STAYS[name]]

    assert sorted(decided) == sorted(column.name for column in table.__table__.columns)


@pytest.mark.slow
@on_both_databases
def test_every_column_that_is_exported_comes_back(owner, member):
    with owner.app.app_context(), write() as session:
        session.add(Chat(id="c", owner_id=owner.person_id, **CHAT))
        session.flush()
        session.add(Message(id="m1", chat_id="c", role="user", content="Why?"))
        session.flush()
        session.add(Message(id="m2", chat_id="c", parent_id="m1", author_id=owner.person_id, **MESSAGE))
        session.flush()
        session.get_one(Chat, "c").head_id = "m2"
        about = {"kind": "chat", "lane": "chat:c", "owner": "", "message_id": "m2", **GENERATION}
        session.add_all([Generation(id="g1", **about), Generation(id="g2", continues_id="g1", **about)])
        session.add(Call(id="k1", message_id="m2", generation_id="g2", **CALL))
        session.get_one(Message, "m2").call_count = 1

    first = download(owner, "/chats/c/export.json")
    assert bring(member, first).says("1 new chat, 2 new messages.")

    with owner.app.app_context():
        chat = db.session.scalars(select(Chat).where(Chat.owner_id == member.person_id)).one()
        question, answer = db.session.scalars(select(Message).where(Message.chat_id == chat.id).order_by(Message.id)).all()
        made = db.session.scalars(select(Generation).where(Generation.message_id == answer.id).order_by(Generation.id)).all()
        call = db.session.scalars(select(Call).where(Call.message_id == answer.id)).one()
        assert (call.generation_id, answer.call_count) == (made[1].id, 1)
        assert {name: getattr(call, name) for name in CALL} == CALL
        for row, values in ((chat, CHAT), (answer, MESSAGE), *((generation, GENERATION) for generation in made)):
            assert {name: getattr(row, name) for name in values} == values
        assert (chat.origin, question.origin, answer.origin) == ("millrace:c", "millrace:m1", "millrace:m2")
        assert (answer.parent_id, chat.head_id) == (question.id, answer.id)
        assert [generation.continues_id for generation in made] == [None, made[0].id]
        copy = chat.id
    assert download(member, f"/chats/{copy}/export.json") == first


@pytest.mark.slow
def test_a_number_that_no_chat_may_say_is_left_out(owner, member):
    with owner.app.app_context(), write() as session:
        session.add(Chat(id="c", owner_id=owner.person_id, model="m", temperature=99.0, history_limit=10**6, max_tokens=10**9))
        session.flush()
        session.add(Message(id="m1", chat_id="c", role="user", content="Why?"))
    bring(member, download(owner, "/chats/c/export.json"))

    with owner.app.app_context():
        chat = db.session.scalars(select(Chat).where(Chat.owner_id == member.person_id)).one()
        assert (chat.temperature, chat.history_limit, chat.max_tokens) == (None, None, None)
