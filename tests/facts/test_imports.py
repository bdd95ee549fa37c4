"""Facts that are imported: from our own export, what other assistants give, and lines of text; proposed, each once."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.facts.test_api import project_of, remember
from webapp.chat.facts.imported import imported
from webapp.models.upstream.bounded_json import UnreadableJson

CLAUDE = [
    {
        "conversations_memory": "**Work context**\n\nAnn builds boats in Bern. She prefers short answers, e.g. lists.\n",
        "project_memories": {"0198-a": "**Purpose**\n\nThe boat is called Otter."},
        "memory_files": [
            {"path": "/areas/garden.md", "content": "# Garden\n- Grows beans", "updated_at": "2026-09-11T08:28:30Z"}
        ],
        "account_uuid": "0198-b",
    }
]
CLAUDES = [
    "Ann builds boats in Bern.",
    "She prefers short answers, e.g. lists.",
    "The boat is called Otter.",
    "Grows beans",
]
CHATGPT = "Saved memories:\n\nLives in Bern.\n- [2025-03-02] - Has a cat. It is old.\n2. Sails\n```\n[2026-01-01] - Likes tea."


def imports(program: Client, content: Any, **query: str) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content)
    response = sent(program, text.encode(), query)
    assert response.status_code == 201, response.text
    return dict(response.json)


def sent(program: Client, content: bytes, query: dict[str, str] | None = None) -> Any:
    return program.client.post("/api/v1/facts/import", data=content, headers=program.headers, query_string=query)


def proposed(program: Client) -> list[dict[str, Any]]:
    return program.get("/facts", query={"state": "proposed"})["facts"][::-1]


@pytest.mark.parametrize(
    ("content", "sentences"),
    [
        (json.dumps(CLAUDE), CLAUDES),
        (json.dumps(CLAUDE[0]), CLAUDES),
        (CHATGPT, ["Lives in Bern.", "Has a cat. It is old.", "Sails", "Likes tea."]),
        (json.dumps([{"content": "Lives in Bern.", "enabled": True}, "Sails."]), ["Lives in Bern.", "Sails."]),
        (json.dumps({"memories": [{"id": 1, "memory": "Sails."}]}), ["Sails."]),
        ("I sail a lot. " * 40, ["I sail a lot."] * 40),
        ("[]", []),
        ("\n \n", []),
        ('{"facts": 7, "title": "no fact"}', []),
    ],
)
def test_the_sentences_of_a_file_are_found(content: str, sentences: list[str]) -> None:
    assert [fact.text.strip() for fact in imported(content.encode(), most_chars=500)] == sentences


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b'{"facts": [', b"[" * 200_000, b"a" * 1_000_001, b"\n" * 60_000, b"[" + b"[]," * 40_000 + b"[]]", b'["\\n"'],
)
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableJson):
        list(imported(content, most_chars=500))


def test_what_is_imported_is_proposed_once(program: Client, other: Client) -> None:
    kept = remember(program, "Lives in Bern.")
    text = f"lives in bern.\nÜbt Geige.\nübt geige.\nThe password is hunter2.\n{'x' * 501}\nSails.\u202e"
    assert imports(program, text) == {"proposed": 2, "left_out": 4}
    assert imports(program, text) == {"proposed": 0, "left_out": 6}
    facts = proposed(program)
    assert [fact["text"] for fact in facts] == ["Übt Geige.", "Sails."]
    assert {str(fact["source"]) for fact in facts} == {str({"kind": "import", "id": "", "start": 0, "end": 0})}
    assert [(fact["since"], fact["is_outside"]) for fact in facts] == [(None, True)] * 2
    assert [fact["id"] for fact in program.get("/facts")["facts"]] == [kept["id"]]
    assert proposed(other) == []


def test_what_does_not_fit_is_refused(program: Client) -> None:
    many = "\n".join(f"Fact {n}." for n in range(1_001))
    for content in ("", "\n", many, "{"):
        assert sent(program, content.encode()).status_code == 422
    assert imports(program, many.removesuffix("\nFact 1000."))["proposed"] == 1_000
    assert imports(program, "One more.") == {"proposed": 0, "left_out": 1}


def test_an_export_comes_back_where_it_was(app: Flask, program: Client, other: Client, member, stranger) -> None:
    project = {"kind": "project", "id": project_of(app, member.person_id)}
    remember(program, "I live in Bern.")
    remember(program, "The boat leaves at nine.", scope=project)
    exported = member.get("/facts/export.json")
    assert 'attachment; filename="facts.json"' in exported.headers["Content-Disposition"]
    assert imports(program, exported.text) == {"proposed": 0, "left_out": 2}
    assert imports(program, program.get("/facts", query={"state": "all"})) == {"proposed": 0, "left_out": 2}
    for fact in program.get("/facts")["facts"]:
        program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert imports(program, exported.text)["proposed"] == 2
    assert [(fact["text"], fact["scope"]["kind"]) for fact in proposed(program)] == [
        ("I live in Bern.", "me"),
        ("The boat leaves at nine.", "project"),
    ]
    # Without a right in the project, its sentences are proposed for all chats.
    assert imports(other, exported.text)["proposed"] == 2
    assert {fact["scope"]["kind"] for fact in proposed(other)} == {"me"}
    assert sent(other, b"Mine.", {"scope": f"project:{project['id']}"}).status_code == 404
    assert imports(program, "Ours.", scope=f"project:{project['id']}")["proposed"] == 1
    assert proposed(program)[-1]["scope"] == project


def test_a_page_imports_a_file_or_lines(member) -> None:
    import io

    file = (io.BytesIO(json.dumps(CLAUDE).encode()), "memories.json")
    assert member.post("/facts/import", file=file, sentences="").status_code == 303
    assert member.post("/facts/import", sentences="I sail.\nI live in Bern.").status_code == 303
    page = member.page("/facts?state=proposed")
    assert all(text in page.text for text in (*CLAUDES, "I sail.", "I live in Bern."))
    assert "one sentence a line" in member.post("/facts/import", sentences=" ").text
    assert "No facts here." in member.page("/facts").text
    fact = str(page.all(".entries a")[0].attributes["href"])
    assert "You imported it." in member.page(fact).text
    # Decided in the list, which comes back.
    assert member.post(f"{fact}/state", state="kept").headers["Location"].endswith("/facts?state=proposed")
    assert "I live in Bern." in member.page("/facts").text
    assert "I live in Bern." not in member.page("/facts?state=proposed").text
