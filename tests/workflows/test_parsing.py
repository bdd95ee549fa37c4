"""Definitions: which are refused, at which line and with which hint; and conditions, which never raise an error."""

import json
import re
from dataclasses import replace
from random import Random

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from tests.support.rounds import ROUNDS
from tests.workflows.test_interpreter import any_definition
from webapp.base.config import ROOT
from webapp.workflows.definition import conditions
from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.parsing import BrokenWorkflow, read, read_new

# The examples that people copy from the documentation.
DOCUMENTED = re.compile(r"```yaml\n(workflow: .*?)```", re.DOTALL)
WHOLE = """workflow: tea
title: Tea
slots:
  kind: {type: choice, options: [green, black]}
  cups: {type: number, max: 9}
steps:
  - collect: kind
  - id: many
    say: "How much {{kind}}?"
  - collect: cups
    next: [{if: cups > 4, go: many}, {go: end}]
"""
BROKEN = [
    ("workflow: tea", "workflow: Tea Time", 1, "short name", "weekly-checkin"),
    ("title: Tea", "titel: Tea", 2, "“titel”", "“title”"),
    ("type: number", "type: nmber", 5, "isn't a slot type", "number"),
    ("[green, black]", "[green]", 4, "needs 2 to", "options:"),
    ("[green, black]", "[yes, no]", 4, "true or false", "quotes"),
    ("[green, black]", "[green, Green]", 4, "the same", ""),
    ("collect: kind", "collect: kinds", 7, "no slot named “kinds”", "“kind”"),
    ("id: many", "id: cups", 10, "Two steps", "another"),
    ("{{kind}}", "{{knd}}", 9, "no answer named “knd”", "“kind”"),
    ("{{kind}}", "{{ {{kind}} }}", 9, "{{name}}", ""),
    ("cups > 4", "cpus > 4", 11, "no answer named “cpus”", "“cups”"),
    ("cups > 4", "cups >", 11, "can't be read", "mood =="),
    ("cups > 4", "open('x')", 11, "only compare", "mood =="),
    ("go: many", "go: mny", 11, "no step named", "“many”"),
    ("{go: end}", "{go: many}", 8, "no run can end", "way out"),
    (
        "  - collect: cups\n    next: [{if: cups > 4, go: many}, {go: end}]\n",
        "    next: [{if: kind == 'x', go: many}]\n",
        8,
        "without",
        "Add a question",
    ),
    ("  - id: many\n    say", "  - id: many\n    shout", 9, "Unknown step “shout”", "Known: say"),
    ("  - collect: kind", "  - colect: kind", 7, "Unknown step “colect”", "Did you mean “collect”?"),
    ("  - collect: kind", "  - ", 7, "does nothing yet", "say"),
    ("  - id: many", "  - end: Bye.\n  - id: many", 9, "No step leads", "next"),
    ("max: 9", "max: lots", 5, "must be a number", ""),
    ("slots:", "slots: &all", 0, "", ""),
    ("title: Tea", "title: *all", 2, "anchors and aliases", ""),
    ("title: Tea", "title: !!python/object:os.system {}", 2, "is a tag in YAML", "exclamation mark"),
    ("title: Tea", "title: [Tea", 2, "never closed: [", "Add ]"),
    ("title: Tea", "title: " + "x" * 70_000, 1, "too long", ""),
    ("title: Tea", "title: 3", 2, "must be text", "quotes"),
    ("title: Tea", "title: ''", 2, "must be text", "quotes"),
    ("title: Tea", "minutes: 5", 1, "“title”", "quotes"),
    ("title: Tea", "title: Tea\nminutes: long", 3, "number from 0", ""),
    ("title: Tea", "title: Tea\nabuot: x", 3, "isn't known", "“about”"),
    ("title: Tea", "title: Tea\nknowledge: papers", 3, "list of 1", "knowledge: [handbook]"),
    ("type: choice", "kind: choice", 4, "isn't known", "Known: type"),
    ("type: choice", "type: text", 4, "Only a choice", ""),
    ("kind: {", "Kind: {", 4, "can't be named", "lowercase"),
    ("kind: {", "and: {", 4, "can't be named", "lowercase"),
    ("cups: {type: number, max: 9}", "cups: 9", 5, "must be a mapping", "With: type"),
    ("max: 9", "min: 10, max: 9", 5, "greater than", ""),
    ("max: 9", "optional: sometimes", 5, "true or false", ""),
    ("steps:\n", "steps: none\nmore:\n", 6, "must be a list", "steps:"),
    ('say: "How much {{kind}}?"', "tool: a b", 9, "the key of a tool", "search_web"),
    ('say: "How much {{kind}}?"', f"tool: {'x' * 10_000}", 9, "the key of a tool", "search_web"),
    ('say: "How much {{kind}}?"', "tool: x\n    into: cusp", 10, "no slot named “cusp”", "“cups”"),
    ('say: "How much {{kind}}?"', "tool: x\n    arguments: [1]", 10, "mapping of at most 30", "query"),
    ('say: "How much {{kind}}?"', f"tool: x\n    arguments: {{a: {'[' * 9}{']' * 9}}}", 10, "with 200 values", "query"),
    ('say: "How much {{kind}}?"', "tool: x\n    arguments: {a: [{slot: knd}]}", 10, "no slot named “knd”", "“kind”"),
    ('say: "How much {{kind}}?"', "tool: x\n    arguments: {a: '{{knd}}'}", 10, "no answer named “knd”", "“kind”"),
    ('say: "How much {{kind}}?"', "tool: x\n    on_failure: mny", 10, "no step named “mny”", "“many”"),
    ('say: "How much {{kind}}?"', "tool: x\n    on_failure: many", 8, "without a question", "Add a question"),
    ('say: "How much {{kind}}?"', "chat: Hi\n    tools: all", 10, "list of at most 20 tools", "tools: [search_web]"),
    ("  - collect: kind", "  - kind", 7, "Unknown step “kind”", "say"),
    ("  - collect: kind", "  - {collect: kind, say: x}", 7, "not both “collect” and “say”", "two steps"),
    ("  - collect: kind", "  - {collect: kind, guidelines: x}", 7, "isn't known", "Known"),
    ("id: many", "id: Many", 8, "can't be named", "lowercase"),
    ("id: many", "id: end", 8, "can't be named", "lowercase"),
    ('say: "How', 'chat: "How', 0, "", ""),
    ("    say:", "    max_sentences: 0\n    chat:", 9, "from 1 to 50", ""),
    ("    say:", "    max_tokens: -1\n    chat:", 9, "from 1 to", ""),
    ("    say:", "    turns: 99\n    chat:", 9, "from 0 to 20", ""),
    ("    say:", "    knowledge: []\n    chat:", 9, "list of 1", "handbook"),
    ("    say:", "    personalize: maybe\n    chat:", 9, "true or false", ""),
    ('    say: "How much {{kind}}?"', "    generate: [card]", 9, "plan type", "weekly-card"),
    ('    say: "How much {{kind}}?"', '    generate: card\n    with: {a: "{{knd}}"}', 10, "“knd”", "“kind”"),
    ('    say: "How much {{kind}}?"', "    set: {knd: x}", 9, "no slot", "“kind”"),
    ('    say: "How much {{kind}}?"', "    set: {cups: many}", 9, "doesn't fit", ""),
    ('    say: "How much {{kind}}?"', '    end: {hand_over: ""}', 9, "must be text", ""),
    ('    say: "How much {{kind}}?"', "    end: {group: x}", 9, "isn't known", "Known"),
    ("next: [{if: cups > 4, go: many}, {go: end}]", "next: 3", 11, "name of a step", "next: ["),
    ("{if: cups > 4, go: many}", "{when: x, go: many}", 11, "isn't known", "Known"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "message", "hint"), BROKEN, ids=[case[1][:24] for case in BROKEN])
def test_a_broken_definition_says_where_and_how_it_is_put_right(
    right: str, wrong: str, line: int, message: str, hint: str
) -> None:
    assert right in WHOLE
    source = WHOLE.replace(right, wrong, 1)
    if not line:
        assert read(source).title == "Tea"
        return
    with pytest.raises(BrokenWorkflow) as refused:
        read(source)
    faults = refused.value.faults
    assert [fault for fault in faults if fault.line == line and message in fault.message and hint in fault.hint], faults
    assert all(fault.hint for fault in faults), faults


def test_fifty_broken_definitions_are_told_with_a_line() -> None:
    assert sum(line > 0 for _, _, line, _, _ in BROKEN) >= 50


@pytest.mark.deep
def test_what_is_written_out_and_read_again_is_the_same() -> None:
    random, same = Random(9), 0
    while same < 60 * ROUNDS:
        source = json.dumps(any_definition(random))
        try:
            definition = read(source)
        except BrokenWorkflow:
            continue
        again = yaml.safe_dump(json.loads(source), allow_unicode=True, sort_keys=False)
        assert _lineless(read(again)) == _lineless(definition)
        same += 1


def _lineless(definition: Definition) -> Definition:
    steps = tuple(
        replace(step, line=0, transitions=tuple(replace(transition, condition=None) for transition in step.transitions))
        for step in definition.steps
    )
    return replace(definition, steps=steps, by_id={})


def test_a_definition_may_be_json_and_says_all_its_faults_at_once() -> None:
    assert [step.id for step in read('{"workflow": "wf", "title": "T", "steps": [{"say": "Hi"}, {"end": null}]}').steps] == [
        "say_1",
        "end_2",
    ]
    with pytest.raises(BrokenWorkflow) as refused:
        read("steps: [1, {say: 2}, {end: x, go: y}]")
    assert len(refused.value.faults) >= 5
    for hopeless in ("", "[]", "null", "a: " + "[" * 5_000, "&a [*a]", "\x00", "steps: {}", "? [1]\n: 2", "- " * 3_000):
        with pytest.raises(BrokenWorkflow):
            read(hopeless)


VALUES = {"a": 3, "b": ["x"], "c": None, "d": "cat", "e": True}


@pytest.mark.parametrize(
    ("text", "is_true"),
    [
        ("a == 3 and d == 'cat'", True),
        ("a > '2'", False),
        ("a >= 3 or c", True),
        ("not c and 'x' in b", True),
        ("d not in ['dog', 'cow']", True),
        ("1 < a < 5", True),
        ("e == 1", False),
        ("e == yes", True),
        ("c < 1", False),
        ("c == none", True),
        ("a > -1", True),
        ("steps.s == 'skipped'", False),
    ],
)
def test_conditions_compare(text: str, is_true: bool) -> None:
    assert conditions.holds(conditions.parsed(text, {*VALUES, "steps.s"}), VALUES) is is_true


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"abcde", "==", "<", "in", "not", "and", "or", "(", ")", "[", "]", ",", "1", "'x'", "-", ".", "x", "lambda:", "\\"]
        ),
        max_size=14,
    )
)
def test_no_condition_fails_but_by_its_own_refusal(parts: list[str]) -> None:
    try:
        tree = conditions.parsed(" ".join(parts), VALUES)
    except conditions.BadCondition:
        return
    assert conditions.holds(tree, VALUES) in (True, False)


@pytest.mark.parametrize(("page", "count"), [("workflows", 2)])
def test_what_the_documentation_shows_can_be_published(page: str, count: int) -> None:
    texts = DOCUMENTED.findall((ROOT / "docs" / f"{page}.md").read_text("utf-8"))
    assert [len(read(text).steps) > 1 for text in texts] == [True] * count


@pytest.mark.parametrize(
    ("old", "new", "line", "name"),
    [
        ("title: Tea", "title: Tea\ntitle: Coffee", 3, "title"),
        ("  cups: {", "  kind: {type: text}\n  cups: {", 5, "kind"),
        ("go: many}", "go: many, go: end}", 11, "go"),
    ],
)
def test_a_name_that_is_given_twice_is_a_fault_of_a_new_text_alone(old: str, new: str, line: int, name: str) -> None:
    source = WHOLE.replace(old, new, 1)
    with pytest.raises(BrokenWorkflow) as raised:
        read_new(source)
    (fault,) = raised.value.faults
    assert (fault.line, fault.hint) == (line, "Remove one of them.")
    assert f"“{name}” is given twice" in fault.message
    # What was stored before this was refused can still be read.
    assert read(source).slug == "tea"
