"""Faults of YAML in plain words: what was found, what was meant, and at which line."""

import pytest

from webapp.base.yaml_faults import HINT, ParserMessage, explained
from webapp.base.yaml_text import UnreadableYaml, read

# A text, the line of its fault, what is said of it, and what is advised.
FAULTS = [
    ("title: Tea: green\n", 1, "This text has a colon in it", 'Put the text in quotes: title: "Tea: green"'),
    ('steps:\n  - say: He said: "Hi"\n', 2, "This text has a colon in it", "Put the text in quotes: say: 'He said: \"Hi\"'"),
    ("title: Tea\n  about: x\n", 2, "indented further than the one above", "Line both up"),
    ("title: Tea\nabout\nsteps: 1\n", 2, "“about” has no colon.", "Write a colon after a name."),
    ("title: Tea\nabout:Tea\nsteps: []\n", 2, "no space after the colon of “about”", "Write about: Tea"),
    ("slots:\n\tmood: x\n", 2, "indented with a tab", "Use spaces"),
    ('title: "Tea\nabout: x\n', 1, 'never closed: "', 'Add " at the end'),
    ("title: 'Tea\nabout: x\n", 1, "never closed: '", "Add ' at the end"),
    ('title: "Tea" green\n', 1, "The quoted text ends before “green”.", "the other way round"),
    ("title: 'it's'\n", 1, "The quoted text ends before “s'”.", "the other way round"),
    ("options: [a, b\nsteps: x\n", 1, "never closed: [", "Add ] behind the last entry."),
    ("options: [a, b\n", 1, "never closed: [", "Add ]"),
    ("slots: {a: 1\n", 1, "never closed: {", "Add }"),
    ('options: ["a" "b"]\n', 1, "comma missing", "Separate them"),
    ("x: [a}\n", 1, "must close with ]", "Write ] here."),
    ("x: ]\n", 1, "was never opened", "Remove it"),
    ("slots:\n    a: 1\n  b: 2\n", 3, "indented differently", "same number of spaces"),
    ("steps:\n    - say: a\n  - say: b\n", 3, "indented differently", "same number of spaces"),
    ("steps:\n  - say: a\n  -say: b\n", 3, "no space after the hyphen", "Write - say: b"),
    ("- say: x\nfoo: 1\n", 2, "“foo: 1” is in a list without a hyphen", "Begin it with a hyphen"),
    ("title: Tea\n- say: x\n", 2, "list item where a name is expected", "steps:"),
    ("title: @ben\n", 1, "A text can't begin with @", 'Put it in quotes: "@ben"'),
    ("title: `x`\n", 1, "A text can't begin with `", 'Put it in quotes: "`x`"'),
    ("x: , a\n", 1, "A text can't begin with ,", "quotes"),
    ("%x: 1\n", 1, "A line can't begin with %", "quotes"),
    ("title: !x y\n", 1, "tag in YAML", "exclamation mark"),
    ('title: "a\\q"\n', 1, "backslash before “q”", "two backslashes"),
    ("a: 1\n---\nb: 2\n", 2, "three hyphens", "only one"),
    ("title: |x\n", 1, "| or >", "next line"),
    ("title: > hello\n", 1, "| or >", "next line"),
    ("say: {{name}}\n", 1, "begins with { needs quotes", 'Write "{{name}}"'),
    ("say: {{name}} hi\n", 1, "after the closing bracket: “hi”", "in quotes"),
    ("[a]: 1\n", 1, "can't be a name", "before the colon"),
    ("say: - hello\n", 1, "on the line of its name", "next line"),
    ("title: Tea\na: \x07\n", 2, "can't be seen", "type the text again"),
    ("a: .nan\n", 1, "can't be stored", HINT),
    ("title: *bold\n", 1, "anchors and aliases", "Write it out"),
]


@pytest.mark.parametrize(("source", "line", "message", "hint"), FAULTS)
def test_a_fault_is_said_in_plain_words_at_its_line(source: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(UnreadableYaml) as refused:
        read(source, "workflow")

    assert message in str(refused.value)
    assert hint in refused.value.hint
    assert refused.value.line == line


def test_a_name_that_is_given_twice_is_refused_in_a_new_text() -> None:
    with pytest.raises(UnreadableYaml, match="“a” is given twice") as refused:
        read("a: 1\na: 2\n", "plan type", is_new=True)

    assert refused.value.line == 2


def test_a_fault_that_is_not_known_gets_a_general_sentence() -> None:
    fault = explained("a: 1\n", ParserMessage("something odd", (9, 4)))

    assert (fault.line, fault.message, fault.hint) == (9, "This can't be read.", HINT)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(UnreadableYaml) as refused:
        read(f"title: Tea: {'x' * 5_000}\n", "workflow")

    assert len(f"{refused.value}{refused.value.hint}") < 300
