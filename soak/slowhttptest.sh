#!/usr/bin/env bash
# slowhttptest in its four modes, 1,000 connections each: the service has to be available
# throughout, by what slowhttptest says and by what a probe sees that asks once per second.
#
#   soak/slowhttptest.sh [SERVER [SECONDS [CONNECTIONS]]]
set -euo pipefail
cd "$(dirname "$0")/.."

server=${1:-target/release/sockeye}
seconds=${2:-40}
connections=${3:-1000}
# How many seconds a probe waits for its answer.
patience=3

missing=()
for tool in curl slowhttptest; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" -gt 0 ]; then
    sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
ulimit -n "$(ulimit -Hn)"

scratch=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT
mkdir "$scratch/root"
printf 'a small page\n' >"$scratch/root/page.txt"
head -c 10485760 /dev/urandom >"$scratch/root/file.bin"
cat >"$scratch/sockeye.toml" <<END
[[service]]
listen = "127.0.0.1:0"
root = "$scratch/root"

[[service]]
listen = "127.0.0.1:0"
component = "$(realpath target/guests/upload.wasm)"
END

: >"$scratch/log"
"$server" serve --config "$scratch/sockeye.toml" --workers 1 2>"$scratch/log" &
pid=$!
urls=()
for _ in $(seq 600); do
    mapfile -t urls < <(sed -n 's/.*listening url=\(http:[^ ]*\) .*/\1/p' "$scratch/log")
    [ "${#urls[@]}" -lt 2 ] || break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
if [ "${#urls[@]}" -lt 2 ]; then
    cat "$scratch/log" >&2
    exit 2
fi
files=${urls[0]} uploads=${urls[1]}

# Asks once per second until it is ended; a line for every answer that is none.
probe() {
    local asked=0
    while sleep 1; do
        asked=$((asked + 1))
        answer=$(curl --silent --max-time "$patience" "${files}page.txt") || true
        [ "$answer" = 'a small page' ] || echo "page, second $asked: \`$answer\`" >>"$1.failed"
        answer=$(curl --silent --max-time "$patience" --data abc "$uploads") || true
        [[ "$answer" = '3 ba7816bf'* ]] || echo "upload, second $asked: \`$answer\`" >>"$1.failed"
        echo "$asked" >"$1.asked"
    done
}

failed=0
check() { # TEXT COMMAND...
    local text=$1
    shift
    if "$@"; then
        echo "ok    $text"
    else
        echo "FAIL  $text"
        failed=$((failed + 1))
    fi
}

# Attacks for as long as wanted: where the server gets rid of everybody before that, again.
attack() { # NAME FLAGS...
    local name=$1 report="$scratch/$1" end=$((SECONDS + seconds)) probing
    local rounds=0 made=0 down=0 broken=0 left asked
    shift
    : >"$report.failed"
    echo 0 >"$report.asked"
    probe "$report" &
    probing=$!
    while left=$((end - SECONDS)) && [ "$left" -ge 5 ]; do
        rounds=$((rounds + 1))
        # Its own clock ends it; `timeout` is for where that fails.
        timeout $((left + 30)) slowhttptest "$@" -c "$connections" -l "$left" -p "$patience" \
            -g -o "$report" >"$report.out" 2>&1 </dev/null || broken=$((broken + 1))
        # Seconds,Closed,Pending,Connected,Service Available: the last is 0 where it is not.
        # The best round counts: several small ones are no large one.
        made=$(awk -F, -v most="$made" 'NR > 1 { n = $2 + $4; if (n > most) most = n }
            END { print most + 0 }' "$report.csv")
        down=$((down + $(awk -F, 'NR > 1 && $5 + 0 == 0 { down++ }
            END { print down + 0 }' "$report.csv")))
        rm -f "$report.csv"
    done
    kill "$probing"
    wait "$probing" 2>/dev/null || true
    asked=$(cat "$report.asked")
    check "$name: slowhttptest ended by itself $rounds times, $broken not" test "$broken" -eq 0
    check "$name: $made connections, $connections are wanted" test "$made" -ge "$connections"
    check "$name: slowhttptest saw the service down in $down seconds" test "$down" -eq 0
    check "$name: the probe asked $asked times" test "$asked" -ge $((seconds / 3))
    check "$name: $(wc -l <"$report.failed") probes failed" test ! -s "$report.failed"
    head -3 "$report.failed"
}

attack slowloris -H -r 200 -i 5 -t GET -x 24 -u "${files}page.txt"
attack slow-body -B -r 200 -i 5 -s 100000 -t POST -x 24 -u "$uploads"
# All at once: it gives up when it finds everybody answered.
attack ranges -R -r 1000 -a 5 -b 2000 -t GET -u "${files}file.bin"
attack slow-read -X -r 200 -k 3 -n 5 -w 256 -y 1024 -z 32 -u "${files}file.bin"

check 'the server is up at the end' kill -0 "$pid"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
pid=
check "the server ends in order after SIGTERM ($status)" test "$status" -eq 0
echo
echo "$failed expectations fail"
[ "$failed" -eq 0 ]
