#!/bin/sh
# Prints where a kind of device clients for the tests is, or nothing: "node", the directory of the packages that
# tools/clients pins; "python", an interpreter that has paho-mqtt.
root=$(cd "$(dirname "$0")/.." && pwd)
case "$1" in
node)
	if cmp -s "$root/tools/clients/package-lock.json" "$root/.cache/clients/package-lock.json" &&
		[ -f "$root/.cache/clients/node_modules/.package-lock.json" ]; then
		printf '%s\n' "$root/.cache/clients/node_modules"
	fi
	;;
python)
	for python in "${IOT_PAHO_PYTHON:-}" "$root/.cache/clients/python/bin/python" python3 /usr/bin/python3; do
		if [ -n "$python" ] && "$python" -c 'import paho.mqtt.client' >/dev/null 2>&1; then
			command -v "$python"
			exit 0
		fi
	done
	;;
esac
