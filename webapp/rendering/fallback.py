"""Shows a text whose rendering failed, as plain characters. Pure."""

import logging
import sys
from functools import partial
from html import escape

from webapp.rendering import on_loop
from webapp.streaming.failure import MISTAKES

log = logging.getLogger("chat:rendering")

# The class of a panic in a library written in Rust: it derives only from `BaseException`, and no module exports it.
PANIC = ("pyo3_runtime", "PanicException")


def faults() -> tuple[type[BaseException], ...]:
    """Returns the exceptions that a bug in a renderer raises, also in one written in Rust.

    Call it in the `except` clause: the class of a panic is created when the first one happens.
    """
    return *MISTAKES, *(
        subclass for subclass in BaseException.__subclasses__() if (subclass.__module__, subclass.__name__) == PANIC
    )


def unrendered(text: str, cursor: str = "") -> str:
    """Returns the text as one paragraph and logs the current exception; for use where a renderer failed."""
    words = "a text of %d characters can't be rendered and is shown as it is"
    on_loop.run(partial(log.error, words, len(text), exc_info=sys.exc_info()))
    return as_paragraph(text, cursor)


def as_paragraph(text: str, cursor: str = "") -> str:
    """Returns the text as one paragraph with line breaks, but without other markup."""
    return f"<p>{as_lines(text.lstrip())}{cursor}</p>\n"


def as_lines(text: str) -> str:
    """Escapes the characters as HTML; replaces lone surrogates."""
    whole = text.encode("utf-8", "replace").decode()
    return escape(whole, quote=False).replace("\n", "<br>\n")
