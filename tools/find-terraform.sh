#!/bin/sh
# Prints the path of the current Terraform to test with, or nothing: $IOT_TERRAFORM_CURRENT, the one built into .cache/bin.
root=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's|^require github.com/hashicorp/terraform v||p' "$root/tools/terraform/go.mod")
for path in "${IOT_TERRAFORM_CURRENT:-}" "$root/.cache/bin/terraform-$version"; do
	if [ -n "$path" ] && [ -x "$path" ]; then
		printf '%s\n' "$path"
		exit 0
	fi
done
