#!/bin/sh
# Install Redis, PostgreSQL and Chromium from the system's packages, if they are missing and this may be done here;
# with `stores` as the argument no Chromium;
# with `live` as the argument PostgreSQL, MariaDB, sshd and web servers, which the sources of data are tried on; with `sandbox` bubblewrap.
set -u
missing=
if [ "${1-}" != sandbox ]; then
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing=postgresql
fi
if [ "${1-}" = live ]; then
    command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server"
    PATH="$PATH:/usr/sbin"
    for program in sshd:openssh-server nginx:nginx-light apache2:apache2 caddy:caddy; do
        command -v "${program%:*}" >/dev/null 2>&1 || missing="$missing ${program#*:}"
    done
elif [ "${1-}" = sandbox ]; then
    command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
else
    command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 || missing="$missing redis-server"
    [ "${1-}" = stores ] || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
fi
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "missing:$missing. Their tests are skipped; install them (Debian, Ubuntu: apt-get install $missing)" >&2
    exit 0
fi
echo "installing $missing..."
# The packages would start servers of their own, which nobody here needs.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
# shellcheck disable=SC2086
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >/dev/null 2>&1 || echo "could not install $missing: their tests are skipped" >&2
