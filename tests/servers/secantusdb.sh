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

WAIT=${SECANTUSDB_WAIT:-60}

die() { local rc=$1; shift; echo "secantusdb: $*" >&2; exit "$rc"; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        listening "$port" || { echo "$port"; return 0; }
    done
    return 1
}

fetch() { command -v secantusd-py >/dev/null || die 3 "needs secantusd-py: pip install secantusdb"; }

running() { # running DATA_DIR: prints the pid of the server that runs on it
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1/db" || return 1
    echo "$pid"
}

stop() { # stop DATA_DIR SIGNAL
    local pid i
    pid=$(running "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    for i in $(seq 300); do
        running "$1" >/dev/null || { rm -f "$1/pid"; return 0; }
        sleep 0.1
    done
    die 4 "pid $pid still runs 30 s after SIG$2"
}

start() {
    local data=$1 port=$2 pid i
    mkdir -p "$data/db" || die 2 "cannot make $data/db"
    data=$(cd "$data" && pwd)
    exec 8>"$data/lock"
    flock 8
    if pid=$(running "$data"); then
        echo "ready mongodb://127.0.0.1:$(cat "$data/port")/ pid $pid"
        return 0
    fi
    fetch
    [ "$port" != 0 ] || port=$(cat "$data/port" 2>/dev/null) || port=$(free_port) || die 4 "no free port"
    listening "$port" && die 4 "port $port is in use"
    echo "$port" >"$data/port"
    # Without --sync-on-commit it acknowledges what a SIGKILL takes, whatever the write concern.
    # shellcheck disable=SC2086
    nohup secantusd-py --host 127.0.0.1 --port "$port" --storage-path "$data/db" --sync-on-commit \
        ${SECANTUSDB_OPTIONS:-} >>"$data/secantusdb.log" 2>&1 </dev/null 8>&- &
    pid=$!
    echo "$pid" >"$data/pid"
    for i in $(seq $((WAIT * 20))); do
        if ! kill -0 "$pid" 2>/dev/null; then
            rm -f "$data/pid"
            die 4 "the server ended while starting: $(tail -n 1 "$data/secantusdb.log" | cut -c1-200)"
        fi
        if listening "$port"; then
            echo "ready mongodb://127.0.0.1:$port/ pid $pid"
            return 0
        fi
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$data/pid"
    die 4 "not ready after $WAIT s (see $data/secantusdb.log)"
}

verb=start
case ${1:-} in
    start | stop | kill | fetch) verb=$1; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
data=${1:-${SECANTUSDB_DATA:-}}
port=${2:-${SECANTUSDB_PORT:-0}}
case $port in *[!0-9]*) die 2 "PORT must be a number, not '$port'" ;; esac
case $verb in
    fetch) fetch; command -v secantusd-py ;;
    start) start "${data:-${TMPDIR:-/tmp}/bitacora-secantusdb}" "$port" ;;
    stop | kill)
        [ -n "$data" ] || die 2 "$verb needs DATA_DIR"
        [ -d "$data" ] || exit 0
        data=$(cd "$data" && pwd)
        if [ "$verb" = stop ]; then stop "$data" TERM; else stop "$data" KILL; fi ;;
esac
