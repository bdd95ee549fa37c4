#!/bin/sh
# Passes all tests, in three processes side by side, which have two cores to share: the quick ones and the slow ones, both patched
# by gevent like the server, and those of the browser, whose driver must be left alone.
# What fails beside the others runs once more with the machine to itself: it has failed when it fails then too.
set -u
python=$1
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT

pass() {
    kind=$1
    shift
    case $kind in
    quick) set -- tests --ignore=tests/browser -m "not slow" "$@" ;;
    slow) set -- tests --ignore=tests/browser -m slow "$@" ;;
    # Without the conftest above it, which patches.
    browser) set -- --confcutdir=tests/browser tests/browser "$@" ;;
    esac
    "$python" -m pytest -o cache_dir=".pytest_cache/$kind" "$@"
}

failed=0
pass browser >"$told/browser" 2>&1 &
browser=$!
pass slow >"$told/slow" 2>&1 &
slow=$!
again=""
pass quick || again="quick"
wait "$slow" || again="$again slow"
cat "$told/slow"
wait "$browser" || again="$again browser"
cat "$told/browser"
for kind in $again; do
    echo "Once more, alone: what failed of the $kind ones."
    pass "$kind" --last-failed --last-failed-no-failures none || failed=1
done
exit $failed
