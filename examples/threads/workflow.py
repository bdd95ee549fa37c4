"""Runs a workflow in a thread: answers each question from the command line, and prints the workflow's messages."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

# "skip" skips an optional question.
answers = sys.argv[2:] or ["good", "The garden", "0", "skip"]
workflow = sys.argv[1] if len(sys.argv) > 1 else "weekly-checkin"


def events(reply):
    """Yields the events of a stream; a line can span several chunks."""
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        if line.startswith("data: "):
            yield json.loads(line[6:])


thread = session.post(f"{BASE}/chat/threads", json={"workflow": workflow}).json()["thread"]
for message in session.get(f"{BASE}/chat/threads/{thread['id']}/messages").json()["messages"]:
    print(message["content"])

status = "waiting"
for answer in answers:
    print(">", answer)
    url = f"{BASE}/chat/threads/{thread['id']}/messages/stream"
    with session.post(url, json={"content": answer}, stream=True, timeout=120) as reply:
        for event in events(reply):
            data = event["data"]
            if event["type"] == "ai_response":
                print(data["content"], end="\n" if data["isComplete"] else "", flush=True)
            elif event["type"] == "workflow_status":
                status = data["status"]
            elif event["type"] == "workflow_complete":
                print("answers:", json.dumps(data["slots"]))
            elif event["type"] == "error":
                sys.exit(data["error"])
            elif event["type"] == "done":
                break
        else:
            sys.exit("The connection ended before the answer.")

sys.exit(0 if status == "completed" else f"It is {status}, and there are no more answers.")
