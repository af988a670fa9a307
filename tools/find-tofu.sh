#!/bin/sh
# Prints the path of the OpenTofu to test with, or nothing: $IOT_OPENTOFU, tofu on PATH, the one built into .cache/bin.
root=$(cd "$(dirname "$0")/.." && pwd)
for path in "${IOT_OPENTOFU:-}" "$(command -v tofu)" "$root/.cache/bin/tofu"; do
	if [ -n "$path" ] && [ -x "$path" ]; then
		printf '%s\n' "$path"
		exit 0
	fi
done
