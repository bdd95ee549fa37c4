"""Confirmations after a redirect: the URL names what was done, and the page has a sentence for it."""

from collections.abc import Mapping

from flask import request


def done_message(sentences: Mapping[str, str]) -> str:
    """Returns the sentence for the `done` parameter of the URL; empty for an unknown one."""
    return sentences.get(request.args.get("done", ""), "")
