"""`conversations.json` of a Claude export: a list of messages, each of blocks. Pure."""

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.imports.filed import (
    MOST_ATTACHED,
    MOST_NODES,
    BadFile,
    FiledChat,
    FiledFile,
    FiledMessage,
    Node,
    checked,
    fenced,
    grown,
    line,
    moment,
    origin,
    text,
)

PROGRAM = "claude"
ROLES = {"human": "user", "assistant": "assistant"}


def is_one(value: JsonObject) -> bool:
    return isinstance(value.get("chat_messages"), list)


def parse(value: JsonObject) -> FiledChat:
    """Parses the chat, with its branches if the file tells the parents of messages; else each follows the one before it."""
    id, rows = text(value.get("uuid")), value["chat_messages"]
    if len(rows) > MOST_NODES:
        raise BadFile(f"It has more than {MOST_NODES:,} entries.")
    nodes = list[Node]()
    for index, row in enumerate(map(dict_of, rows)):
        above = nodes[-1].id if nodes else ""
        nodes.append(_node(text(row.get("uuid")) or f"{id}:{index}", row, above))
    messages, shown = grown(nodes)
    last = _id(text(value.get("current_leaf_message_uuid"))) or (nodes[-1].id if nodes else "")
    created_at = moment(value.get("created_at"))
    return checked(
        FiledChat(
            id=origin(PROGRAM, id or (nodes[0].id if nodes else "")),
            title=line(value.get("name"), 200),
            head=shown.get(last, "") or (messages[-1].id if messages else ""),
            created_at=created_at,
            changed_at=moment(value.get("updated_at")) or created_at,
            messages=messages,
        )
    )


def _node(id: str, row: JsonObject, above: str) -> Node:
    role, words, parent = ROLES.get(text(row.get("sender")), ""), _words(row), row.get("parent_message_uuid")
    reasoning = "\n\n".join(filter(None, (text(block.get("thinking")) for block in _blocks(row, "thinking"))))
    above = _id(parent) if isinstance(parent, str) else above
    if not role or not (words.strip() or reasoning):
        return Node(_id(id), above, None)
    filed = FiledMessage(
        id=_id(id),
        role=role,
        content=words,
        reasoning=reasoning,
        created_at=moment(row.get("created_at")),
        files=tuple(map(_filed_file, _listed(row, "files")[:MOST_ATTACHED])),
    )
    return Node(_id(id), above, filed)


def _words(row: JsonObject) -> str:
    """Returns the text of a message with its attachments, whose text the export has; other files are only named."""
    content = "\n\n".join(filter(None, (text(block.get("text")) for block in _blocks(row, "text")))) or text(row.get("text"))
    return "\n\n".join(filter(None, (content, *map(_attached, _listed(row, "attachments")), *map(_file, _listed(row, "files")))))


def _attached(attachment: JsonObject) -> str:
    words, name = text(attachment.get("extracted_content")), line(attachment.get("file_name"), 100) or "Attachment"
    return f"{name}:\n\n{fenced(words)}" if words.strip() else ""


def _filed_file(file: JsonObject) -> FiledFile:
    """Returns a file, which an archive has under its id or its name, if at all."""
    keys = (text(file.get("file_uuid"), 100), text(file.get("uuid"), 100), text(file.get("file_name"), 200))
    return FiledFile(tuple(filter(None, keys)), line(file.get("file_name"), 100), _file(file))


def _file(file: JsonObject) -> str:
    return f"*({line(file.get('file_name'), 100) or 'a file'} was here; the export doesn't include it)*"


def _blocks(row: JsonObject, kind: str) -> list[JsonObject]:
    return [block for block in _listed(row, "content") if block.get("type") == kind]


def _listed(row: JsonObject, name: str) -> list[JsonObject]:
    listed_value = row.get(name)
    return [dict_of(part) for part in listed_value] if isinstance(listed_value, list) else []


def _id(id: str) -> str:
    return origin(PROGRAM, text(id)) if id else ""
