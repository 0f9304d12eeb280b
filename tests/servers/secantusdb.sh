#!/usr/bin/env bash
# A MongoDB wire-protocol server with files on disk (SecantusDB over WiredTiger, loopback) for
# tests: the one that `pip install --group dev` brings. What it acknowledges survives a SIGKILL.
#
#   secantusdb.sh [start] [DATA_DIR] [PORT]   start, or find the one already running on DATA_DIR
#   secantusdb.sh stop DATA_DIR               SIGTERM, wait until it is gone
#   secantusdb.sh kill DATA_DIR               SIGKILL (crash), wait until it is gone
#   secantusdb.sh fetch                       only look whether it is there
#
# start prints `ready mongodb://127.0.0.1:PORT/ pid PID` when the server answers; every failure
# is one line on stderr and a non-zero exit (2 usage, 3 not installed, 4 the server did not
# start). PORT 0 (the default for a new DATA_DIR) takes a free one; a DATA_DIR keeps its port and
# its data over restarts.
#
# Environment: SECANTUSDB_DATA, SECANTUSDB_PORT, SECANTUSDB_OPTIONS (more of secantusd-py's),
# SECANTUSDB_WAIT (seconds until ready, 60). Needs: secantusd-py on the PATH, bash, flock.
set -euo pipefail

NAME=secantusdb PREFIX=SECANTUSDB WAIT=${SECANTUSDB_WAIT:-60}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/server.sh"

fetch() { command -v secantusd-py >/dev/null || die 3 "needs secantusd-py: pip install secantusdb"; }
fetched() { command -v secantusd-py; }
url() { echo "mongodb://127.0.0.1:$1/"; }
mark() { echo "$1/db"; }
is_ready() { listening "$2"; }

launch() {
    mkdir -p "$1/db" || die 2 "cannot make $1/db"
    # Without --sync-on-commit it acknowledges what a SIGKILL takes, whatever the write concern.
    # shellcheck disable=SC2086
    nohup secantusd-py --host 127.0.0.1 --port "$2" --storage-path "$1/db" --sync-on-commit \
        ${SECANTUSDB_OPTIONS:-} >"$1/$NAME.log" 2>&1 </dev/null 8>&- &
}

main "$@"
