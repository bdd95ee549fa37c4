#!/bin/sh
# Asks without a session, which makes one, and watches the answer.
curl -sSN --fail-with-body "$BASE/ai/chat/stream" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"message": "Thank you"}'
