#!/bin/sh
# Prints the Python interpreter that has moto's server, or nothing. The order:
# $MOTO_PYTHON, the project's own virtual environment, the interpreter behind
# moto_server on PATH, python3 on PATH.
has_moto() { [ -n "$1" ] && "$1" -c 'import moto.server, flask' >/dev/null 2>&1; }

root=$(cd "$(dirname "$0")/.." && pwd)
server=$(command -v moto_server 2>/dev/null)
shebang=
[ -n "$server" ] && shebang=$(sed -n '1s/^#!//p' "$server" | cut -d' ' -f1)
case "$shebang" in */env|*sh) shebang= ;; esac

for python in "$MOTO_PYTHON" "$root/.cache/moto/bin/python" "$shebang" python3; do
	if has_moto "$python"; then
		printf '%s\n' "$python"
		exit 0
	fi
done
