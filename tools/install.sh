#!/bin/sh
# Install what lock $2 names into environment $1, every file by its hash: with uv, which the lock has or the environment.
# uv fetches and unpacks side by side what pip takes one by one. It does not read pip's configuration, so where it
# cannot be had, or does not reach the packages, pip does the whole.
set -eu
venv=$1
lock=$2
pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes"

with_uv() {
    if [ ! -x "$venv/bin/uv" ]; then
        awk '/^[a-z]/ { on = /^uv==/ } on' "$lock" >"$venv/uv.lock"
        $pip -r "$venv/uv.lock" 2>/dev/null || return 1
    fi
    # Compiled now, on every core: else processes that tests start do it, within the time that they are given.
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode -r "$lock" 2>/dev/null
}

with_uv || $pip -r "$lock"
