# What the servers' scripts share: start, find, stop and kill one on a DATA_DIR. Sourced by each, which sets
#
#   NAME WAIT PREFIX   for messages and log files; seconds until ready; of the environment's PREFIX_DATA and PREFIX_PORT
#   fetch              has the program there; `fetched` says where
#   url PORT           what it is reached by
#   mark DATA          an argument of its command line that no other process has
#   launch DATA PORT   starts it in the background, its output in DATA/NAME.log and descriptor 8 closed
#   is_ready DATA PORT whether it answers
#
# and may define `why DATA`: why it ended while starting. Then it calls `main "$@"`.

CACHE=${BITACORA_SERVERS:-${HOME:-/tmp}/.cache/bitacora-servers}

die() { local rc=$1; shift; echo "$NAME: $*" >&2; exit "$rc"; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

answers() { # answers PORT PATH: HTTP status 200
    timeout 3 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$0"
        printf "GET %s HTTP/1.0\r\n\r\n" "$1" >&3
        read -r line <&3
        [[ $line == *" 200 "* ]]' "$1" "$2" 2>/dev/null
}

free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        listening "$port" || { echo "$port"; return 0; }
    done
    return 1
}

port_of() { # port_of FILE: the port kept in it if still free, else a new one
    local port
    port=$(cat "$1" 2>/dev/null) || port=
    if [ -z "$port" ] || listening "$port"; then port=$(free_port) || return 1; fi
    echo "$port" >"$1"
    echo "$port"
}

find_java() { # find_java MIN [BESIDE]: the first java of at least that version, with another program beside it
    local java major
    for java in "${JAVA_HOME:-}/bin/java" "$(readlink -f "$(command -v java || true)" || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] && [ -x "${java%java}${2:-java}" ] || continue
        major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
        if [ -n "$major" ] && [ "$major" -ge "$1" ]; then echo "$java"; return 0; fi
    done
    return 1
}

copy_jars() { # copy_jars POM DIR LOG [OPTION...]: what POM depends on at run time; says why not on stdout
    local pom=$1 folder=$2 log=$3
    shift 3
    mvn -B -q -U -Dstyle.color=never -f "$pom" "$@" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$folder" >"$log" 2>&1 </dev/null && return 0
    sed -n 's/^.*\[ERROR\] *//p' "$log" | head -n 1 | cut -c1-240 \
        | sed 's#[a-z]*://[^ )]*#the registry#g; s/ *-> \[Help 1\]//; s/.*for project [^ ]*: //; s/ in central.*//; s/ in the registry.*//'
    return 1
}

go_build() { # go_build SRC OUTPUT LOG [OPTION...]: says why not on stdout
    local source=$1 output=$2 log=$3
    shift 3
    (cd "$source" && GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false" go build -trimpath -o "$output" "$@") \
        >"$log" 2>&1 </dev/null && return 0
    grep -v '^go: downloading' "$log" | head -n 1 | sed 's#[a-z]*://[^ )]*#the registry#g' | cut -c1-240
    return 1
}

BIN=
build_once() { # build_once LABEL SRC [OPTION...]: builds NAME of SRC's *.go, once per version of it; sets BIN
    local label=$1 source=$2 home part why
    shift 2
    command -v sha256sum >/dev/null || die 3 "needs sha256sum"
    home=$CACHE/$label-$(cat "$source"/*.go "$source/go.mod" "$source/go.sum" | sha256sum | cut -c1-12)
    BIN=$home/$NAME
    [ -x "$BIN" ] && return 0
    command -v go >/dev/null || die 3 "needs go (1.26 or newer) to build it"
    mkdir -p "$CACHE" || die 3 "cannot make $CACHE"
    exec 9>"$home.lock"
    flock 9
    if [ ! -x "$BIN" ]; then
        part=$home.part
        rm -rf "$part" "$home"
        mkdir -p "$part"
        why=$(go_build "$source" "$part/$NAME" "$part/build.log" "$@" -ldflags '-s -w' .) \
            || die 3 "cannot build: ${why:-go build failed}"
        mv "$part" "$home"
    fi
    exec 9>&-
}

running() { # running DATA: prints the pid of the server that runs on it
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$(mark "$1")" || return 1
    echo "$pid"
}

stop() { # stop DATA SIGNAL
    local pid i
    pid=$(running "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    for i in $(seq 300); do
        running "$1" >/dev/null || { rm -f "$1/pid"; return 0; }
        sleep 0.1
    done
    die 4 "pid $pid still runs 30 s after SIG$2"
}

why() { tail -n 1 "$1/$NAME.log"; }

start() { # start DATA PORT
    local data=$1 port=$2 pid deadline
    mkdir -p "$data" || die 2 "cannot make $data"
    data=$(cd "$data" && pwd)
    exec 8>"$data/lock"
    flock 8
    if pid=$(running "$data"); then
        echo "ready $(url "$(cat "$data/port")") pid $pid"
        return 0
    fi
    fetch
    [ "$port" != 0 ] || port=$(cat "$data/port" 2>/dev/null) || port=$(free_port) || die 4 "no free port"
    listening "$port" && die 4 "port $port is in use"
    echo "$port" >"$data/port"
    [ ! -e "$data/$NAME.log" ] || mv -f "$data/$NAME.log" "$data/$NAME.log.1"
    launch "$data" "$port"
    pid=$!
    echo "$pid" >"$data/pid"
    deadline=$((SECONDS + WAIT))
    while [ "$SECONDS" -lt "$deadline" ]; do
        if ! kill -0 "$pid" 2>/dev/null; then
            rm -f "$data/pid"
            die 4 "it ended while starting: $(why "$data" | cut -c1-200)"
        fi
        if is_ready "$data" "$port"; then
            echo "ready $(url "$port") pid $pid"
            return 0
        fi
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$data/pid"
    die 4 "not ready after $WAIT s (see $data/$NAME.log)"
}

main() { # main [start|stop|kill|fetch] [DATA_DIR] [PORT]
    local verb=start data=${PREFIX}_DATA port=${PREFIX}_PORT
    case ${1:-} in
        start | stop | kill | fetch) verb=$1; shift ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    esac
    data=${1:-${!data:-}}
    port=${2:-${!port:-0}}
    case $port in *[!0-9]*) die 2 "PORT must be a number, not '$port'" ;; esac
    case $verb in
        fetch) fetch; fetched ;;
        start) start "${data:-${TMPDIR:-/tmp}/bitacora-$NAME}" "$port" ;;
        stop | kill)
            [ -n "$data" ] || die 2 "$verb needs DATA_DIR"
            [ -d "$data" ] || exit 0
            data=$(cd "$data" && pwd)
            if [ "$verb" = stop ]; then stop "$data" TERM; else stop "$data" KILL; fi ;;
    esac
}
