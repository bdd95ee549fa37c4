#!/bin/sh
# Makes the folder for whatever the tests make, and prints its name: with the word `memory` it is there, if there is room and
# programs may run. They make and throw away thousands of databases, each of which would wait for the disk a few times.
set -u
MEMORY=/dev/shm
# Four parts of the tests at a time leave less than six gigabytes until they end.
NEEDED_KB=10000000

has_room() {
    free=$(df -Pk "$MEMORY" | awk 'NR == 2 { print $4 }') && available=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
    [ "$free" -gt "$NEEDED_KB" ] && [ "$available" -gt "$NEEDED_KB" ] && is_allowed
}

# A container may have less than the machine has left: its bound in bytes, by either version of control groups.
is_allowed() {
    most=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
    case $most in '' | max) ;; *) [ "$most" -gt "${NEEDED_KB}000" ] ;; esac
}

runs_programs() {
    printf '#!/bin/sh\n' >"$1/try" && chmod +x "$1/try" && "$1/try" && rm "$1/try"
}

in_memory() {
    has_room && folder=$(mktemp -d "$MEMORY/millrace.XXXXXX") || return 1
    runs_programs "$folder" || { rm -rf "$folder" && return 1; }
}

[ "$1" = memory ] && in_memory 2>/dev/null || folder=$(mktemp -d) || exit 1
# PostgreSQL runs as somebody else.
chmod 755 "$folder"
echo "$folder"
