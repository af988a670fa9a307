#!/bin/sh
# Usage: tools/test.sh TIMEOUT PACKAGE...
#
# Runs tests with the race detector, but for those that take pipelines through hundreds of lives against a local AWS: in
# them, the detector triples the time, nearly all of it in AWS's SDK, and what they run concurrently has tests with the
# detector of its own. `make test-race` runs them with it as well.
set -u

timeout=$1
shift
lives='/(internal/test/faultsweep(/terraform)?|provider/pipeline)$'

all=$(go list "$@") || exit 1
status=0
raced=$(printf '%s\n' "$all" | grep -Ev "$lives")
rest=$(printf '%s\n' "$all" | grep -E "$lives")
[ -z "$raced" ] || go test -race -timeout "$timeout" $raced || status=1
[ -z "$rest" ] || go test -timeout "$timeout" $rest || status=1
exit $status
