#!/bin/sh
# A completion as OpenAI's own, in chunks.
curl -sSN --fail-with-body "$BASE/v1/chat/completions" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"messages": [{"role": "user", "content": "Thank you"}], "stream": true}'
