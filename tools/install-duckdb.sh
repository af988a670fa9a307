#!/bin/sh
# Makes sure that DuckDB can run: uses what $IOT_DUCKDB names, else builds tools/duckdb (some seconds; needs the Go module
# proxy and a C compiler, since DuckDB is a C++ library that the module brings along).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${IOT_DUCKDB:-}" ] && [ -x "$IOT_DUCKDB" ]; then
	exit 0
fi
mkdir -p "$root/.cache/bin"
if ! (cd "$root/tools/duckdb" && CGO_ENABLED=1 GOFLAGS=-buildvcs=false go build -o "$root/.cache/bin/duckdb-json" .); then
	echo "Building DuckDB did not work. It needs a C and C++ compiler, as go test -race does: apt-get install g++, dnf install gcc-c++, or xcode-select --install." >&2
	exit 1
fi
