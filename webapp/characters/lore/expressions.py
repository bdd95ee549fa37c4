"""Regular expressions as other programs write them, for RE2, which takes time linear in the text. Pure."""

import re
from functools import lru_cache
from typing import Any

EXPRESSION = re.compile(r"/(.+)/([a-z]{0,8})", re.DOTALL)
# The most memory of one expression: with more, the worst ones take seconds. One that needs more is not used.
MEMORY = 32 * 1024
# What RE2 writes differently from JavaScript: characters by number, needless backslashes, and "any character".
ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\(.)|(\[\^\])", re.DOTALL)
LOOKS = "Look-ahead and look-behind can't be used."
TROUBLES = (
    (b"(?=", LOOKS),
    (b"(?!", LOOKS),
    (b"(?<", LOOKS),
    (b"(?>", "Atomic groups can't be used."),
    (b"repetition", "It repeats something in a way that can't be used."),
    (b"too large", "It's too large."),
)
REFERENCE = re.compile(rb"invalid escape sequence: \\[1-9k]")
INVALID = "It isn't a valid regular expression."


def compiled(pattern: str, flags: str) -> Any:
    """Compiles an untrusted expression; None for one that can't be used."""
    return _made(pattern, flags)[0]


def trouble_of(pattern: str, flags: str) -> str:
    """Returns why an expression can't be used; empty if it can."""
    return _made(pattern, flags)[1]


@lru_cache(maxsize=512)
def _made(pattern: str, flags: str) -> tuple[Any, str]:
    # Imported on first use, because it takes a megabyte and most characters have no expressions.
    import re2

    options = re2.Options()
    options.log_errors, options.max_mem, options.case_sensitive = False, MEMORY, "i" not in flags
    marks, pattern = "".join(flag for flag in "sm" if flag in flags), ESCAPE.sub(_rewritten, pattern)
    try:
        return re2.compile(f"(?{marks}){pattern}" if marks else pattern, options), ""
    except re2.error as error:
        return None, _words(error.args[0])
    except UnicodeEncodeError:
        # Half of a surrogate pair.
        return None, INVALID


def _rewritten(match: re.Match[str]) -> str:
    if match[4]:
        return r"[\s\S]"
    if number := match[1] or match[2]:
        return rf"\x{{{number}}}"
    return match[0] if match[3].isascii() else match[3]


def _words(trouble: bytes) -> str:
    if REFERENCE.search(trouble):
        return "References to an earlier group can't be used."
    return next((words for sign, words in TROUBLES if sign in trouble), INVALID)
