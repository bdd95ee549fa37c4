#!/bin/sh
# Passes all tests, in parts that run three at a time on two cores, the longest first: tests wait a good deal.
# With the name of a part behind the Python it passes that one alone.
set -u
python=$1
if [ $# = 1 ]; then
    printf '%s\n' rest pages attacks people programs quick | xargs -P 3 -n 1 sh "$0" "$python"
    exit
fi

part=$2
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
"$python" -m pytest -o cache_dir=".pytest_cache/$part" "$@" >"$told" 2>&1
status=$?
echo "The part $part:"
cat "$told"
rm -f "$told"
exit $status
