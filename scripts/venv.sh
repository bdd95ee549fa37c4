#!/bin/sh
# Makes the virtual environment with the newest Python there is, or says what is missing.
set -eu
venv=$1

for python in python3.13 python3.12 python3.11 python3 ''; do
    # A name may exist without working, as those of version managers do: only running it tells.
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
done
if [ -z "$python" ]; then
    echo "Millrace needs Python 3.11 or newer: install it (Debian: apt-get install python3 python3-venv) and run it again." >&2
    exit 1
fi
echo "Virtual environment: $("$python" --version) in $venv."
if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "$python cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv) and run it again." >&2
    exit 1
fi
