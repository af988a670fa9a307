#!/bin/sh
# Prints the path of the DuckDB program to test with, or nothing: $IOT_DUCKDB, the one built into .cache/bin.
root=$(cd "$(dirname "$0")/.." && pwd)
for path in "${IOT_DUCKDB:-}" "$root/.cache/bin/duckdb-json"; do
	if [ -n "$path" ] && [ -x "$path" ]; then
		printf '%s\n' "$path"
		exit 0
	fi
done
