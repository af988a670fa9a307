#!/bin/sh
# Makes sure that Terraform or OpenTofu can run: uses what is there, else builds the pinned OpenTofu.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-cli.sh")" ]; then
	exit 0
fi
echo "Neither terraform nor tofu is on PATH."
if ! sh "$root/tools/install-tofu.sh"; then
	echo "Or install Terraform 1.8 or later and put it on PATH, or set TF_ACC_TERRAFORM_PATH to it." >&2
	exit 1
fi
