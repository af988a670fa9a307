#!/bin/sh
# Prints the path of the Terraform or OpenTofu command to test with, or nothing:
# $TF_ACC_TERRAFORM_PATH, terraform or tofu on PATH, the one built into .cache/bin.
root=$(cd "$(dirname "$0")/.." && pwd)
for cli in "${TF_ACC_TERRAFORM_PATH:-}" "$(command -v terraform)" "$(command -v tofu)" "$root/.cache/bin/tofu"; do
	if [ -n "$cli" ] && [ -x "$cli" ]; then
		printf '%s\n' "$cli"
		exit 0
	fi
done
