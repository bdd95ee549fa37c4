"""The text scripts of a card, which other programs call regex scripts: they replace parts of messages. Pure.

They change what is shown and what is sent to models, never what is stored.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from webapp.base.untrusted_json import list_of
from webapp.characters.lore.expressions import EXPRESSION, compiled, trouble_of
from webapp.characters.macros.macros import Names

MOST_SCRIPTS, MOST_MATCHES = 50, 1_000
NAME_CHARS, EXPRESSION_CHARS, REPLACEMENT_CHARS = 120, 2_000, 20_000
MOST_TRIMS, TRIM_CHARS, MOST_DEPTH = 20, 200, 9_999
# Longer texts are left as they are: the worst expression takes a tenth of a second for these. So is a text that would become
# longer than a message can be.
TEXT_BYTES, RESULT_BYTES = 16_000, 64_000
# SillyTavern's numbers for what a script changes: messages of the person, those of the character, and lorebook entries.
PERSON, CHARACTER, LORE = 1, 2, 5
OF_ROLE = {"user": PERSON, "assistant": CHARACTER, "lore": LORE}
# SillyTavern's names for how names in an expression are filled in: not at all, as they are, or taken literally.
AS_IT_IS, LITERALLY = 1, 2
# The parts of a replacement that stand for the match or one of its groups.
GROUPS = re.compile(r"\{\{(match)\}\}|\$(\d{1,9})|\$<([^>]{1,100})>", re.IGNORECASE)
NEVER = "It changes neither messages of the person or the character nor lorebook entries."
TOO_LONG = "It's too long."
# Possessive, so that unclosed tags take no longer than others.
HTML_TAG = re.compile(r"</?([a-zA-Z][\w-]*+)[^<>]*+>|<![^<>]*+>")
UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script|head|title|template|svg)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)
BLOCKS = {"p", "div", "br", "hr", "li", "ul", "ol", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "center"}
KEPT = {"<details": "\n\n<details>\n", "</details": "\n\n</details>\n\n", "<summary": "<summary>", "</summary": "</summary>\n\n"}
AROUND = re.compile(r"[ \t]*+\n[ \t]*+")
MANY = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class TextScript:
    """One script. Its depth counts messages from the end of the chat, where the last message has 0."""

    name: str
    expression: str
    replacement: str = ""
    trims: tuple[str, ...] = ()
    placements: tuple[int, ...] = (CHARACTER,)
    is_enabled: bool = True
    is_shown: bool = True
    is_sent: bool = True
    least_depth: int | None = None
    most_depth: int | None = None
    naming: int = 0

    @property
    def trouble(self) -> str:
        """Why the script can't be used here; empty if it can."""
        if max(len(self.expression) - EXPRESSION_CHARS, len(self.replacement) - REPLACEMENT_CHARS) > 0:
            return TOO_LONG
        return trouble_of(*parted(self.expression)) if self.is_applied else NEVER

    @property
    def is_applied(self) -> bool:
        return any(placement in self.placements for placement in OF_ROLE.values())

    def fits(self, role: str, depth: int | None) -> bool:
        """Returns whether the script changes a message or, with the role `lore`, an entry of a lorebook.

        What has no depth fits any: messages that are hidden from models, and entries that are not among the messages.
        """
        return OF_ROLE.get(role) in self.placements and self._reaches(depth)

    def _reaches(self, depth: int | None) -> bool:
        is_deep_enough = depth is None or self.least_depth is None or depth >= self.least_depth
        return is_deep_enough and (depth is None or self.most_depth is None or depth <= self.most_depth)


def scripts_in(values: Any) -> list[TextScript]:
    """Returns the text scripts of a card, in order; entries of an unknown form are skipped."""
    return [script for value in list_of(values) if (script := script_of(value))]


def script_of(value: Any) -> TextScript | None:
    """Parses one entry of `regex_scripts`; None if it has no expression."""
    if not isinstance(value, Mapping) or not (expression := _text(value.get("findRegex"))):
        return None
    is_shown_only, is_sent_only = value.get("markdownOnly") is True, value.get("promptOnly") is True
    placements, trims = value.get("placement"), value.get("trimStrings")
    return TextScript(
        " ".join(_text(value.get("scriptName")).split())[:NAME_CHARS],
        expression,
        _text(value.get("replaceString")),
        tuple(trim[:TRIM_CHARS] for trim in list_of(trims) if isinstance(trim, str) and trim)[:MOST_TRIMS],
        tuple(placement for placement in list_of(placements) if type(placement) is int)[:MOST_TRIMS],
        is_enabled=value.get("disabled") is not True,
        # With neither of them, SillyTavern changes the message itself, which then is shown and sent.
        is_shown=is_shown_only or not is_sent_only,
        is_sent=is_sent_only or not is_shown_only,
        least_depth=_depth(value.get("minDepth")),
        most_depth=_depth(value.get("maxDepth")),
        naming=number if type(number := value.get("substituteRegex")) is int else 0,
    )


def usable(scripts: Iterable[TextScript]) -> list[TextScript]:
    """Returns the first scripts that are on and can be used."""
    return list(islice((script for script in scripts if script.is_enabled and not script.trouble), MOST_SCRIPTS))


def for_pages(scripts: Iterable[TextScript]) -> tuple[TextScript, ...]:
    """Returns the scripts for what is shown, without HTML, which pages don't interpret."""
    shown = (script for script in scripts if script.is_shown)
    return tuple(replace(script, replacement=without_html(script.replacement)) for script in shown)


def for_prompts(scripts: Iterable[TextScript]) -> tuple[TextScript, ...]:
    return tuple(script for script in scripts if script.is_sent)


def has_names(scripts: Iterable[TextScript]) -> bool:
    """Returns whether `named` would change any of these scripts."""
    return any("{{" in text for script in scripts for text in (script.expression, script.replacement, *script.trims))


def named(scripts: Iterable[TextScript], names: Names) -> tuple[TextScript, ...]:
    """Returns the scripts with `{{user}}` and `{{char}}` filled in."""
    literally = Names(re.escape(names.user), re.escape(names.char))
    ways = {AS_IT_IS: names.fill_names, LITERALLY: literally.fill_names}
    return tuple(
        replace(
            script,
            expression=ways.get(script.naming, str)(script.expression),
            replacement=names.fill_names(script.replacement),
            trims=tuple(map(names.fill_names, script.trims)),
        )
        for script in scripts
    )


def applied(scripts: Sequence[TextScript], text: str, is_late: Callable[[], bool] = lambda: False) -> str:
    """Returns the text as these scripts change it, one after the other; those for which there is no time change nothing."""
    for script in scripts:
        if is_late():
            break
        text = _replaced(script, text, is_late)
    return text


def parted(expression: str) -> tuple[str, str]:
    """Splits an expression into pattern and flags; without slashes, all of it is the pattern."""
    match = EXPRESSION.fullmatch(expression)
    return (match[1], match[2]) if match else (expression, "")


def _replaced(script: TextScript, text: str, is_late: Callable[[], bool]) -> str:
    # In bytes: RE2 counts them, and finding the characters again would take most of the time.
    (pattern, flags), content = parted(script.expression), text.encode("utf-8", "replace")
    expression = compiled(pattern, flags) if len(content) <= TEXT_BYTES else None
    if not expression:
        return text
    parts, end, length = list[bytes](), 0, len(content)
    for match in islice(expression.finditer(content), MOST_MATCHES if "g" in flags else 1):
        start = match.start()
        if content[start : start + 1] and content[start] & 0xC0 == 0x80:
            # An empty match within a character.
            continue
        pieces = (piece if isinstance(piece, bytes) else _group(script, match, piece[0]) for piece in _pieces(script.replacement))
        parts += content[end:start], (new := b"".join(pieces))
        end, length = match.end(), length + len(new)
        if length > RESULT_BYTES or is_late():
            return text
    return b"".join((*parts, content[end:])).decode("utf-8", "replace") if parts else text


def _group(script: TextScript, match: Any, group: int | str) -> bytes:
    try:
        text: bytes = match.group(group) or b""
    except IndexError:
        return b""
    for trim in script.trims:
        text = text.replace(trim.encode("utf-8", "replace"), b"")
    return text


@lru_cache(maxsize=512)
def _pieces(replacement: str) -> list[bytes | tuple[str | int]]:
    """Splits a replacement into texts and, each in a tuple, the groups between them."""
    pieces, end = list[bytes | tuple[str | int]](), 0
    for match in GROUPS.finditer(replacement):
        pieces.append(replacement[end : match.start()].encode("utf-8", "replace"))
        pieces.append((0,) if match[1] else (int(match[2]),) if match[2] else (match[3],))
        end = match.end()
    return [*pieces, replacement[end:].encode("utf-8", "replace")]


def _text(value: Any) -> str:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else ""


def _depth(value: Any) -> int | None:
    """Returns a depth as SillyTavern understands it: other values, and those below 0, are no limit."""
    return min(value, MOST_DEPTH) if type(value) is int and value >= 0 else None


def without_html(replacement: str) -> str:
    """Returns the replacement as Markdown; code blocks stay as they are, and so does a text without tags."""
    parts = FENCE.split(replacement)
    return "".join(part if number % 2 else _markdown_of(part) for number, part in enumerate(parts))


def _markdown_of(html: str) -> str:
    if not HTML_TAG.search(html):
        return html
    # Indented lines would become code.
    return MANY.sub("\n\n", AROUND.sub("\n", HTML_TAG.sub(_tag_text, UNSEEN.sub("", html)))).strip(" \t")


def _tag_text(match: re.Match[str]) -> str:
    name = (match[1] or "").lower()
    return KEPT.get(f"{'</' if match[0].startswith('</') else '<'}{name}") or ("\n" if name in BLOCKS else "")
