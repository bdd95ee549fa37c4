#!/bin/sh
# Makes a thread, writes in it, and watches the answer.
thread=$(curl -sS --fail-with-body "$BASE/chat/threads" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"title": "Thanks"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')

curl -sSN --fail-with-body "$BASE/chat/threads/$thread/messages/stream" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"content": "Thank you"}'
