#!/bin/sh
# Passes all tests, in three processes side by side, which have two cores to share: the quick ones and the slow ones, both patched
# by gevent like the server, and those of the browser, whose driver must be left alone.
set -u
python=$1
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT

# Without the conftest above it, which patches.
"$python" -m pytest --confcutdir=tests/browser tests/browser >"$told/browser" 2>&1 &
browser=$!
"$python" -m pytest tests --ignore=tests/browser -m slow >"$told/slow" 2>&1 &
slow=$!
"$python" -m pytest tests --ignore=tests/browser -m "not slow"
failed=$?
wait "$slow" || failed=1
cat "$told/slow"
wait "$browser" || failed=1
cat "$told/browser"
exit $failed
