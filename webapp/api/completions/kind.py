"""The kind of generation for completions that belong to no chat: the caller reads each once."""

from webapp.engine.kinds import Kind

DOOR = Kind("door", "OpenAI-compatible API")
