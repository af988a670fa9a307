#!/bin/sh
# Makes sure that Terraform or OpenTofu can run: uses what is there, else builds
# the OpenTofu that tools/tofu/go.mod pins (some minutes, needs only the Go module proxy).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-cli.sh")" ]; then
	exit 0
fi
echo "Neither terraform nor tofu is on PATH: building OpenTofu into .cache/bin. This takes some minutes, once."
mkdir -p "$root/.cache/bin"
if ! (cd "$root/tools/tofu" && go build -o "$root/.cache/bin/tofu" github.com/opentofu/opentofu/cmd/tofu); then
	echo "Building OpenTofu did not work. Install Terraform 1.8 or later or OpenTofu 1.8 or later and put it on PATH, or set TF_ACC_TERRAFORM_PATH to it." >&2
	exit 1
fi
