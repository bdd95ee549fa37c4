#!/bin/sh
# Passes all tests, in parts of which PARTS (3 if not given) run at a time, the longest first: tests wait a good deal.
# With names of parts behind the Python it passes those alone; `quick` is its two halves, side by side, and `deep` what is
# left out here, one part after the other.
# What fails has failed: nothing is tried a second time.
set -u
# What was compiled for one part, assertions and all, need not be compiled again for the next, whatever the environment says.
unset PYTHONDONTWRITEBYTECODE
python=$1
shift
[ $# != 0 ] || set -- rest pages attacks people programs servers quick_others quick_chats
[ "$*" != quick ] || set -- quick_others quick_chats
[ "$*" != deep ] || { set -- deep_pages deep_others && PARTS=1; }
if [ -z "${SCRATCH-}" ]; then
    # What deep tests make in an hour is more than a memory takes.
    case $* in *deep*) kind=disk ;; *) kind=memory ;; esac
    SCRATCH=$(sh scripts/scratch.sh "$kind") || exit 1
    trap 'rm -rf "$SCRATCH"' EXIT
    trap 'exit 130' INT TERM
    export SCRATCH TMPDIR="$SCRATCH"
fi
if [ $# != 1 ]; then
    # How each part ends, and a data folder that is prepared once for all of them.
    ends=$SCRATCH/ends PREPARED=$SCRATCH/prepared
    mkdir "$ends" "$PREPARED"
    export ends PREPARED
    printf '%s\n' "$@" | xargs -P "${PARTS:-3}" -n 1 sh "$0" "$python"
    status=$?
    # How each part has ended, once more together.
    tail -qn 1 "$ends"/*
    exit $status
fi

part=$1
chats="tests/accounts tests/api tests/chat"
attacks="tests/attacks tests/chat"
programs="tests/api tests/docs tests/drill"
# Most of them start the server.
servers="tests/test_*.py tests/support"
people="tests/browser/test_accessibility.py tests/browser/test_answers.py tests/browser/test_plans.py tests/browser/test_reading.py
    tests/browser/test_restarts.py"
without() {
    for path in "$@"; do printf ' --ignore=%s' "$path"; done
}

# Paths hold no spaces: the lists are meant to be split.
# shellcheck disable=SC2046,SC2086
case $part in
quick_chats) set -- $chats -m "not slow and not deep" ;;
quick_others) set -- tests $(without tests/browser $chats) -m "not slow and not deep" ;;
attacks) set -- $attacks -m "slow and not deep" ;;
programs) set -- $programs -m "slow and not deep" ;;
servers) set -- $servers -m "slow and not deep" ;;
rest) set -- tests $(without tests/browser $attacks $programs $servers) -m "slow and not deep" ;;
deep_others) set -- tests --ignore=tests/browser -m "deep or rounds" ;;
# Without the conftest above theirs, which has gevent patch everything: the driver of the browser must be left alone.
people) set -- --confcutdir=tests/browser $people -m "not deep" ;;
pages) set -- --confcutdir=tests/browser tests/browser $(without $people) -m "not deep" ;;
deep_pages) set -- --confcutdir=tests/browser tests/browser -m "deep or rounds" ;;
*) echo "There is no part $part." >&2 && exit 2 ;;
esac

told=$(mktemp)
"$python" -m pytest -o cache_dir=".pytest_cache/$part" --basetemp="$SCRATCH/$part" "$@" >"$told" 2>&1
status=$?
# What they have made would fill the memory.
rm -rf "${SCRATCH:?}/$part"
echo "The part $part:"
cat "$told"
[ -z "${ends-}" ] || echo "$part: $(tail -n 1 "$told")" >"$ends/$part"
rm -f "$told"
exit $status
