#!/bin/sh
# Makes sure that there are device clients for the tests of the local broker: AWS's device SDKs for JavaScript, of the
# versions that tools/clients pins, mosquitto's tools, and paho for Python. The SDKs go into .cache/clients; the others
# are used where they are, else installed from Debian's packages, which takes root.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
find="$root/tools/find-clients.sh"

if [ -z "$(sh "$find" node)" ]; then
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		echo "The tests with AWS's device SDKs need Node.js 20 or later with npm. Install it (apt-get install nodejs npm, dnf install nodejs, or brew install node) and run make again." >&2
		exit 1
	fi
	echo "Installing AWS's device SDKs for JavaScript into .cache/clients" >&2
	mkdir -p "$root/.cache/clients"
	rm -f "$root/.cache/clients/package-lock.json"
	cp "$root/tools/clients/package.json" "$root/tools/clients/.npmrc" "$root/.cache/clients"
	cp "$root/tools/clients/package-lock.json" "$root/.cache/clients/package-lock.json"
	if ! (cd "$root/.cache/clients" && npm ci --ignore-scripts >&2); then
		rm -f "$root/.cache/clients/package-lock.json"
		echo "npm ci in .cache/clients did not work; what it printed stands above." >&2
		exit 1
	fi
fi

missing() { [ -z "$(sh "$find" python)" ] || ! command -v mosquitto_rr >/dev/null; }
if missing && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		mosquitto-clients python3-paho-mqtt >&2 || true
fi
if [ -z "$(sh "$find" python)" ] && python3 -m venv "$root/.cache/clients/python"; then
	"$root/.cache/clients/python/bin/pip" install --quiet paho-mqtt==1.6.1 >&2 || true
fi
if [ -z "$(sh "$find" python)" ]; then
	echo "The tests with firmware in Python need paho-mqtt. Install it where python3 finds it (apt-get install python3-paho-mqtt, or pip install paho-mqtt), or set IOT_PAHO_PYTHON to an interpreter that has it." >&2
	exit 1
fi
if ! command -v mosquitto_rr >/dev/null; then
	echo "The tests need mosquitto's tools mosquitto_pub, mosquitto_sub and mosquitto_rr. Install them (apt-get install mosquitto-clients, dnf install mosquitto, or brew install mosquitto) and put them on PATH." >&2
	exit 1
fi
