"""Prints docs/configuration.md from the tables of variables and settings, so that they never differ."""

from collections.abc import Iterable

from webapp.settings.catalog import SECTIONS, Setting
from webapp.variables import VARIABLES, Variable

HEAD = """\
# Configuration

There are two kinds. An operator sets *variables* in the environment before the start; owners and admins change *settings* in
the browser while it runs. Neither needs anything: `make run` works with an empty environment. This page is made from the code
by `python -m scripts.reference`.

## Variables

They are read once, at the start. A value that cannot be used stops the start, with the name of the variable, what is wrong
with it and an example. An empty variable means its default, except for the two keys, which may be unset but not empty. Those
marked *secret* can be read from a file: `SECRET_KEY_FILE=/run/secrets/secret_key` in place of `SECRET_KEY`.
[.env.example](../.env.example) holds the same list to copy.

"""
SETTINGS = """
## Settings

*Admin → Settings*, `PUT /api/v1/settings/NAME`, or `flask settings set NAME VALUE` on the server. A running server follows
within a second. For those that have a variable too, the environment is the default, a stored value wins, and the page says
which is in effect.

```sh
curl -sS "$BASE/api/v1/settings/limits.concurrent_streams" -H "Authorization: Bearer $TOKEN"
```

In a list the parts stand with commas or spaces between them; a switch is `true` or `false`. `flask settings unset NAME` goes
back to the default.
"""
# What is worth knowing of a section beyond its sentences.
NOTES = {
    "Keeping": """
Chats and messages go within a quarter of an hour after their time. Characters, personas and entries of the audit log go at the
next start or with the next deletion; so do chats and messages when `trash.days` was 0 until now.
"""
}
TAIL = """
## Log lines

They go to standard error, one line each, in UTC, without secrets and without the text of messages. `LOG_FORMAT=json` makes an
object of each; every answer leaves a `stream_finished`:

```json
{"time": "2026-03-01T12:00:00.000Z", "level": "INFO", "logger": "chat:streaming", "message": "stream_finished",
 "user_id": "01h…", "session_id": "01h…", "streaming": true, "processing_time_ms": 2140, "chunk_count": 61,
 "success": true, "model_used": "openai/gpt-4o-mini", "fallback_used": false,
 "generation_id": "01h…", "status": "completed", "reason": "stop"}
```

`DEBUG` names the loggers whose detailed lines are wanted too: `chat` stands for all that begin with it, `*` for every one.

| namespace | tells of |
| --- | --- |
| `chat:streaming` | answers in chats: `stream_begun`, each `stream_event` with its number, `watcher_connected`, `watcher_left` |
| `plan` | the same of plans |
| `stream` | the same of everything |

Faults are told by their code. `LOG_CONTENT=1` adds what answers say to these lines, and what servers say of their faults,
which may repeat what somebody asked: switch it off when you have found what you were looking for. *Admin → Health* and
`flask check` point it out.
"""


def reference() -> str:
    """The whole page."""
    sections = "".join(map(_section, SECTIONS))
    return HEAD + _table(_variable_rows()) + SETTINGS + sections + TAIL


def _section(title: str) -> str:
    return f"\n### {title}\n\n{_table(_setting_rows(SECTIONS[title]))}{NOTES.get(title, '')}"


def _variable_rows() -> Iterable[tuple[str, ...]]:
    yield "variable", "default", "for"
    yield from ((f"`{each.name}`", _code(each.default), _about(each)) for each in VARIABLES)


def _setting_rows(settings: Iterable[Setting]) -> Iterable[tuple[str, ...]]:
    yield "setting", "default", "for"
    for each in settings:
        values = f" One of: {', '.join(each.choices)}." if each.choices else f" From {each.bounds}." if each.bounds else ""
        variable = f" Or `{_variable_of(each)}`." if each.config else ""
        yield f"`{each.name}`", _code(each.show(each.default)), each.sentence + values + variable


def _about(variable: Variable) -> str:
    example = f" Such as `{variable.example}`." if variable.example else ""
    return variable.sentence + example + (" *Secret.*" if variable.is_secret else "")


def _variable_of(setting: Setting) -> str:
    return next(each.name for each in VARIABLES if each.field == setting.config)


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *rest = rows
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *rest))


if __name__ == "__main__":
    print(reference(), end="")
