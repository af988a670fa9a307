#!/bin/sh
# Makes sure that moto's server can run: uses what is there, else installs the
# pinned version into .cache/moto, else says what to do.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
version=5.2.1

found=$(sh "$root/tools/find-python.sh")
if [ -n "$found" ]; then
	exit 0
fi
if ! command -v python3 >/dev/null 2>&1; then
	echo "moto, the local AWS of the tests, needs Python 3. Install it (Debian: apt-get install python3 python3-venv; macOS: brew install python) and run make again." >&2
	exit 1
fi
echo "Installing moto $version into .cache/moto"
if ! { python3 -m venv "$root/.cache/moto" && "$root/.cache/moto/bin/pip" install --quiet "moto[server]==$version"; }; then
	rm -rf "$root/.cache/moto"
	echo "Installing moto did not work. Install it where python3 finds it (pip install 'moto[server]==$version'), or set MOTO_PYTHON to an interpreter that has it, and run make again." >&2
	exit 1
fi
