"""The text in the editor: where its faults are, and the correction of one. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.base.languages import gettext as _
from webapp.workflows.definition.parsing import WorkflowFault

WORD = re.compile(r"[\w.-]+|\S|\Z")
# What is said of a fault in the text, and of the same one at its field or step.
FAULT_SENTENCES = {
    "A %(type)s slot needs 2 to %(most)s options.": "Add at least two options.",
    "An option must be a text of at most 100 characters.": "An option can have at most 100 characters.",
    "Two options are the same.": "Two options are the same.",
    "“%(name)s” must be text of at most %(most)s characters.": "Write something here, at most %(most)s characters.",
    "“%(name)s” must be a number from %(least)s to %(most)s.": "Enter a number from %(least)s to %(most)s.",
    "A place for an answer is written {{name}}, with one name in it and nothing else.": "Two braces can only hold an answer.",
    "There is no answer named “%(name)s”.": "There is no answer named “%(name)s”.",
    "There is no step named “%(name)s”.": "That step is gone. Choose another one.",
    "There is no slot named “%(name)s”.": "There is no question for “%(name)s”.",
    "This condition can't be read.": "Enter what the answer is compared with.",
    "A condition can only compare answers, with and, or, not and in.": "Enter what the answer is compared with.",
    "“steps” must be a list of 1 to %(most)s steps.": "Add at least one step.",
    "This step does nothing yet.": "This step does nothing yet.",
    "Unknown step “%(name)s”.": "Unknown step “%(name)s”.",
    "“%(name)s” isn't known here.": "“%(name)s” isn't known here.",
    "“%(name)s” isn't a slot type.": "“%(name)s” isn't a type of answer.",
    "“%(name)s” is given twice, and only the last counts.": "“%(name)s” is given twice, and only the last counts.",
    "Two steps are named “%(name)s”.": "Another step has the same name, “%(name)s”.",
    "No step leads to “%(name)s”.": "No other step leads here.",
    "From “%(name)s” no run can end.": "From here, the workflow never ends. Give one of the steps in the loop a way out.",
    "“%(name)s” leads back to itself without a question.": "This leads back to itself without a question. Add one.",
    "This must be the name of a plan type.": "Choose a type of plan.",
    "There is no plan type named “%(name)s”.": "That type of plan is gone. Choose another one.",
    "This must be the key of a tool.": "Choose a tool.",
    "There is no tool “%(name)s” here, or it isn't allowed.": "There is no tool “%(name)s” here, or it isn't allowed.",
    "The tool “%(tool)s” needs “%(name)s” in its “arguments”.": "Add the argument “%(name)s”.",
    "The tool “%(tool)s” doesn't take “%(name)s”.": "This tool doesn't take the argument “%(name)s”.",
    "Did you mean “%(name)s”?": "Did you mean “%(name)s”?",
}
VALUE = re.compile(r"%\\\((\w+)\\\)s")
RAISED = {said: re.compile(VALUE.sub(r"(?P<\1>.+?)", re.escape(said)), re.DOTALL) for said in FAULT_SENTENCES}
# The fields of faults about something that the text doesn't have.
FIELD_OF = {
    "A %(type)s slot needs 2 to %(most)s options.": "options",
    "There is no plan type named “%(name)s”.": "text",
    "There is no tool “%(name)s” here, or it isn't allowed.": "text",
    "The tool “%(tool)s” needs “%(name)s” in its “arguments”.": "arguments",
    "The tool “%(tool)s” doesn't take “%(name)s”.": "arguments",
}


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """A fault with the part of the text that it is about, counted as browsers do, in UTF-16.

    `words` says it at its field or step, to people who don't read the text; `field` is that of something the text lacks.
    """

    line: int
    column: int
    message: str
    hint: str
    wrong: str
    meant: str
    start: int
    end: int
    words: str = ""
    field: str = ""


def placed(source: str, faults: Sequence[WorkflowFault]) -> list[PlacedFault]:
    lines = source.split("\n")
    return [_placed(source, lines, fault) for fault in faults]


def _placed(source: str, lines: list[str], fault: WorkflowFault) -> PlacedFault:
    start = _index(lines, fault.line, fault.column)
    match = WORD.search(source, start)
    end = start + len(fault.wrong) if fault.wrong else match.end() if match else start
    start, end = in_utf16(source[:start]), in_utf16(source[:end])
    said = next((said for said, pattern in RAISED.items() if pattern.fullmatch(fault.message)), "")
    hint = _in_words(fault.hint)
    # What is probably meant helps everyone; other hints speak YAML.
    words = f"{_in_words(fault.message, FAULT_SENTENCES)} {hint if fault.meant else ''}".strip()
    message = _in_words(fault.message)
    return PlacedFault(
        fault.line, fault.column, message, hint, fault.wrong, fault.meant, start, end, words, FIELD_OF.get(said, "")
    )


def _in_words(message: str, sentences: Mapping[str, str] | None = None) -> str:
    """Returns a sentence in the person's language, or what another table says instead; one that isn't known as it is."""
    for said, pattern in RAISED.items():
        if match := pattern.fullmatch(message):
            return _(sentences[said] if sentences else said) % match.groupdict()
    return message


def _index(lines: list[str], line: int, column: int) -> int:
    """Returns the index of a position; one behind the end of its line, or of the text, is that end."""
    row = min(max(line, 1), len(lines)) - 1
    return sum(len(text) + 1 for text in lines[:row]) + (min(max(column, 1) - 1, len(lines[row])) if row == line - 1 else 0)


def in_utf16(text: str) -> int:
    """Returns the length of a text as browsers count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def corrected(source: str, line: int, column: int, wrong: str, meant: str) -> str:
    """Returns the text with this word at this position replaced; unchanged if another one is there by now."""
    start = _index(source.split("\n"), line, column)
    return source[:start] + meant + source[start + len(wrong) :] if wrong and source.startswith(wrong, start) else source
