#!/bin/sh
# Sees to it that there is a Chromium for the browser tests.
set -eu

for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The browser tests need Chromium: install it (Debian: sudo apt-get install chromium-headless-shell) and run it again." >&2
    exit 1
fi
echo "Chromium: installing it for the browser tests."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-liberation; } </dev/null >/dev/null; then
    echo "Chromium could not be installed: see above, or install it by hand (apt-get install chromium-headless-shell), and run it again." >&2
    exit 1
fi
