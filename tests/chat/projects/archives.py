"""Archives of projects, as the export makes them and as other hands could."""

import json
from typing import Any

from tests.chat.files import zipped
from tests.support.browser import Browser
from tests.support.form import WITH_FILE, with_file
from tests.support.page import Page
from webapp.chat.imports.project import FORMAT, VERSION

CHAT = {"format": "millrace-chat", "version": 1, "chat": {"id": "c", "title": "Brought"}}
QUESTION = {"id": "m", "role": "user", "content": "What grows?"}
MESSAGES = [QUESTION, {"id": "n", "parent": "m", "role": "assistant", "content": "Rye."}]


def archive(project: object = None, contents: dict[str, bytes] | None = None, **more: Any) -> bytes:
    """Returns an archive with these settings, these contents beside them, and what else its `project.json` says."""
    about = {"project": {"name": "Brought"} if project is None else project, "files": [], "collections": []}
    whole = {"format": FORMAT, "version": VERSION, **about, **more}
    return zipped({"project.json": json.dumps(whole).encode(), **(contents or {})})


def document(path: str, name: str = "weir.md", **more: Any) -> dict[str, Any]:
    return {"path": path, "name": name, **more}


def chat(**more: Any) -> bytes:
    return json.dumps({**CHAT, "messages": MESSAGES, **more}).encode()


def bring_project(browser: Browser, data: bytes) -> Page:
    """Uploads an archive with the form of /projects/import."""
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": WITH_FILE}
    sent = browser.client.post("/projects/import", data=with_file(data, "mill.zip"), headers=headers, base_url=browser.origin)
    return Page(browser, sent)


def opened(page: Page) -> str:
    """Returns the path of the project that an import has made."""
    return str(page.one('#main a.button[href^="/projects/"]').attributes["href"])
