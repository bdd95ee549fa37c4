"""Finds formulas in a text, between dollar signs or in brackets with a backslash; an amount of money is no formula. Pure."""

import re

from markdown_it.rules_inline import StateInline

from webapp.rendering.mathematics import is_formula

# How many closing marks are tried: a text full of dollar signs is no formula.
MOST_ENDS = 20
BRACKETS = {"\\(": ("\\)", False), "\\[": ("\\]", True)}
# Distinguishes a formula in brackets from words in brackets.
NOTATION = re.compile(r"[\\^_=+*/<>|]|\b\w'*\(|\A\s*\w{1,2}\s*\Z")
LETTER = re.compile(r"\w")
# An amount and a word: `$5 and 10$`.
MONEY = re.compile(r"\s*\d[\d.,]*\s+(?!\\)[^\W\d_]{2,}")


def formula(state: StateInline, silent: bool) -> bool:
    """The inline rule: `$a$`, `$$a$$`, `\\(a\\)` and `\\[a\\]`."""
    opening = state.src[state.pos : state.pos + 2]
    if opening in BRACKETS:
        return _in_brackets(state, *BRACKETS[opening], silent=silent)
    if opening[:1] != "$":
        return False
    return _between(state, "$$", silent=silent) if opening == "$$" else _between(state, "$", silent=silent)


def _in_brackets(state: StateInline, closing: str, is_display: bool, *, silent: bool) -> bool:
    start = state.pos + 2
    end = state.src.find(closing, start, state.posMax)
    latex = state.src[start:end]
    if end < 0 or not latex.strip():
        return False
    # Words in escaped brackets are no formula: the backslash keeps them from becoming a link.
    if not (NOTATION.search(latex) and LETTER.search(latex)):
        return False
    if not silent and is_formula(latex):
        _push(state, latex, end + 2, is_display)
    elif not silent:
        # It cannot be rendered, so it remains as it was written.
        state.push("text", "", 0).content = state.src[state.pos : end + 2]
    state.pos = end + 2
    return True


def _between(state: StateInline, mark: str, *, silent: bool) -> bool:
    start, is_display = state.pos + len(mark), mark == "$$"
    before, after = state.src[state.pos - 1 : state.pos], state.src[start : start + 1]
    if not is_display and (before.isalnum() or not after or after.isspace()):
        return False
    end = _end(state, mark, start)
    latex = state.src[start:end] if end >= 0 else ""
    if not latex.strip() or MONEY.match(latex) or not is_formula(latex):
        return False
    if not silent:
        _push(state, latex, end + len(mark), is_display)
    state.pos = end + len(mark)
    return True


def _end(state: StateInline, mark: str, start: int) -> int:
    """Returns the position of the closing mark, or -1."""
    end = start
    for _ in range(MOST_ENDS):
        end = state.src.find(mark, end, state.posMax)
        if end < 0 or mark == "$$":
            return end
        if _closes(state.src, end):
            return end
        end += 1
    return -1


def _closes(source: str, end: int) -> bool:
    before, after = source[end - 1], source[end + 1 : end + 2]
    return not (before.isspace() or before in "\\$" or after.isalnum() or after == "$")


def _push(state: StateInline, latex: str, end: int, is_display: bool) -> None:
    token = state.push("formula", "", 0)
    token.content, token.meta = latex, {"display": is_display, "written": state.src[state.pos : end]}
