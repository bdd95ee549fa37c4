"""What is shown of a text where rendering it fails: its characters, as they are. Pure."""

import logging
from html import escape

from webapp.streaming.failure import MISTAKES

log = logging.getLogger("chat:rendering")

# The class of a panic in a library written in Rust: it derives from nothing but `BaseException`, and is in no module.
PANIC = ("pyo3_runtime", "PanicException")


def faults() -> tuple[type[BaseException], ...]:
    """What a mistake in a renderer raises, also in one written in Rust.

    To be asked for in the `except` clause: the class of a panic is made when the first one happens.
    """
    return *MISTAKES, *(each for each in BaseException.__subclasses__() if (each.__module__, each.__name__) == PANIC)


def unrendered(text: str, cursor: str = "") -> str:
    """The text as one paragraph; called where a renderer has failed, which is logged."""
    log.exception("a text of %d characters can't be rendered and is shown as it is", len(text))
    return as_paragraph(text, cursor)


def as_paragraph(text: str, cursor: str = "") -> str:
    """The text as one paragraph without any markup but its lines."""
    return f"<p>{as_lines(text.lstrip())}{cursor}</p>\n"


def as_lines(text: str) -> str:
    """The characters as HTML, half ones replaced."""
    whole = text.encode("utf-8", "replace").decode()
    return escape(whole, quote=False).replace("\n", "<br>\n")
