"""Handmade export files of chats in the formats of other programs."""

import json
import zipfile
from io import BytesIO
from typing import Any

from tests.support.browser import Browser
from tests.support.form import WITH_FILE, with_file
from tests.support.page import Page
from webapp.chat.imports.filed import FiledChat

FOLDED = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> Weigh it\n</details>'
CHATGPT = [
    {
        "title": "Stones for rye",
        "create_time": 1700000000.5,
        "update_time": 1700000100.0,
        "current_node": "a2",
        "conversation_id": "c-1",
        "mapping": {
            "a1": {"id": "a1", "parent": "u1", "children": [], "message": {
                "id": "a1", "author": {"role": "assistant"}, "create_time": 1700000010.0,
                "content": {"content_type": "text", "parts": ["The first answer."]}, "metadata": {"model_slug": "gpt-4o"}}},
            "root": {"id": "root", "parent": None, "children": ["sys"], "message": None},
            "sys": {"id": "sys", "parent": "root", "children": ["hidden"], "message": {
                "id": "sys", "author": {"role": "system"}, "create_time": None,
                "content": {"content_type": "text", "parts": [""]}, "metadata": {}}},
            "hidden": {"id": "hidden", "parent": "sys", "children": ["u1", "u2"], "message": {
                "id": "hidden", "author": {"role": "user"}, "create_time": None,
                "content": {"content_type": "user_editable_context", "user_profile": "secret"},
                "metadata": {"is_visually_hidden_from_conversation": True}}},
            "u1": {"id": "u1", "parent": "hidden", "children": ["a1", "t1"], "message": {
                "id": "u1", "author": {"role": "user"}, "create_time": 1700000000.5,
                "content": {"content_type": "multimodal_text", "parts": [
                    {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "Which stones?"]},
                "metadata": {}}},
            "t1": {"id": "t1", "parent": "u1", "children": ["code"], "message": {
                "id": "t1", "author": {"role": "assistant"}, "create_time": 1700000020.0,
                "content": {"content_type": "thoughts", "thoughts": [{"summary": "S", "content": "Let me think."}]},
                "metadata": {}}},
            "code": {"id": "code", "parent": "t1", "children": ["out"], "message": {
                "id": "code", "author": {"role": "assistant"}, "create_time": 1700000021.0, "recipient": "python",
                "content": {"content_type": "code", "language": "python", "text": "print('```')"}, "metadata": {}}},
            "out": {"id": "out", "parent": "code", "children": ["a2"], "message": {
                "id": "out", "author": {"role": "tool", "name": "python"}, "create_time": 1700000022.0,
                "content": {"content_type": "execution_output", "text": "basalt"}, "metadata": {}}},
            "a2": {"id": "a2", "parent": "out", "children": [], "message": {
                "id": "a2", "author": {"role": "assistant"}, "create_time": 1700000023.0,
                "content": {"content_type": "text", "parts": ["The **second** answer."]}, "metadata": {"model_slug": "o3"}}},
            "u2": {"id": "u2", "parent": "hidden", "children": [], "message": {
                "id": "u2", "author": {"role": "user"}, "create_time": 1700000050.0,
                "content": {"content_type": "text", "parts": ["Asked otherwise"]}, "metadata": {}}},
        },
    }
]  # fmt: skip
CLAUDE = [
    {
        "uuid": "k1",
        "name": "Water for the wheel",
        "created_at": "2024-10-18T15:21:09.123456Z",
        "updated_at": "2024-10-18T15:30:00Z",
        "account": {"uuid": "somebody"},
        "chat_messages": [
            {
                "uuid": "m1",
                "sender": "human",
                "text": "How much water?",
                "content": [{"type": "text", "text": "How much water?"}],
                "created_at": "2024-10-18T15:21:10Z",
                "attachments": [{"file_name": "brook.csv", "file_size": 3, "extracted_content": "a,b"}],
                "files": [{"file_name": "wheel.png"}],
            },
            {
                "uuid": "m2",
                "sender": "assistant",
                "text": "",
                "content": [
                    {"type": "thinking", "thinking": "Weigh it"},
                    {"type": "text", "text": "Enough."},
                    {"type": "tool_use", "name": "repl", "input": {}},
                    {"type": "text", "text": "No more."},
                ],
                "created_at": "2024-10-18T15:21:20Z",
            },
            {"uuid": "m3", "sender": "human", "text": "Why?", "created_at": "2024-10-18T15:22:00Z"},
        ],
    }
]
OPENWEBUI = [
    {
        "id": "w-1",
        "title": "Water wheels",
        "pinned": True,
        "created_at": 1700000000,
        "updated_at": 1700000300,
        "chat": {
            "title": "Water wheels",
            "models": ["llama3"],
            "history": {
                "currentId": "m3",
                "messages": {
                    "m1": {"id": "m1", "parentId": None, "childrenIds": ["m2", "m3"], "role": "user",
                           "content": "Over or under?", "timestamp": 1700000000, "files": [{"name": "wheel.png"}]},
                    "m3": {"id": "m3", "parentId": "m1", "childrenIds": [], "role": "assistant", "model": "llama3",
                           "content": f"{FOLDED}\nOver.",
                           "timestamp": 1700000020, "done": True},
                    "m2": {"id": "m2", "parentId": "m1", "childrenIds": [], "role": "assistant", "model": "llama3",
                           "content": "Under, perhaps", "timestamp": 1700000010, "done": False},
                },
            },
        },
    }
]  # fmt: skip


def bring(browser: Browser, value: Any, name: str = "conversations.json") -> Page:
    """Uploads a file with the form of /import; a value that is not bytes is serialized as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    body = with_file(data, name)
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": WITH_FILE}
    return Page(browser, browser.client.post("/import", data=body, headers=headers, base_url=browser.origin))


def download(browser: Browser, path: str) -> bytes:
    response = browser.client.get(path, base_url=browser.origin)
    assert response.status_code == 200, path
    assert response.headers["Content-Disposition"].startswith("attachment")
    return response.get_data()


def members(data: bytes) -> dict[str, Any]:
    """Returns the parsed files of an archive, by name."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def said(chat: FiledChat) -> dict[str, tuple[str, str]]:
    """Returns each message's content and that of its parent."""
    known = {message.id: message.content for message in chat.messages}
    return {message.id.partition(":")[2]: (message.content, known.get(message.parent, "")) for message in chat.messages}
