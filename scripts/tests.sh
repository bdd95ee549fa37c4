#!/bin/sh
# Passes all tests, in two processes side by side: one patched by gevent like the server, one left alone for the browser's driver.
set -u
python=$1
told=$(mktemp)
trap 'rm -f "$told"' EXIT

# Without the conftest above it, which patches.
"$python" -m pytest --confcutdir=tests/browser tests/browser >"$told" 2>&1 &
browser=$!
"$python" -m pytest tests --ignore=tests/browser
rest=$?
wait "$browser"
browser=$?
cat "$told"
exit $((rest || browser))
