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

NAME=kafka PREFIX=KAFKA WAIT=${KAFKA_WAIT:-90}
VERSION=${KAFKA_VERSION:-4.4.0} HEAP=${KAFKA_HEAP:-512m}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/server.sh"

HOME_DIR=$CACHE/kafka-$VERSION

fetch() { # the jars; sets JAVA
    local part=$HOME_DIR.part why
    JAVA=$(find_java 17) || die 3 "needs Java 17 or newer"
    [ -e "$HOME_DIR/.complete" ] && return 0
    command -v mvn >/dev/null || die 3 "needs mvn (Maven) to fetch the jars"
    mkdir -p "$CACHE"
    exec 9>"$HOME_DIR.lock"
    flock 9
    if [ ! -e "$HOME_DIR/.complete" ]; then
        rm -rf "$part" "$HOME_DIR"
        mkdir -p "$part/lib"
        why=$(copy_jars "$HERE/kafka/pom.xml" "$part/lib" "$part/fetch.log" -Dkafka.version="$VERSION") \
            || die 3 "cannot fetch kafka_2.13 $VERSION: ${why:-mvn failed}"
        [ -e "$part/lib/kafka_2.13-$VERSION.jar" ] || die 3 "cannot fetch kafka_2.13 $VERSION: no jar came"
        touch "$part/.complete"
        mv "$part" "$HOME_DIR"
    fi
    exec 9>&-
}
fetched() { echo "fetched $HOME_DIR"; }
url() { echo "127.0.0.1:$1"; }
mark() { echo "$1/server.properties"; }
is_ready() { grep -q 'Kafka Server started' "$1/$NAME.log" && listening "$2"; }
why() { grep -E 'ERROR|Exception' "$1/$NAME.log" | head -n 1; }

configure() { # configure DATA PORT
    local control inside
    control=$(port_of "$1/controller-port") || die 4 "no free port"
    inside=$(free_port) || die 4 "no free port"
    local protocol=${KAFKA_USER:+SASL_}PLAINTEXT
    [ -z "${KAFKA_PEM:-}" ] || protocol=${KAFKA_USER:+SASL_}SSL
    (umask 077; : >"$1/server.properties")
    cat >"$1/server.properties" <<PROPS
process.roles=broker,controller
node.id=1
listeners=CLIENT://127.0.0.1:$2,INSIDE://127.0.0.1:$inside,CONTROLLER://127.0.0.1:$control
advertised.listeners=CLIENT://127.0.0.1:$2,INSIDE://127.0.0.1:$inside
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:$protocol,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INSIDE
controller.quorum.voters=1@127.0.0.1:$control
log.dirs=$1/logs
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
        cat >>"$1/server.properties" <<PROPS
listener.name.client.sasl.enabled.mechanisms=${KAFKA_MECHANISMS:-PLAIN}
listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${KAFKA_USER%%:*}="${KAFKA_USER#*:}";
PROPS
    fi
    if [ -n "${KAFKA_PEM:-}" ]; then
        cat >>"$1/server.properties" <<PROPS
listener.name.client.ssl.keystore.type=PEM
listener.name.client.ssl.keystore.location=$KAFKA_PEM
PROPS
    fi
}

launch() {
    configure "$1" "$2"
    if [ ! -e "$1/logs/meta.properties" ]; then
        "$JAVA" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$HOME_DIR/lib/*" \
            kafka.tools.StorageTool format --cluster-id 4L6g3nShT-eMCtK--X86sw \
            --config "$1/server.properties" --ignore-formatted >"$1/format.log" 2>&1 </dev/null \
            || die 4 "cannot format $1/logs: $(tail -n 1 "$1/format.log" | cut -c1-200)"
    fi
    nohup "$JAVA" -Xms128m "-Xmx$HEAP" -XX:+UseSerialGC -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        -cp "$HOME_DIR/lib/*" kafka.Kafka "$1/server.properties" \
        >"$1/$NAME.log" 2>&1 </dev/null 8>&- &
}

main "$@"
