#!/bin/sh
# Passes all tests, in parts of which PARTS (3 if not given) run at a time: the long ones come first, so that short ones keep two
# cores busy until the end. Four take as long on two cores, and make tests late for what they wait for.
# With names of parts behind the Python it passes those alone; `quick` is its three thirds, side by side, and `deep` what
# is left out here, one part after the other.
# What fails has failed: nothing is tried a second time. A line is printed as each file ends, and its failures at once.
# With paths in T it passes those alone, in one process: of the quick tests behind `quick`, else of all that are not deep.
set -u
# What was compiled for one part, assertions and all, need not be compiled again for the next, whatever the environment says.
unset PYTHONDONTWRITEBYTECODE
python=$1
shift
if [ -n "${T-}" ]; then
    [ "$*" = quick ] && marks="not slow and not deep" || marks="not deep"
    # Paths hold no spaces.
    # shellcheck disable=SC2086
    exec "$python" -m pytest -p tests.support.progress -m "$marks" $T
fi
[ $# != 0 ] || set -- rest chats answers pages programs attacks servers people waits
[ "$*" != quick ] || set -- quick_others quick_chats quick_characters
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
    FILE_TIMES=$SCRATCH/times
    export ends PREPARED FILE_TIMES
    printf '%s\n' "$@" | xargs -P "${PARTS:-3}" -n 1 sh "$0" "$python"
    status=$?
    echo "The slowest files:"
    sort -rn "$FILE_TIMES" 2>/dev/null | head -n 10
    # How each part has ended, once more together.
    tail -qn 1 "$ends"/*
    exit $status
fi

part=$1
# Thirds of the quick tests, by what they cost: two would leave a third of two cores idle, as each waits now and then.
quick_chats="tests/api tests/chat tests/engine"
quick_characters="tests/characters tests/plans tests/settings tests/web"
waits="tests/faults tests/engine/test_journal.py tests/engine/test_start_failures.py tests/knowledge/test_kills.py
    tests/streaming/test_redis_topics.py tests/streaming/test_two_workers_machine.py tests/workers"
answers="tests/characters tests/engine tests/knowledge tests/models tests/plans tests/workflows"
programs="tests/api tests/docs tests/drill tests/people"
# Most of them start the server.
servers="tests/test_*.py tests/base tests/bench tests/cli tests/support"
people="tests/browser/test_accessibility.py tests/browser/test_answers.py tests/browser/test_composing.py tests/browser/test_chat_list.py
    tests/browser/test_many_tabs.py tests/browser/test_plans.py tests/browser/test_reading.py tests/browser/test_restarts.py
    tests/browser/test_sidebar.py"
without() {
    for path in "$@"; do printf ' --ignore=%s' "$path"; done
}

# Paths hold no spaces: the lists are meant to be split.
# shellcheck disable=SC2046,SC2086
case $part in
quick_chats) set -- $quick_chats -m "not slow and not deep" ;;
quick_characters) set -- $quick_characters -m "not slow and not deep" ;;
quick_others) set -- tests $(without tests/browser $quick_chats $quick_characters) -m "not slow and not deep" ;;
waits) set -- $waits -m "not deep" ;;
attacks) set -- tests/attacks -m "not deep" ;;
answers) set -- $answers $(without $waits) -m "not deep" ;;
chats) set -- tests/chat -m "not deep" ;;
programs) set -- $programs -m "not deep" ;;
servers) set -- $servers -m "not deep" ;;
rest) set -- tests $(without tests/browser tests/attacks tests/chat $answers $programs $servers $waits) -m "not deep" ;;
deep_others) set -- tests --ignore=tests/browser -m "deep or rounds" ;;
people) set -- $people -m "not deep" ;;
pages) set -- tests/browser $(without $people) -m "not deep" ;;
deep_pages) set -- tests/browser -m "deep or rounds" ;;
*) echo "There is no part $part." >&2 && exit 2 ;;
esac

# Browsers and servers beside each other are timed by what people would wait for: those that run by themselves give way.
case $part in
answers | chats | programs | rest) way="nice -n 5" ;;
*) way= ;;
esac
told=$SCRATCH/told.$part
# The pipe loses the status, so it is kept in a file.
{
    # shellcheck disable=SC2086
    $way "$python" -m pytest -p tests.support.progress -o cache_dir=".pytest_cache/$part" --basetemp="$SCRATCH/$part" "$@" 2>&1
    echo $? >"$told.status"
} | tee "$told"
# What they have made would fill the memory.
rm -rf "${SCRATCH:?}/$part"
[ -z "${ends-}" ] || echo "$part: $(tail -n 1 "$told")" >"$ends/$part"
exit "$(cat "$told.status")"
