#!/bin/sh
# Prints the path of the VictoriaMetrics to test with, or nothing: $IOT_VICTORIA_METRICS, victoria-metrics on PATH, the
# one built into .cache/bin.
root=$(cd "$(dirname "$0")/.." && pwd)
for path in "${IOT_VICTORIA_METRICS:-}" "$(command -v victoria-metrics)" "$root/.cache/bin/victoria-metrics"; do
	if [ -n "$path" ] && [ -x "$path" ]; then
		printf '%s\n' "$path"
		exit 0
	fi
done
