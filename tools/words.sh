#!/bin/sh
# Finds phrases that words.txt lists in documents, comments and messages. Prints each with its place and a better
# phrase, and exits 1 if there are any.
set -eu
cd "$(dirname "$0")/.."

# git grep exits 1 if it finds nothing.
hits=$(cut -f1 tools/words.txt | grep -v '^#' |
	git grep -n -i -F -w -f - -- '*.md' '*.go' '*.tf' '*.py' ':!*golden*' ':!*/testdata/*') || [ $? -eq 1 ]
[ -n "$hits" ] || exit 0
printf '%s\n' "$hits" | awk -F '\t' '
	function word(c) { return c ~ /[A-Za-z0-9_]/ }
	function has(text, phrase,    at, from) {
		for (from = 1; at = index(substr(text, from), phrase); from = at + 1) {
			at += from - 1
			if (!(at > 1 && word(substr(text, at - 1, 1))) && !word(substr(text, at + length(phrase), 1))) return 1
		}
		return 0
	}
	NR == FNR {
		if ($0 !~ /^#/ && NF >= 2) { n++; phrase[n] = tolower($1); better[n] = $2; idiom[n] = tolower($3) }
		next
	}
	{
		match($0, /^[^:]*:[0-9]+:/)
		place = substr($0, 1, RLENGTH - 1)
		text = tolower(substr($0, RLENGTH + 1))
		for (i = 1; i <= n; i++) {
			rest = text
			while (idiom[i] != "" && (at = index(rest, idiom[i])))
				rest = substr(rest, 1, at - 1) "_" substr(rest, at + length(idiom[i]))
			if (has(rest, phrase[i])) { print place ": \"" phrase[i] "\": write \"" better[i] "\""; found = 1 }
		}
	}
	END { exit found }
' tools/words.txt -
