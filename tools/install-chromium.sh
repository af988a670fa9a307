#!/bin/sh
# Makes sure that there is a Chromium for the tests of the page: uses the one that find-chromium.sh finds, else installs
# Debian's package, which takes root.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(sh "$root/tools/find-chromium.sh")" ]; then
	exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >&2 || true
fi
if [ -z "$(sh "$root/tools/find-chromium.sh")" ]; then
	echo "The tests of the page need Chromium. Install it (apt-get install chromium, dnf install chromium, or brew install --cask chromium), or set IOT_CHROMIUM to the program." >&2
	exit 1
fi
