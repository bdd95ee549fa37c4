"""Files of environment variables, read as systemd reads an `EnvironmentFile` (`systemd.exec(5)`). Pure.

`#` and `;` begin a line of comment. Text in single quotes stands as it is; in double quotes a backslash takes the special meaning
from `"`, `$`, a backquote and itself; both kinds of quotes may span lines. Elsewhere a backslash takes the next character as it
stands, and joins two lines. Nothing is expanded. One rule comes from `.env` files: ` # …` after a value without quotes is a
comment.
"""

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTED = re.compile(r"""[ \t]*(?:'([^']*)(?:'|\Z)|"((?:[^"\\]|\\.|\\\Z)*)(?:"|\Z))""", re.DOTALL)
BARE = re.compile(r"\\.|[^\\\n]", re.DOTALL)
ESCAPED_IN_QUOTES = re.compile(r'\\(?:\n|(["\\$`]))')
BLANK = (" ", "\t")


def parse(text: str) -> tuple[dict[str, str], list[int]]:
    """Returns the variables of a file, the last value of each, and the numbers of the lines that set nothing."""
    values, wrong, at = dict[str, str](), list[int](), 0
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    while at < len(text):
        end = text.find("\n", at) % (len(text) + 1)
        line = text[at:end].strip()
        name, is_set, _ = line.partition("=")
        if is_set and NAME.fullmatch(name.strip()):
            values[name.strip()], end = _value(text, text.index("=", at) + 1)
        elif line and line[0] not in "#;":
            wrong.append(text.count("\n", 0, at) + 1)
        at = end + 1
    return values, wrong


def _value(text: str, at: int) -> tuple[str, int]:
    """Returns the value that begins there, and where it ends: text in quotes, and then text without."""
    value = ""
    while match := QUOTED.match(text, at):
        value, at = value + (match[1] or ESCAPED_IN_QUOTES.sub(r"\1", match[2] or "")), match.end()
    bare = list[str]()
    while match := BARE.match(text, at):
        bare.append(match[0])
        at = match.end()
    return value + _bare_value(bare), at


def _bare_value(characters: list[str]) -> str:
    comment = (at for at in range(1, len(characters)) if characters[at] == "#" and characters[at - 1] in BLANK)
    del characters[next(comment, len(characters)) :]
    while characters and characters[-1] in BLANK:
        characters.pop()
    while characters and characters[0] in BLANK:
        characters.pop(0)
    return "".join(character[1:].replace("\n", "") if character[0] == "\\" else character for character in characters)
