#!/bin/sh
# Makes sure that OpenTofu can run: uses what is there, else builds the OpenTofu that tools/tofu/go.mod pins (some
# minutes, once; needs only the Go module proxy).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-tofu.sh")" ]; then
	exit 0
fi
echo "Building OpenTofu into .cache/bin. This takes some minutes, once."
mkdir -p "$root/.cache/bin"
if ! (cd "$root/tools/tofu" && GOFLAGS=-buildvcs=false go build -o "$root/.cache/bin/tofu" github.com/opentofu/opentofu/cmd/tofu); then
	echo "Building OpenTofu did not work. Install OpenTofu 1.8 or later and put it on PATH, or set IOT_OPENTOFU to its path." >&2
	exit 1
fi
