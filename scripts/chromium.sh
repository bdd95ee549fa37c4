#!/bin/sh
# Sees to it that there is a Chromium for the browser tests.
set -eu

for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
exec sh "$(dirname "$0")/debian.sh" Chromium "The browser tests" chromium-headless-shell fonts-liberation
