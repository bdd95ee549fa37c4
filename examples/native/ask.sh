#!/bin/sh
# Begins a chat and shows its events as they come. `Accept` asks for them; without it the answer is written all the same.
curl -sSN --fail-with-body "$BASE/api/v1/chats" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -H "Accept: text/event-stream" \
  -d '{"message": "Thank you"}'
