"""Submits a plan's goals and preferences, and prints the plan week by week while it is written."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

goal = sys.argv[1] if len(sys.argv) > 1 else "Learn to row"
kept = session.post(f"{BASE}/api/plan/inputs", json={"goals": [goal]})
# Invalid goals and preferences are rejected here, with a message for each field.
kept.raise_for_status()

name, weeks = "", 0
with session.post(f"{BASE}/api/streaming/generate-plan", json=kept.json(), stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
            if name == "progress" and data.get("weeksCompleted", 0) > weeks:
                weeks = data["weeksCompleted"]
                print(f"Week {weeks} of {data['weeksTotal']}", flush=True)
            elif name == "complete":
                print(data["plan"]["title"])
            elif name == "error":
                sys.exit(data["message"])
