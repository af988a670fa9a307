#!/bin/sh
# Builds iot-edge_linux_<architecture>.zip for gateways into a directory. The same source gives the same bytes.
set -eu
out=$(cd "$1" 2>/dev/null && pwd || { mkdir -p "$1" && cd "$1" && pwd; })
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for architecture in arm64 amd64; do
	(cd "$root" && CGO_ENABLED=0 GOOS=linux GOARCH=$architecture \
		go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$work/iot-edge" ./cmd/iot-edge)
	touch -t 198001010000 "$work/iot-edge"
	rm -f "$out/iot-edge_linux_$architecture.zip"
	(cd "$work" && TZ=UTC zip -q -X "$out/iot-edge_linux_$architecture.zip" iot-edge)
	echo "$out/iot-edge_linux_$architecture.zip"
done
