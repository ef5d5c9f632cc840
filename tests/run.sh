#!/bin/sh
# The tests, part by part: style unit edges molecule faults e2e build are daily; `lint` has ansible-lint beside the style
# of all files, `bed` tests the test bed itself, `walks` go through many plays, `long` has variants of shorter tests,
# `lanes` repeats some on other cores, `foreign` has the clients of others, `sanity` runs ansible-test on what ships;
# `verdicts` provokes each kind of docs/verdicts.md and writes that page. Called by ./steady test.
set -eu
[ $# -gt 0 ] || set -- all

# What of lint takes seconds; CI runs the whole.
style() {
    mypy &
    types=$!
    ruff check .
    ruff format --check .
    yamllint .
    wait $types
}
lint() {
    style
    ANSIBLE_INVENTORY=inventories/local,molecule/shared/inventory ansible-lint
    antsibull-changelog lint
}
unit() { pytest -n 2 tests/house tests/unit tests/property; }
# These wait more than they compute, so four side by side use two cores well; each has a bed of its own.
worlds() { pytest -n 4 --dist worksteal -m "not walk and not long and not verdicts" "$@"; }
walks() { pytest -n 4 --dist worksteal -m "walk and not long" tests; }
# The state machine lives for ten minutes here, and properties are tried with values that nobody has tried.
long() {
    pytest -n 4 --dist worksteal -m long tests --machine-seconds 600
    pytest -n 2 --hypothesis-profile "by chance" -m "hypothesis and not walk and not long" tests
}
edges() { worlds tests/edges tests/store tests/cases; }
# The bed itself, by what AWS documents: for whoever changes it, and CI.
bed() { worlds tests/testbed tests/conformance; }
e2e() { worlds tests/e2e tests/iam; }
# The sweeps' short form (./steady sweep has the long one), and stores and clocks that fail.
faults() { pytest -n 2 --dist worksteal -m "not walk and not long" tests/faults; }
build() { worlds tests/build; }
# Every kind in every way to run it takes long; the page is written when all of them have passed. The same command goes on
# with what this very code has not passed yet; STEADY_SHARD=1/2 is a half, and shards of one checkout add up.
verdicts() {
    STEADY_SHARD=${STEADY_SHARD:-1/1} pytest -n 4 --dist worksteal -m verdicts tests/verdicts
    STEADY_SHARD=${STEADY_SHARD:-1/1} python -m tests.verdicts.page
}
# The clients of others, against what they document and then beside Steady; a whole run writes docs/comparison.md
# and goes on as `verdicts` does.
foreign() {
    STEADY_SHARD=${STEADY_SHARD:-1/1} pytest -n 2 --dist worksteal tests/foreign
    STEADY_SHARD=${STEADY_SHARD:-1/1} python -m tests.foreign.table
}
# Each hazard of preflight does its damage, and its cure none; HAZARD_RUNS=5 for the counts of docs/hazards.md.
hazards() { pytest -n 2 --dist worksteal tests/hazards; }
# What Molecule remembers it keeps for all checkouts that have one name: a run that was killed elsewhere would leave ours
# without its first step.
scenarios() {
    export MOLECULE_EPHEMERAL_DIRECTORY="$PWD/.state/molecule-remembers"
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
    molecule test --all --workers 2 --continue-on-failure
}

quick() {
    style
    unit
}
# One computes while the other waits; what the first has printed comes when both have ended.
side_by_side() {
    mkdir -p .state
    "$1" >".state/$1.log" 2>&1 &
    first=$!
    ended=0
    "$2" || ended=$?
    wait $first || ended=$?
    cat ".state/$1.log"
    return $ended
}

for part in "$@"; do
    case "$part" in
        all)
            echo "== molecule; style and unit beside it"
            side_by_side quick scenarios
            echo "== faults"
            faults
            echo "== e2e, edges and build"
            worlds tests/e2e tests/iam tests/edges tests/store tests/cases tests/build tests/verdicts tests/hazards
            ;;
        molecule) scenarios ;;
        lanes) sh tests/lanes.sh ;;
        sanity) sh tests/sanity/run.sh ;;
        style | lint | unit | edges | bed | faults | e2e | build | walks | long | hazards | foreign | verdicts) "$part" ;;
        *)
            echo "steady: no such part: $part (see ./steady help)" >&2
            exit 1
            ;;
    esac
done
