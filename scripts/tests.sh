#!/bin/sh
# Passes all tests, in two processes: one patched by gevent like the server, one left alone for the browser's driver.
set -u
python=$1
failed=0

"$python" -m pytest tests --ignore=tests/browser || failed=1
# Without the conftest above it, which patches.
if [ -d tests/browser ]; then
    "$python" -m pytest --confcutdir=tests/browser tests/browser || failed=1
fi
exit $failed
