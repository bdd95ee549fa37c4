"""What a generation records of its prompt is stored as it always was, and older records are still read."""

import json

import pytest

from webapp.chat.prompt.recorded_prompt import PromptScripts, RecordedMessage, RecordedPrompt
from webapp.models.prompt_sections import Section
from webapp.plans.writing.plan_prompt import PlanPrompt
from webapp.prompts.active_prompts import PromptVersions

SCRIPT = {
    "name": "Stars",
    "expression": "/a/g",
    "replacement": "*",
    "trims": ["b"],
    "placements": [1, 2],
    "is_enabled": True,
    "is_shown": True,
    "is_sent": True,
    "least_depth": None,
    "most_depth": 4,
    "naming": 0,
}
ARM = {"key": "quick", "experiment": "01E", "version": 3, "letter": "B"}
VERSIONS = {"prompts": {"quick": 3, "continue": 1}, "fell_back": ["Version 4 can't be used."], "arms": [ARM]}
SMALLEST = {
    "sections": [],
    "dropped": [],
    "parameters": {},
    "messages": [],
    "left_out": 0,
    "beyond": 0,
    "history_limit": 0,
}
LARGEST = {
    "sections": [
        {"title": "Style", "text": "Briefly.", "origin": "Prompt quick, version 3", "rank": 1, "tokens": 3},
        {"title": "Source 1", "text": "Source 1", "role": "user", "depth": 1, "priority": -1, "tokens": 9, "passage_id": "01P"},
    ],
    "dropped": [{"title": "Lore", "text": "Long ago", "priority": 2, "is_private": True, "tokens": 2}],
    "sources": [{"number": 1, "document_id": "01D", "passage_id": "01P", "page": None, "beside_id": "01B"}],
    "is_late": True,
    "by_words": "The server is down.",
    "unread": ["notes.pdf"],
    "parameters": {"temperature": 0.5, "stop": ["END"], "samplers": {"top_k": 40}},
    "messages": [["01A", 12], ["01B", 40, "Mara"]],
    "scripts": {"Mara": [SCRIPT]},
    "scripted": 2,
    "left_out": 1,
    "beyond": 4,
    "history_limit": 20,
    "go_on": "Continue.",
    **VERSIONS,
}
WHOLE_PLAN = {
    "sections": [{"title": "Plan type", "text": "Make a plan.", "tokens": 4}],
    "asked": "This is what the person wants.",
    "prompts": {"plan.request": 1},
    "fell_back": [],
    "schema": {"type": "object"},
    "is_whole": False,
    "parameters": {"max_tokens": 4000},
    "chars_before": 0,
}
PARTS_OF_A_PLAN = {
    "sections": [{"title": "Plan type", "text": "Make a plan.", "tokens": 4}],
    "asked": "Write only these parts.",
    **VERSIONS,
    "schema": {"type": "object"},
    "places": ["weeks.1"],
    "there": {"weeks": [1, 2]},
    "is_whole": True,
    "parameters": {},
    "chars_before": 900,
}


@pytest.mark.parametrize("record", [SMALLEST, LARGEST])
def test_the_prompt_of_an_answer_is_stored_byte_for_byte_as_it_was_read(record) -> None:
    assert json.dumps(RecordedPrompt.from_record(record).as_record()) == json.dumps(record)


@pytest.mark.parametrize("record", [WHOLE_PLAN, PARTS_OF_A_PLAN])
def test_the_prompt_of_a_plan_is_stored_byte_for_byte_as_it_was_read(record) -> None:
    assert json.dumps(PlanPrompt.from_record(record).as_record()) == json.dumps(record)


def test_of_some_prompts_only_parts_are_stored() -> None:
    sourceless, sourced = RecordedPrompt(parameters={"temperature": 1.0}), RecordedPrompt(sources=({"number": 1},))

    assert json.dumps(sourceless.as_record("parameters", "sources")) == '{"parameters": {"temperature": 1.0}}'
    assert json.dumps(sourced.as_record("parameters", "sources")) == '{"parameters": {}, "sources": [{"number": 1}]}'


def test_a_record_is_read_into_types() -> None:
    prompt = RecordedPrompt.from_record(LARGEST)

    assert prompt.sections[0] == Section("Style", "Briefly.", "Prompt quick, version 3", rank=1, tokens=3)
    assert prompt.messages == (RecordedMessage("01A", 12), RecordedMessage("01B", 40, "Mara"))
    assert (prompt.continue_instruction, prompt.scripts.count) == ("Continue.", 2)
    assert prompt.scripts.by_speaker["Mara"][0].placements == (1, 2)
    assert prompt.versions.label == "version 3 of quick, arm B; version 1 of continue"
    assert prompt.is_known


@pytest.mark.parametrize("record", [{}, WHOLE_PLAN, {"parameters": {}}])
def test_what_a_record_lacks_is_empty(record) -> None:
    prompt = RecordedPrompt.from_record(record)

    assert (prompt.messages, prompt.sources, prompt.dropped, prompt.scripts) == ((), (), (), PromptScripts())
    assert (prompt.left_out, prompt.history_limit, prompt.continue_instruction) == (0, 0, None)
    assert prompt.is_known == bool(record)


def test_a_script_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    record = {"scripts": {"": [{**SCRIPT, "colour": "blue"}]}, "scripted": None}

    assert json.dumps(PromptScripts.from_record(record).as_record()) == json.dumps({"scripts": {"": [SCRIPT]}, "scripted": None})


def test_without_versions_none_are_stored() -> None:
    assert PromptVersions().as_record() == {}
    assert PromptVersions.from_record({}) == PromptVersions()
