"""Posts a message to a chat, then reads its answer, which the address names: however soon it ended, all of it is there."""

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

text = name = failure = ""
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
            elif name == "error":
                failure = data["message"]
print(text, end="")
sys.exit(failure or 0)
