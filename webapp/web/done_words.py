"""What a page says has just been done: a redirect names it in the address, and the page knows its sentence."""

from collections.abc import Mapping

from flask import request


def just_done(sentences: Mapping[str, str]) -> str:
    """The sentence for what the address names; nothing for a name that is none."""
    return sentences.get(request.args.get("done", ""), "")
