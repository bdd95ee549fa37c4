"""Posts a message to a chat, then attaches to its stream, which starts with the text so far."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
chat = session.post(f"{BASE}/chat/threads", json={}).json()["thread"]["id"]
body = {"chatSessionId": chat, "message": question}
begun = session.post(f"{BASE}/api/messages/addUserMessageStreamingMode", json=body)
# While an answer is running this returns 409, with the running answer's streamUrl.
begun.raise_for_status()

text = name = ""
with session.get(BASE + begun.json()["streamUrl"], stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
            if name == "state":
                text = data["partialMessage"]
            elif name == "chunk":
                text += data["content"]
            elif name == "end":
                # The connection would stay open for the chat's next answers.
                break
print(text, end="")
