#!/usr/bin/env bash
# What the tests of the leaderboard page in a browser need: Debian's or Ubuntu's Chromium, and axe-core from npm.
# What is there already is left alone. Fails, with a line that says so, where something cannot be had.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
missing=0

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if [ -z "${CAPTION_ZOO_CHROMIUM:-}" ] && ! command -v chromium chromium-browser google-chrome > /dev/null; then
    as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends chromium > /dev/null
    command -v chromium > /dev/null || { echo "No Chromium: the tests in a browser are skipped"; missing=1; }
fi
if [ ! -f node_modules/axe-core/axe.min.js ]; then
    npm ci --no-audit --no-fund > /dev/null
    [ -f node_modules/axe-core/axe.min.js ] || { echo "No axe-core: the tests of accessibility rules are skipped"; missing=1; }
fi
exit $missing
