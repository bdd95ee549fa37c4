#!/bin/sh
# Passes all tests, in parts that run three at a time on two cores, the longest first: tests wait a good deal.
# With the name of a part behind the Python it passes that one alone.
# What fails beside the others runs once more with the machine to itself: it has failed when it fails then too.
set -u
python=$1
if [ $# = 1 ]; then
    again=$(mktemp -d)
    trap 'rm -rf "$again"' EXIT
    export again
    printf '%s\n' rest pages attacks people programs quick | xargs -P 3 -n 1 sh "$0" "$python" && exit
    failed=0
    for part in $(ls "$again"); do
        echo "Once more, alone: what failed of the part $part."
        sh "$0" "$python" "$part" --last-failed --last-failed-no-failures none || failed=1
    done
    # A part that has failed without saying so is a failure as well.
    [ -n "$(ls "$again")" ] || failed=1
    exit $failed
fi

part=$2
shift 2
more=$*
attacks="tests/attacks tests/chat"
programs="tests/api tests/docs tests/drill"
people="tests/browser/test_accessibility.py tests/browser/test_answers.py tests/browser/test_plans.py tests/browser/test_reading.py
    tests/browser/test_restarts.py"
without() {
    for path in "$@"; do printf ' --ignore=%s' "$path"; done
}

# Paths hold no spaces: the lists are meant to be split.
# shellcheck disable=SC2046,SC2086
case $part in
quick) set -- tests $(without tests/browser) -m "not slow" ;;
attacks) set -- $attacks -m slow ;;
programs) set -- $programs -m slow ;;
rest) set -- tests $(without tests/browser $attacks $programs) -m slow ;;
# Without the conftest above theirs, which has gevent patch everything: the driver of the browser must be left alone.
people) set -- --confcutdir=tests/browser $people ;;
pages) set -- --confcutdir=tests/browser tests/browser $(without $people) ;;
*) echo "There is no part $part." >&2 && exit 2 ;;
esac

told=$(mktemp)
# shellcheck disable=SC2086
"$python" -m pytest -o cache_dir=".pytest_cache/$part" "$@" $more >"$told" 2>&1
status=$?
[ $status = 0 ] || [ -z "${again-}" ] || : >"$again/$part"
echo "The part $part:"
cat "$told"
rm -f "$told"
exit $status
