"""Says in plain words why a text isn't YAML: what was found, what was probably meant, and at which line. Pure."""

import re
from dataclasses import dataclass

HINT = "Indent with spaces, close every bracket, and put texts with a colon or a # in quotes."
SPACES = "Lines of the same level begin with the same number of spaces."
CLOSING = {"[": "]", "{": "}"}
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class YamlFault:
    """A sentence about a position, by line and column from 1, and how to put it right."""

    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class ParserMessage:
    """What PyYAML says: its problem, where it noticed it, and what it was reading, which began at `since`."""

    problem: str
    at: Position
    context: str = ""
    since: Position | None = None

    @property
    def begin(self) -> Position:
        return self.since or self.at


def explained(source: str, said: ParserMessage) -> YamlFault:
    """Returns the fault in words; a general sentence for one that isn't known."""
    lines = source.split("\n")
    for pattern, explain in _EXPLANATIONS:
        if re.search(pattern, f"{said.context}: {said.problem}"):
            return explain(lines, said)
    return YamlFault(*said.at, "This can't be read.", HINT)


def _colon(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.at)
    if name := re.match(r"\s*(?:- +)*([\w-]+): +", text[: said.at[1] - 1]):
        words = f"Put the text in quotes: {name[1]}: {_quoted(text[name.end() :])}"
        return YamlFault(*said.at, "This text has a colon in it, which begins a value in YAML.", words)
    message = "This line is indented further than the one above, which already has a value."
    return YamlFault(*said.at, message, "Line both up, or end the one above after its colon.")


def _no_colon(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.begin)[said.begin[1] - 1 :].strip()
    if pair := re.match(r"([\w-]+):(\S.*)", text):
        words = f"Write {_short(f'{pair[1]}: {pair[2]}')}"
        return YamlFault(*said.begin, f"There is no space after the colon of “{_short(pair[1])}”.", words)
    words = "Write a colon after a name. Indent the line if it continues the text above."
    return YamlFault(*said.begin, f"“{_short(text)}” has no colon.", words)


def _tab(lines: list[str], said: ParserMessage) -> YamlFault:
    return YamlFault(*said.at, "This line is indented with a tab.", "Use spaces instead, two for each level.")


def _open_quote(lines: list[str], said: ParserMessage) -> YamlFault:
    quote = _line(lines, said.begin)[said.begin[1] - 1 :][:1] or '"'
    return YamlFault(*said.begin, f"The quote that opens here is never closed: {quote}", f"Add {quote} at the end of the text.")


def _after_value(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.at)
    before, rest = text[: said.at[1] - 1].rstrip(), _short(text[said.at[1] - 1 :].strip())
    if before.endswith(("]", "}")):
        words = "Put a text that begins with a bracket in quotes."
        return YamlFault(*said.at, f"There is more text after the closing bracket: “{rest}”.", words)
    if before.endswith(('"', "'")):
        words = "Put a text that has ' in it in \" quotes, and the other way round."
        return YamlFault(*said.at, f"The quoted text ends before “{rest}”.", words)
    return YamlFault(*said.at, f"“{rest}” isn't expected here.", SPACES)


def _other_level(lines: list[str], said: ParserMessage) -> YamlFault:
    return YamlFault(*said.at, "This line is indented differently from those that it belongs with.", SPACES)


def _item(lines: list[str], said: ParserMessage) -> YamlFault:
    words = "Put the list below a name with a colon, such as steps:"
    return YamlFault(*said.at, "There is a list item where a name is expected.", words)


def _name_in_list(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.at).strip()
    if glued := re.match(r"-(\w.*)", text):
        return YamlFault(*said.at, "There is no space after the hyphen.", f"Write - {_short(glued[1])}")
    words = "Begin it with a hyphen, or indent it as far as the text above."
    return YamlFault(*said.at, f"“{_short(text)}” is in a list without a hyphen.", words)


def _bracket(lines: list[str], said: ParserMessage) -> YamlFault:
    opening = _line(lines, said.begin)[said.begin[1] - 1 :][:1] or "["
    wanted, text = CLOSING.get(opening, "]"), _line(lines, said.at)
    if text[said.at[1] - 1 :][:1] in CLOSING.values():
        return YamlFault(*said.at, f"A bracket that opens with {opening} must close with {wanted}", f"Write {wanted} here.")
    if said.at[0] == said.begin[0] and wanted in text[said.at[1] - 1 :]:
        words = "Separate them with a comma, or put a text in quotes."
        return YamlFault(*said.at, "There is a comma missing between two entries.", words)
    words = f"Add {wanted} behind the last entry."
    return YamlFault(*said.begin, f"The bracket that opens here is never closed: {opening}", words)


def _no_value(lines: list[str], said: ParserMessage) -> YamlFault:
    sign = _line(lines, said.at)[said.at[1] - 1 :][:1]
    if sign in CLOSING.values():
        words = "Remove it, or put the text in quotes."
        return YamlFault(*said.at, f"The bracket {sign} closes here but was never opened.", words)
    return _first_sign(lines, said)


def _first_sign(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.at)[said.at[1] - 1 :].strip()
    return YamlFault(*said.at, f"A text can't begin with {text[:1]}", f"Put it in quotes: {_quoted(text)}")


def _percent(lines: list[str], said: ParserMessage) -> YamlFault:
    return YamlFault(*said.begin, "A line can't begin with %", "Put the name in quotes, or remove the line.")


def _tag(lines: list[str], said: ParserMessage) -> YamlFault:
    words = "Put the text in quotes, or remove the exclamation mark."
    return YamlFault(*said.at, "A text that begins with ! is a tag in YAML, which isn't supported here.", words)


def _escape(lines: list[str], said: ParserMessage) -> YamlFault:
    sign = _line(lines, said.at)[said.at[1] - 1 :][:1]
    words = "Write two backslashes, or put the text in ' quotes."
    return YamlFault(*said.at, f"A backslash before “{sign}” means nothing in quotes.", words)


def _second_text(lines: list[str], said: ParserMessage) -> YamlFault:
    return YamlFault(*said.at, "This line of three hyphens begins another text.", "Remove it: there can be only one.")


def _block(lines: list[str], said: ParserMessage) -> YamlFault:
    words = "Begin the text on the next line, indented, or remove the sign."
    return YamlFault(*said.at, "There is text on the line of | or >, which only announce it.", words)


def _brackets_as_name(lines: list[str], said: ParserMessage) -> YamlFault:
    text = _line(lines, said.begin)[said.begin[1] - 1 :].strip()
    if text.startswith("{"):
        return YamlFault(*said.begin, "A text that begins with { needs quotes.", f"Write {_quoted(text)}")
    return YamlFault(*said.begin, "A list or a mapping can't be a name.", "Write a name before the colon.")


def _list_beside_name(lines: list[str], said: ParserMessage) -> YamlFault:
    words = "Begin the list on the next line. If it is a text, put it in quotes."
    return YamlFault(*said.at, "A list can't begin on the line of its name.", words)


def _unseen(lines: list[str], said: ParserMessage) -> YamlFault:
    return YamlFault(*said.at, "There is a character here that can't be seen.", "Delete it, and type the text again.")


# What PyYAML says of a fault, with what it was reading, and who explains it; the first that fits does.
_EXPLANATIONS = (
    (r"mapping values are not allowed", _colon),
    (r"could not find expected ':'", _no_colon),
    (r"character '\\t'", _tab),
    (r"quoted scalar: found unexpected", _open_quote),
    (r"unknown escape character|expected escape sequence", _escape),
    (r"block collection: expected <block end>, but found '(\?|<block mapping start>|:)'", _name_in_list),
    (r"block mapping: expected <block end>, but found '-'", _item),
    (r"expected <block end>, but found '<block", _other_level),
    (r"expected <block end>, but found", _after_value),
    (r"expected ',' or '[\]}]'", _bracket),
    (r"expected the node content", _no_value),
    (r"cannot start any token", _first_sign),
    (r"scanning a directive", _percent),
    (r"constructor for the tag|scanning a tag|parsing a node: found undefined tag", _tag),
    (r"another document", _second_text),
    (r"block scalar", _block),
    (r"unhashable key", _brackets_as_name),
    (r"sequence entries are not allowed", _list_beside_name),
    (r"unacceptable character", _unseen),
)


def _line(lines: list[str], at: Position) -> str:
    return lines[at[0] - 1] if at[0] <= len(lines) else ""


def _quoted(text: str) -> str:
    text = text.strip()
    return f"'{_short(text)}'" if '"' in text else f'"{_short(text)}"'


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
