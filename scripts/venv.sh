#!/bin/sh
# Makes the virtual environment with the newest Python there is, or says what is missing.
set -eu
venv=$1

# Whether it is new enough. A name may exist without working, as those of version managers do: only running it tells.
is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# Whether everyone can run it, and make environments with it: one of root's own home is of no use to a service.
is_for_all() {
    "$1" -c 'import ensurepip, pathlib, sys
folder = pathlib.Path(sys.base_prefix).resolve()
sys.exit(not all(part.stat().st_mode & 1 for part in (folder, *folder.parents)))' 2>/dev/null
}
first() {
    for python in python3.13 python3.12 python3.11 python3 /usr/bin/python3 ''; do
        if [ -n "$python" ] && is_new "$python" && "$1" "$python"; then break; fi
    done
}
first "$([ "$(id -u)" = 0 ] && echo is_for_all || echo true)"
if [ -z "$python" ]; then
    first true
    [ -z "$python" ] || echo "Only root can use $python: a service of another user can't start with it. Install Python for everyone." >&2
fi
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
