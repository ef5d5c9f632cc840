#!/bin/sh
# The deployment of 27 November 2025 on this machine: the state before, users at work, plan, deploy, verified result.
# Called by `./steady demo`; the bed stays up until `./steady bed stop`.
set -eu
state=.state
run() {
    echo "\$ $*"
    "$@"
}
field() { .venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }

run ./steady bed start
[ "$(field $state/bed.json engine)" = processes ] || {
    echo "steady: the bed that runs here starts no processes: ./steady bed stop, then ./steady demo." >&2
    exit 1
}
endpoint=$(field $state/bed.json endpoint)
.venv-bed/bin/python -m testbed.production "$endpoint" --state $state
url=$(field $state/bed.json url)

echo
echo "== The plan"
run ./steady play deploy.yml --check --diff

echo
echo "== The deployment, while 30 users talk to the application at $url"
rm -f $state/users.stop $state/users.json
.venv-bed/bin/python -m testbed.users "$url" --users 30 --pace 2 --ramp 2 --seconds 0 \
    --until $state/users.stop --json $state/users.json >$state/users.txt &
users=$!
trap 'kill $users 2>/dev/null || true' EXIT
ended=0
run ./steady play deploy.yml -e "{\"report_traffic\": \"$PWD/$state/users.json\"}" || ended=$?
: >$state/users.stop
wait $users || true
trap - EXIT

echo
echo "== The users"
cat $state/users.txt
[ $ended -eq 0 ] || exit $ended
cat <<'TEXT'

== Go on from here
  ./steady play verify.yml
  ./steady drift
  ./steady play rollback.yml
  ./steady bed stop
TEXT
