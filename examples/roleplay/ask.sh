#!/bin/sh
# Makes a chat and posts into it; with this `Accept` the events of the answer come in reply.
chat=$(curl -sS --fail-with-body "$BASE/chat/threads" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{}' |
  sed 's/.*"id":"\([^"]*\)".*/\1/')

curl -sSN --fail-with-body "$BASE/api/messages/addUserMessageStreamingMode" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -H "Accept: text/event-stream" \
  -d "{\"chatSessionId\": \"$chat\", \"message\": \"Thank you\"}"
