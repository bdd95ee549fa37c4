#!/bin/sh
# Asks and watches. Without the token it is a visitor's question, which the demo answers: send "Sec-Fetch-Site: none" instead.
curl -sSN --fail-with-body "$BASE/api/chat/stream" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"message": "Thank you"}'
