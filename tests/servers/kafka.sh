#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft, one node, loopback) for tests.
#
#   kafka.sh [start] [DATA_DIR] [PORT]   start, or find the one already running on DATA_DIR
#   kafka.sh stop DATA_DIR               SIGTERM, wait until it is gone
#   kafka.sh kill DATA_DIR               SIGKILL (crash), wait until it is gone
#   kafka.sh fetch                       only fetch the jars
#
# start prints `ready 127.0.0.1:PORT pid PID` when the broker answers; every failure
# is one line on stderr and a non-zero exit (2 usage, 3 tools or jars not to be had,
# 4 the server did not start). PORT 0 (the default for a new DATA_DIR) takes a free
# one; a DATA_DIR keeps its port, data and topics over restarts.
#
# Environment: BITACORA_SERVERS (cache, default ~/.cache/bitacora-servers),
# KAFKA_DATA, KAFKA_PORT, KAFKA_VERSION (4.4.0), KAFKA_HEAP (512m),
# KAFKA_WAIT (seconds until ready, 90), KAFKA_EXTRA (more lines for server.properties),
# KAFKA_USER (NAME:PASSWORD, whom it then asks for with SASL PLAIN), KAFKA_MECHANISMS (PLAIN,
# and for users that an administrator adds SCRAM-SHA-256 and SCRAM-SHA-512, with commas between
# them), KAFKA_PEM (a file with key and certificate: it then speaks TLS).
# Needs: Java 17 or newer, Maven, bash, flock.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${BITACORA_SERVERS:-${HOME:-/tmp}/.cache/bitacora-servers}
VERSION=${KAFKA_VERSION:-4.4.0}
HEAP=${KAFKA_HEAP:-512m}
WAIT=${KAFKA_WAIT:-90}
HOME_DIR=$CACHE/kafka-$VERSION

die() { local rc=$1; shift; echo "kafka: $*" >&2; exit "$rc"; }

find_java() { # find_java MIN: the first java of at least that version
    local java major
    for java in "${JAVA_HOME:-}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
        if [ -n "$major" ] && [ "$major" -ge "$1" ]; then echo "$java"; return 0; fi
    done
    return 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        listening "$port" || { echo "$port"; return 0; }
    done
    return 1
}

fetch() {
    [ -e "$HOME_DIR/.complete" ] && return 0
    command -v mvn >/dev/null || die 3 "needs mvn (Maven) to fetch the jars"
    mkdir -p "$CACHE"
    exec 9>"$HOME_DIR.lock"
    flock 9
    if [ ! -e "$HOME_DIR/.complete" ]; then
        local part=$HOME_DIR.part why
        rm -rf "$part" "$HOME_DIR"
        mkdir -p "$part/lib"
        if ! mvn -B -q -U -Dstyle.color=never -f "$HERE/kafka/pom.xml" -Dkafka.version="$VERSION" \
            dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$part/lib" >"$part/fetch.log" 2>&1 </dev/null; then
            why=$(sed -n 's/^.*\[ERROR\] *//p' "$part/fetch.log" | head -n 1 \
                | sed 's#[a-z]*://[^ )]*#the registry#g; s/ *-> \[Help 1\]//; s/.*for project [^ ]*: //; s/ in central.*//; s/ in the registry.*//' | cut -c1-240)
            die 3 "cannot fetch kafka_2.13 $VERSION: ${why:-mvn failed}"
        fi
        [ -e "$part/lib/kafka_2.13-$VERSION.jar" ] || die 3 "cannot fetch kafka_2.13 $VERSION: no jar came"
        touch "$part/.complete"
        mv "$part" "$HOME_DIR"
    fi
    exec 9>&-
}

running() { # running DATA_DIR: prints the pid of the broker that runs on it
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1/server.properties" || return 1
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
    local data=$1 port=$2 control inside pid java i
    mkdir -p "$data" || die 2 "cannot make $data"
    data=$(cd "$data" && pwd)
    exec 8>"$data/lock"
    flock 8
    if pid=$(running "$data"); then
        echo "ready 127.0.0.1:$(cat "$data/port") pid $pid"
        return 0
    fi
    java=$(find_java 17) || die 3 "needs Java 17 or newer"
    fetch
    [ "$port" != 0 ] || port=$(cat "$data/port" 2>/dev/null) || port=$(free_port) || die 4 "no free port"
    control=$(cat "$data/controller-port" 2>/dev/null) || control=$(free_port) || die 4 "no free port"
    listening "$port" && die 4 "port $port is in use"
    if listening "$control"; then control=$(free_port) || die 4 "no free port"; fi
    inside=$(free_port) || die 4 "no free port"
    echo "$port" >"$data/port"
    echo "$control" >"$data/controller-port"
    local protocol=${KAFKA_USER:+SASL_}PLAINTEXT
    [ -z "${KAFKA_PEM:-}" ] || protocol=${KAFKA_USER:+SASL_}SSL
    (umask 077; : >"$data/server.properties")
    cat >"$data/server.properties" <<PROPS
process.roles=broker,controller
node.id=1
listeners=CLIENT://127.0.0.1:$port,INSIDE://127.0.0.1:$inside,CONTROLLER://127.0.0.1:$control
advertised.listeners=CLIENT://127.0.0.1:$port,INSIDE://127.0.0.1:$inside
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:$protocol,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INSIDE
controller.quorum.voters=1@127.0.0.1:$control
log.dirs=$data/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
${KAFKA_EXTRA:-}
PROPS
    if [ -n "${KAFKA_USER:-}" ]; then
        cat >>"$data/server.properties" <<PROPS
listener.name.client.sasl.enabled.mechanisms=${KAFKA_MECHANISMS:-PLAIN}
listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${KAFKA_USER%%:*}="${KAFKA_USER#*:}";
PROPS
    fi
    if [ -n "${KAFKA_PEM:-}" ]; then
        cat >>"$data/server.properties" <<PROPS
listener.name.client.ssl.keystore.type=PEM
listener.name.client.ssl.keystore.location=$KAFKA_PEM
PROPS
    fi
    if [ ! -e "$data/logs/meta.properties" ]; then
        "$java" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$HOME_DIR/lib/*" \
            kafka.tools.StorageTool format --cluster-id 4L6g3nShT-eMCtK--X86sw \
            --config "$data/server.properties" --ignore-formatted >"$data/format.log" 2>&1 </dev/null \
            || die 4 "cannot format $data/logs: $(tail -n 1 "$data/format.log" | cut -c1-200)"
    fi
    [ ! -e "$data/kafka.log" ] || mv -f "$data/kafka.log" "$data/kafka.log.1"
    nohup "$java" -Xms128m "-Xmx$HEAP" -XX:+UseSerialGC -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        -cp "$HOME_DIR/lib/*" kafka.Kafka "$data/server.properties" \
        >"$data/kafka.log" 2>&1 </dev/null 8>&- &
    pid=$!
    echo "$pid" >"$data/pid"
    for i in $(seq $((WAIT * 10))); do
        if ! kill -0 "$pid" 2>/dev/null; then
            rm -f "$data/pid"
            die 4 "the broker ended while starting: $(grep -E 'ERROR|Exception' "$data/kafka.log" | head -n 1 | cut -c1-200)"
        fi
        if grep -q 'Kafka Server started' "$data/kafka.log" && listening "$port"; then
            echo "ready 127.0.0.1:$port pid $pid"
            return 0
        fi
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$data/pid"
    die 4 "not ready after $WAIT s (see $data/kafka.log)"
}

verb=start
case ${1:-} in
    start | stop | kill | fetch) verb=$1; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
data=${1:-${KAFKA_DATA:-}}
port=${2:-${KAFKA_PORT:-0}}
case $port in *[!0-9]*) die 2 "PORT must be a number, not '$port'" ;; esac
case $verb in
    fetch) fetch; echo "fetched $HOME_DIR" ;;
    start) start "${data:-${TMPDIR:-/tmp}/bitacora-kafka}" "$port" ;;
    stop | kill)
        [ -n "$data" ] || die 2 "$verb needs DATA_DIR"
        [ -d "$data" ] || exit 0
        data=$(cd "$data" && pwd)
        if [ "$verb" = stop ]; then stop "$data" TERM; else stop "$data" KILL; fi ;;
esac
