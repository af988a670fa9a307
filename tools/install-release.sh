#!/bin/sh
# Builds what makes a release into .cache/bin, if it is not there: GoReleaser and the CycloneDX tool (some minutes, once;
# needs only the Go module proxy). tools/release/go.mod pins them.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/.cache/bin"
for package in github.com/goreleaser/goreleaser/v2 github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod; do
	name=$(basename "${package%/v2}")
	if [ ! -x "$root/.cache/bin/$name" ]; then
		echo "Building $name into .cache/bin. This takes some minutes, once."
		(cd "$root/tools/release" && GOFLAGS=-buildvcs=false go build -o "$root/.cache/bin/$name" "$package")
	fi
done
