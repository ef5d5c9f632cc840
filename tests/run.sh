#!/bin/sh
# The tests, part by part: lint unit bed molecule e2e build; `lanes` repeats some on other cores. Called by ./steady test.
set -eu
part=${1:-all}
[ $# -eq 0 ] || shift

lint() {
    ruff check .
    ruff format --check .
    mypy
    yamllint .
    ANSIBLE_INVENTORY=inventories/local,molecule/shared/inventory ansible-lint
    antsibull-changelog lint
}
unit() { pytest -n 2 tests/house tests/unit tests/property "$@"; }
bed() { pytest -n 2 tests/testbed tests/conformance "$@"; }
scenarios() { molecule test --all --continue-on-failure; }
e2e() { pytest tests/e2e "$@"; }
build() { pytest tests/build "$@"; }

case "$part" in
    all)
        for each in lint unit bed scenarios e2e build; do
            echo "== $each"
            $each
        done
        ;;
    molecule) scenarios ;;
    lanes) sh tests/lanes.sh "$@" ;;
    lint | unit | bed | e2e | build) "$part" "$@" ;;
    *)
        echo "steady: no such part: $part (lint unit bed molecule e2e build lanes)" >&2
        exit 1
        ;;
esac
