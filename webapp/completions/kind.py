"""Completions that belong to no chat: the caller reads them once."""

from webapp.engine.kinds import Kind

DOOR = Kind("door", "OpenAI-compatible API")
