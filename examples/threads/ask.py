"""Creates a thread, sends a message, and prints the answer as it is streamed."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
thread = session.post(f"{BASE}/chat/threads", json={"title": question}).json()["thread"]

url = f"{BASE}/chat/threads/{thread['id']}/messages/stream"
with session.post(url, json={"content": question}, stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        if not line.startswith("data: "):
            continue
        event = json.loads(line[6:])
        if event["type"] == "ai_response":
            # The last one contains the rest in `content` and the whole text in `accumulated`.
            print(event["data"]["content"], end="", flush=True)
        elif event["type"] == "error":
            print(event["data"]["error"], file=sys.stderr)
        elif event["type"] == "done":
            sys.exit(0 if event["data"]["success"] else 1)

sys.exit(f"The connection ended before the answer, which goes on at {BASE}/chat/threads/{thread['id']}/events.")
