"""Step cards: what they show of a text, and that what they change is all that changes."""

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from webapp.workflows.definition.parsing import BrokenWorkflow, read_new
from webapp.workflows.editor.cards import CardRefused, NewCall, added, cards_of, edited, moved, removed, restored

TEXT = """# Tea for everybody
workflow: tea
title: Tea
slots:
  # What is drunk
  kind: {type: choice, options: [green, black], ask: "Which one?"}  # two are enough
  cups:
    type: number
    max: 9   # not more
  guests: {type: text}
steps:
  # The greeting
  - say: "Hello {{user.first_name}}!"  # by name

  - collect: kind
    # It depends.
    next: [{if: kind == "green", go: reply}, {go: cups}]
  - id: reply
    chat: |  # the task
      Talk about {{kind}}.

      Be brief.
    unknown: {a: [1, 2]}
    max_sentences: 3
  - collect: cups
  - set: {guests: "none"}
  - end: 'It''s over.'
# The end
"""


def lines_but(text: str, first: int, last: int) -> tuple[list[str], list[str]]:
    lines = text.split("\n")
    return lines[: first - 1], lines[last:]


def only_these_lines_differ(before: str, after: str, *ranges: tuple[int, int]) -> bool:
    """Returns whether a text has all lines of another in their order, but for those of these ranges."""
    number, rest = 0, after.split("\n")
    for number, line in enumerate(before.split("\n"), 1):
        if any(first <= number <= last for first, last in ranges):
            continue
        if line not in rest:
            return False
        rest = rest[rest.index(line) + 1 :]
    return number > 0


def test_a_card_shows_what_its_step_does_and_where_it_is() -> None:
    cards = cards_of(TEXT)
    assert [(card.label, card.line, card.last_line, card.text) for card in cards.cards] == [
        ("Says", 13, 13, "Hello {{user.first_name}}!"),
        ("Asks", 15, 17, "Which one?"),
        ("Model", 18, 24, "Talk about {{kind}}.\n\nBe brief."),
        ("Asks", 25, 25, "cups"),
        ("Sets", 26, 26, "guests"),
        ("End", 27, 27, "It's over."),
    ]
    assert cards.targets == ("kind", "reply", "cups")
    asks = cards.cards[1]
    assert asks.values == {
        "text": "Which one?",
        "type": "choice",
        "options": "green\nblack",
        "optional": "",
        "if_0": 'kind == "green"',
        "value_0": "",
        "go_0": "reply",
        "next": "cups",
    }
    assert asks.ways == ""
    assert cards.cards[4].why_not
    assert cards_of("steps: [").why_none == "The steps appear here once the error in line 1 is corrected."
    assert cards_of("").cards == cards_of("- a").cards == cards_of("steps: no").cards == ()


@pytest.mark.parametrize(
    ("index", "values", "old", "new"),
    [
        (0, {"text": "Good day: you"}, '"Hello {{user.first_name}}!"  #', '"Good day: you"  #'),
        (0, {"text": "Two\nlines"}, '"Hello {{user.first_name}}!"  #', None),
        (0, {"next": "cups"}, "# by name\n", "# by name\n    next: cups\n"),
        (1, {"text": "What, then?"}, '"Which one?"', '"What, then?"'),
        (1, {"options": "green\nyes\na, b"}, "[green, black]", '[green, "yes", "a, b"]'),
        (1, {"optional": "y"}, '"Which one?"}', '"Which one?", optional: true}'),
        (1, {"type": "text"}, "{type: choice, options: [green, black], ask", "{type: text, ask"),
        (2, {"text": "One\nTwo"}, "      Talk about {{kind}}.\n\n      Be brief.\n", "      One\n      Two\n"),
        (2, {"max_sentences": ""}, "    max_sentences: 3\n", ""),
        (2, {"max_sentences": "5"}, "max_sentences: 3", "max_sentences: 5"),
        (2, {"guidelines": "Warm."}, "max_sentences: 3\n", "max_sentences: 3\n    guidelines: Warm.\n"),
        (3, {"text": "How many?"}, "# not more\n", "# not more\n    ask: How many?\n"),
        (3, {"optional": "y", "text": "#?"}, "# not more\n", '# not more\n    ask: "#?"\n    optional: true\n'),
        (5, {"text": "Don't go"}, "'It''s over.'", "'Don''t go'"),
        (5, {"text": ""}, "'It''s over.'", "''"),
        (0, {"text": "Hello {{user.first_name}}!", "nothing": "x"}, "", ""),
    ],
)
def test_a_form_writes_what_was_changed_and_nothing_else(index: int, values: dict[str, str], old: str, new: str | None) -> None:
    text = edited(TEXT, index, values)
    if new is None:
        assert yaml.safe_load(text)["steps"][0]["say"] == "Two\nlines"
        return
    assert text == TEXT.replace(old, new, 1)


CALLS = """slots: {topic: {}, n: {type: number}}
steps:
  - id: look
    tool: search_web  # the web
    arguments:
      # What is asked
      query: "{{topic}} news"  # today's
      limit: {slot: n}
    next: [{go: end}]
  - {chat: Hi, tools: [search_web, chat]}
  - {tool: search_web, on_failure: [{go: end}]}
"""


@pytest.mark.parametrize(
    ("index", "values", "old", "new"),
    [
        (0, {"arguments": "query: {{topic}}\nlimit: {slot: n}"}, '"{{topic}} news"  #', '"{{topic}}"  #'),
        (0, {"arguments": "query: {{topic}} news\nlimit: 5"}, "{slot: n}", "5"),
        (
            0,
            {"arguments": "query: {{topic}} news\nlimit: {slot: n}\nx: 'on'"},
            "n}\n    next",
            'n}\n      x: "on"\n    next',
        ),
        (0, {"arguments": "query: {{topic}} news"}, "      limit: {slot: n}\n", ""),
        (0, {"into": "topic"}, "[{go: end}]\n  - {chat", "[{go: end}]\n    into: topic\n  - {chat"),
        (0, {"text": "search_documents", "into": ""}, "search_web  #", "search_documents  #"),
        (1, {"tools": "chat"}, "[search_web, chat]", "[chat]"),
        (2, {"arguments": "query: {{n}}"}, "[{go: end}]}", '[{go: end}], arguments: {query: "{{n}}"}}'),
        (0, {"arguments": "query: {{topic}} news\nlimit: {slot: n}"}, "", ""),
    ],
)
def test_the_form_of_a_call_writes_single_arguments(index: int, values: dict[str, str], old: str, new: str) -> None:
    assert not any(card.why_not for card in cards_of(CALLS).cards)
    assert edited(CALLS, index, values) == CALLS.replace(old, new, 1)


@pytest.mark.parametrize("entered", ["query", "query: [", "- a", "query: a\nquery: b", "a: " + "x" * 70_000])
def test_arguments_that_are_none_are_refused(entered: str) -> None:
    with pytest.raises(CardRefused, match="one per line"):
        edited(CALLS, 0, {"arguments": entered})


BRANCH = """slots:
  kind: {type: choice, options: [green, "a \\"b\\""]}
  cups: {type: number}
  fine: {type: yes/no, ask: "All fine?"}
steps:
  - collect: kind
  - branch: [{if: kind == 'green', go: kind}, {if: "cups > 2 and fine", go: end}, {go: last}]  # here
  - say: Hello!
  - {id: last, say: Bye}
"""


def test_the_ways_of_a_step_are_rows() -> None:
    card = cards_of(BRANCH).cards[1]
    assert not card.why_not
    assert card.values == {
        "if_0": 'kind == "green"',
        "value_0": "",
        "go_0": "kind",
        "if_1": "cups > 2 and fine",
        "value_1": "",
        "go_1": "end",
        "next": "last",
    }
    assert [[condition for condition, _ in options] for _, options in cards_of(BRANCH).comparisons] == [
        ['kind == "green"', "kind == 'a \"b\"'"],
        ["cups ==", "cups >", "cups >=", "cups <", "cups <="],
        ["fine", "not fine"],
    ]


@pytest.mark.parametrize(
    ("index", "values", "old", "new"),
    [
        (1, {"go_0": "last", "go_2": "end"}, "go: kind}", "go: last}"),
        (1, {"if_0": "not fine"}, "kind == 'green'", "not fine"),
        (1, {"if_0": "cups >=", "value_0": "2,5"}, "kind == 'green'", "cups >= 2.5"),
        (1, {"if_0": ""}, "{if: kind == 'green', go: kind}, {if: \"cups > 2 and fine\", go", "{if: cups > 2 and fine, go"),
        (1, {"if_2": "fine", "go_2": "kind"}, BRANCH.splitlines()[6][:-8], ""),
        (1, {"next": ""}, ", {go: last}]", "]"),
        (0, {"if_0": "fine", "go_0": "last"}, "kind\n  - b", "kind\n    next: [{if: fine, go: last}]\n  - b"),
        # A step without a name gets one.
        (3, {"next": "#2"}, "Bye}", "Bye, next: step_3}"),
    ],
)
def test_rows_write_single_ways(index: int, values: dict[str, str], old: str, new: str) -> None:
    text = edited(BRANCH, index, values)
    if "if_2" in values:
        assert yaml.safe_load(text)["steps"][1]["branch"][2] == {"if": "fine", "go": "kind"}
    elif "#2" in values.values():
        assert text == BRANCH.replace(old, new).replace("Hello!", "Hello!\n    id: step_3")
    else:
        assert yaml.safe_load(text) == yaml.safe_load(BRANCH.replace(old, new, 1))
        assert "# here" in text
    assert edited(text, index, cards_of(text).cards[index].values) == text


def test_a_branch_without_rows_leads_to_the_next_step() -> None:
    text = edited("steps:\n- branch: [{if: a, go: end}]\n- say: b\n", 0, {"if_0": ""})
    assert yaml.safe_load(text)["steps"] == [{"branch": [{"go": "step_2"}]}, {"say": "b", "id": "step_2"}]
    assert yaml.safe_load(added(BRANCH, "branch", 0)[0])["steps"][1] == {"branch": [{"if": "fine", "go": "end"}]}


def test_steps_are_moved_with_their_comments_and_removed_until_undone() -> None:
    down = moved(TEXT, 0, 1)
    assert down.index("- collect: kind") < down.index("# The greeting") < down.index("- say:") < down.index("- id: reply")
    assert moved(down, 1, 0) == TEXT
    text, line, lines = removed(TEXT, 0)
    assert (line, lines) == (12, '  # The greeting\n  - say: "Hello {{user.first_name}}!"  # by name\n\n')
    assert restored(text, line, lines) == TEXT
    assert moved(TEXT, 0, 9) == moved(TEXT, 9, 0) == TEXT
    for end in ("", "\n", "\n\n# bye"):
        short = f"steps:\n- say: a\n- say: b{end}"
        swapped = moved(short, 1, 0)
        assert swapped == f"steps:\n- say: b\n- say: a{end}"
        for index in (0, 1):
            text, line, lines = removed(short, index)
            assert restored(text, line, lines) == short


@pytest.mark.parametrize("verb", ["say", "collect", "chat", "generate", "tool", "branch", "end"])
@pytest.mark.parametrize("source", [TEXT, "", "workflow: tea", "steps:", "steps: []\nslots:", "steps:  # none\nslots: {}\n"])
def test_a_step_is_added_where_one_wants_it(verb: str, source: str) -> None:
    before = yaml.safe_load(source) or {}
    for after in (-1, 0, 99):
        text, index = added(source, verb, after, plan_type="weekly-card", tool=NewCall("search_web", ("query",)))
        value = yaml.safe_load(text)
        assert [verb, *(["arguments"] if verb == "tool" else [])] == list(value["steps"].pop(index))
        assert value["steps"] == (before.get("steps") or [])
        if verb == "collect":
            assert value["slots"].pop("question_1")["type"] == "text"
            assert not cards_of(text).cards[index].why_not
        assert (value.get("slots") or {}) == (before.get("slots") or {})
        assert only_these_lines_differ(source, text, *([(1, 2)] if "[]" in source or "{}" in source else []))


def test_what_is_in_brackets_is_edited_but_not_moved() -> None:
    text = json.dumps({"workflow": "wf", "title": "T", "steps": [{"say": "Hi"}, {"end": None}]})
    assert cards_of(text).why_fixed
    assert json.loads(edited(text, 0, {"text": "Good\nday", "next": "end"}))["steps"][0] == {"say": "Good\nday", "next": "end"}
    for refused in (lambda: moved(text, 0, 1), lambda: removed(text, 0), lambda: added(text, "say", 0)):
        with pytest.raises(CardRefused):
            refused()


@pytest.mark.parametrize(
    "change",
    [
        lambda: edited(TEXT, 4, {"text": "x"}),
        lambda: edited(TEXT, 9, {"text": "x"}),
        lambda: edited("a: [", 0, {}),
        lambda: edited("- a", 0, {}),
        lambda: edited(TEXT.replace("[green, black]", "\n      [green, # one\n      black]"), 1, {"options": "a\nb"}),
    ],
)
def test_a_change_that_would_touch_more_is_refused(change: Callable[[], str]) -> None:
    with pytest.raises(CardRefused):
        change()


WORDS = st.text(st.characters(blacklist_categories=["Cs"]) | st.sampled_from(list("#:-'\"{}[]|>\n ,&*!%@`")), max_size=30)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "text": WORDS,
        "guidelines": WORDS,
        "options": WORDS,
        "max_sentences": st.sampled_from(["", "1", "x", "-2", "٣"]),
        "type": st.sampled_from(["text", "choice", "multi", "number", ""]),
        "optional": st.sampled_from(["", "y"]),
        "next": st.sampled_from(["", "cups", "reply", "end", "no"]),
    },
)
SPACED = st.sampled_from(
    [TEXT, TEXT.replace("\n  -", "\n\n  # above\n  -"), TEXT.rstrip(), TEXT.replace("    # It depends.\n", "")]
)


@settings(max_examples=120, deadline=None)
@given(SPACED, st.integers(0, 5), VALUES)
def test_a_form_never_changes_other_lines(source: str, index: int, values: dict[str, str]) -> None:
    card = cards_of(source).cards[index]
    try:
        text = edited(source, index, values)
    except CardRefused:
        return
    slots = {1: 6, 3: 7}
    first = slots.get(index)
    ranges = [(card.line, card.last_line), *([(first, 9 if index == 3 else 6)] if first else [])]
    assert only_these_lines_differ(source, text, *ranges)
    assert source.count("#") <= text.count("#")
    again = cards_of(text).cards[index]
    # What was typed is what the form shows then, and writing it once more changes nothing.
    assert edited(text, index, again.values) == text
    steps, before = yaml.safe_load(text)["steps"], yaml.safe_load(source)["steps"]
    assert [step for number, step in enumerate(steps) if number != index] == [
        step for number, step in enumerate(before) if number != index
    ]


@settings(max_examples=60, deadline=None)
@given(SPACED, st.integers(0, 5), st.integers(0, 5))
def test_moving_there_and_back_is_nothing(source: str, index: int, to: int) -> None:
    there = moved(source, index, to)
    assert sorted(there.split("\n")) == sorted(source.split("\n"))
    assert yaml.safe_load(there)["steps"] != yaml.safe_load(source)["steps"] or index == to
    assert moved(there, to, index) == source
    text, line, lines = removed(source, index)
    assert restored(text, line, lines) == source


@settings(max_examples=120, deadline=None)
@given(SPACED)
def test_a_text_that_goes_through_its_cards_is_the_same(source: str) -> None:
    text = source
    for card in cards_of(source).cards:
        if not card.why_not:
            text = edited(text, card.index, card.values)
    assert text == source
    with pytest.raises(BrokenWorkflow) as raised:
        read_new(text)
    assert "unknown" in str(raised.value)
