#!/bin/sh
# Unpacks an nginx for the tests of deploy/nginx.conf into a folder, without installing it as a service, where Debian has one.
set -eu
folder=$(realpath -m "$1")

if command -v nginx >/dev/null || [ -x "$folder/usr/sbin/nginx" ] || ! command -v apt-get >/dev/null; then exit 0; fi
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cd "$packages"
if { apt-get download -qq nginx || { apt-get update -qq && apt-get download -qq nginx; }; } </dev/null >/dev/null 2>&1; then
    dpkg-deb --extract nginx_*.deb "$folder"
else
    echo "nginx could not be fetched: the tests only look at the form of its configuration."
fi
