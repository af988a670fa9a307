#!/bin/sh
# Makes sure that the current Terraform can run: uses what $IOT_TERRAFORM_CURRENT names, else builds the one that
# tools/terraform/go.mod pins (some minutes, once; needs only the Go module proxy). It is for tests: nothing of it ships.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-terraform.sh")" ]; then
	exit 0
fi
version=$(sed -n 's|^require github.com/hashicorp/terraform v||p' "$root/tools/terraform/go.mod")
echo "Building Terraform $version into .cache/bin. This takes some minutes, once."
mkdir -p "$root/.cache/bin"
if ! (cd "$root/tools/terraform" && GOFLAGS=-buildvcs=false go build -o "$root/.cache/bin/terraform-$version" github.com/hashicorp/terraform); then
	echo "Building Terraform did not work. Set IOT_TERRAFORM_CURRENT to the path of Terraform $version or later." >&2
	exit 1
fi
