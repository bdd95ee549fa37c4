#!/bin/sh
# Says what the plan is for, then watches it being written.
kept=$(curl -sS --fail-with-body "$BASE/api/plan/inputs" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"goals": ["Learn to row"]}')

curl -sSN --fail-with-body "$BASE/api/streaming/generate-plan" \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d "$kept"
