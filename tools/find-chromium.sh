#!/bin/sh
# Prints the path of the Chromium to test the page with, or nothing: $IOT_CHROMIUM, one on the PATH.
for name in "${IOT_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
	if [ -n "$name" ] && path=$(command -v "$name"); then
		printf '%s\n' "$path"
		exit 0
	fi
done
