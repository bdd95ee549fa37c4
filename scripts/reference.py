"""Prints docs/configuration.md from the tables of variables and settings, so that they never differ."""

import re
from collections import Counter
from collections.abc import Iterable

from webapp.base.env_variables import VARIABLES, Variable
from webapp.settings.catalog import SECTIONS
from webapp.settings.kinds import Setting, as_text

HEAD = """\
# Configuration

Every *variable*, which operators set in the environment before the server starts, and every *setting*, which owners and admins
change in the browser while it runs. All are optional. `python -m scripts.reference` generates this page.

## Variables

An invalid value stops the start, which names the variable and an example. An empty variable means its default, except for the
two keys, which can be unset but not empty. A *secret* can be read from a file: `SECRET_KEY_FILE=/run/secrets/secret_key`
instead of `SECRET_KEY`. Text after a space and `#` is a comment, except in `OPENROUTER_X_TITLE`.

The environment takes precedence over a file `.env` next to the program, or the one that `ENV_FILE` names (`ENV_FILE=/dev/null`:
none). It is read as systemd reads an `EnvironmentFile`: values can be in quotes, and `$` and `&` have no special meaning.
[.env.example](../.env.example) is the same list, ready to copy. The log of the start names variables that look mistyped. If
`flask` recommends python-dotenv, ignore it. Below, examples are in parentheses.

"""
SETTINGS = """
## Settings

*Administration → Settings* (models: *Administration → Models*), where the search finds every setting;
`PUT /api/v1/settings/NAME`, or `flask settings set NAME VALUE` on the server; `flask settings unset NAME` restores the default.
Changes hold within a second. A stored value takes precedence over the setting's variable. `0 (∞)` means that 0 is no limit.

```sh
curl -sS "$BASE/api/v1/settings/limits.concurrent_streams" -H "Authorization: Bearer $TOKEN"
```

Separate list items with commas or spaces; a switch is `true` or `false`.
"""
NO_LIMIT = "0 means no limit."
# Notes on a section that its settings' descriptions do not contain.
NOTES = {
    "Retention": """
What has expired is deleted within 15 minutes; see [keeping and forgetting](keeping.md). Expired characters, personas and
lorebooks are deleted at the next start or with the next deletion; so are chats and messages if `trash.days` was 0 before.
"""
}
TAIL = """
## Log lines

The log goes to standard error, one line per entry (with `LOG_FORMAT=json`, one object), in UTC, without secrets or message
text. Every answer logs a `stream_finished`, every title an `aside_finished` in the same form:

```json
{"time": "2026-03-01T12:00:00.000Z", "level": "INFO", "logger": "chat:streaming", "message": "stream_finished",
 "user_id": "01h…", "session_id": "01h…", "streaming": true, "processing_time_ms": 2140, "chunk_count": 61,
 "success": true, "model_used": "openai/gpt-4o-mini", "fallback_used": false,
 "generation_id": "01h…", "status": "completed", "reason": "stop"}
```

`DEBUG` lists the loggers to log in detail: `chat:streaming` (answers in chats: `stream_begun`, each `stream_event` with its
number, `watcher_connected`, `watcher_left`), `plan` (the same for plans), `stream` (for everything). `chat` covers every name
that starts with it, `*` all.

Each worker logs `worker_started` with the version, the commit, the database (without its password) and the worker's id.

`LOG_CONTENT=1` adds the text of answers and the error messages of model servers, which may repeat what someone asked. Turn it
off when you are done: *Administration → Health* and `flask check` warn while it is on.
"""


def reference() -> str:
    """Returns the whole page."""
    sections = "".join(map(_section, SECTIONS))
    return HEAD + _table(_variable_rows()) + SETTINGS + sections + TAIL


def _section(title: str) -> str:
    settings = SECTIONS[title]
    shared = _shared_sentences(settings)
    below = "".join(
        f"\n{', '.join(f'`{setting.name}`' for setting in settings if sentence in setting.sentence)}: {sentence}\n"
        for sentence in shared
    )
    return f"\n### {title}\n\n{_table(_setting_rows(settings, shared))}{below}{NOTES.get(title, '')}"


def _shared_sentences(settings: Iterable[Setting]) -> list[str]:
    """Returns the sentences that three or more settings of a section have: the page says them once, below the table."""
    counts = Counter(sentence for setting in settings for sentence in _sentences(setting.sentence) if sentence != NO_LIMIT)
    return [sentence for sentence, count in counts.items() if count >= 3]


def _sentences(text: str) -> list[str]:
    return re.findall(r"\S.*?\.(?= |$)", text)


def _variable_rows() -> Iterable[tuple[str, ...]]:
    yield "variable", "default", "for"
    yield from ((f"`{variable.name}`", _code(variable.default), _about(variable)) for variable in VARIABLES)


def _setting_rows(settings: Iterable[Setting], shared: Iterable[str]) -> Iterable[tuple[str, ...]]:
    yield "setting", "default", "for"
    for setting in settings:
        said = " ".join(sentence for sentence in _sentences(setting.sentence) if sentence not in shared and sentence != NO_LIMIT)
        variable = f" Or `{_variable_of(setting)}`." if setting.config else ""
        yield f"`{setting.name}`", _code(as_text(setting.default)), said + _values(setting) + variable


def _values(setting: Setting) -> str:
    if setting.choices:
        return f" ({', '.join(setting.choices)})"
    bounds = setting.bounds.replace(" to ", "–")
    if NO_LIMIT in setting.sentence:
        bounds = bounds.replace("0–", "0 (∞)–", 1)
    return f" ({bounds})" if bounds else ""


def _about(variable: Variable) -> str:
    example = f" (`{variable.example}`)" if variable.example else ""
    return variable.sentence + example + (" *Secret.*" if variable.is_secret else "")


def _variable_of(setting: Setting) -> str:
    return next(variable.name for variable in VARIABLES if variable.field == setting.config)


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *rest = rows
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, *rest)).replace("\n", f"\n{'|---' * len(head)}|\n", 1)


if __name__ == "__main__":
    print(reference(), end="")
