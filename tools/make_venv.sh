#!/bin/sh
# Make the virtual environment $1 with interpreter $2, or with the first Python >= 3.11 on the path.
set -eu
venv=$1
chosen=${2:-}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -z "$chosen" ]; then
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 && new_enough "$name"; then
            chosen=$name
            break
        fi
    done
    if [ -z "$chosen" ]; then
        echo "Dragoman needs Python 3.11 or newer; this path has $(python3 --version 2>/dev/null || echo 'no python3')." >&2
        echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2
        echo "or name one: make ... PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
elif ! new_enough "$chosen"; then
    echo "Dragoman needs Python 3.11 or newer; PYTHON=$chosen is $("$chosen" --version 2>/dev/null || echo "not there")." >&2
    exit 1
fi

if ! "$chosen" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$chosen" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$chosen has no venv module. Debian and Ubuntu ship it apart:" >&2
    echo "    apt install python3-venv        (or python$version-venv)" >&2
    exit 1
fi

# An interrupted run must not leave half an environment that looks whole.
echo "making $venv with $("$chosen" --version)..."
rm -rf "$venv"
trap 'rm -rf "$venv"; exit 130' INT TERM HUP
"$chosen" -m venv "$venv" || { rm -rf "$venv"; exit 1; }
