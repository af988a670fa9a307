#!/bin/sh
# Makes sure that VictoriaMetrics can run: uses what is there, else builds what tools/victoriametrics/go.mod pins (a
# minute, needs only the Go module proxy).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-victoria-metrics.sh")" ]; then
	exit 0
fi
echo "victoria-metrics is not on PATH: building it into .cache/bin. This takes a minute, once."
mkdir -p "$root/.cache/bin"
if ! (cd "$root/tools/victoriametrics" &&
	go build -o "$root/.cache/bin/victoria-metrics" github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics); then
	echo "Building VictoriaMetrics did not work. Install it and put it on PATH as victoria-metrics, or set IOT_VICTORIA_METRICS to it." >&2
	exit 1
fi
