#!/bin/sh
# Installs packages of Debian where that is allowed, or says which to install: debian.sh NAME NEEDED_BY PACKAGE...
set -eu
name=$1 needed_by=$2
shift 2

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$needed_by need $name: install it (Debian: sudo apt-get install $*) and run it again." >&2
    exit 1
fi
echo "$name: installing it."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } </dev/null >/dev/null; then
    echo "$name could not be installed: see above, or install it by hand (apt-get install $*), and run it again." >&2
    exit 1
fi
