#!/usr/bin/env bash
# Installs what the named groups (build up test bench lint) need and what is missing: Debian packages, and .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

# Of the packages in tools/apt-packages.txt, those that Debian 12 has only among its backports.
readonly from_backports=(valkey-server)
readonly backports_file=/etc/apt/sources.list.d/bookworm-backports.sources
readonly backports_source="Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"

readonly apt=(apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
# Set while packages are installed; removed on the way out.
log=
policy=

missing_packages() {
    local group package program
    while read -r group package program; do
        case " $* " in *" $group "*) ;; *) continue ;; esac
        [ -n "$program" ] && command -v "$program" >/dev/null && continue
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done < <(grep -v '^#' tools/apt-packages.txt) | sort -u
}

# Whether a missing package needs Debian 12's backports, and no source of packages has it so far. Backports are never
# preferred over what Debian 12 itself has, so nothing else is taken from there.
needs_backports() {
    local package
    grep -qx 'VERSION_CODENAME=bookworm' /etc/os-release || return 1
    for package in "${from_backports[@]}"; do
        case " $* " in *" $package "*) ;; *) continue ;; esac
        apt-cache policy "$package" | grep -q '^  Candidate: [^(]' || return 0
    done
    return 1
}

install_packages() {
    local missing
    command -v dpkg-query >/dev/null || die "this is not Debian: install what tools/apt-packages.txt lists by hand"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        local source=
        needs_backports "${missing[@]}" && source="  cat >$backports_file <<'END'
$backports_source
END
"
        die "packages are missing and this is not root. An administrator has to run:
$source  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log="$(mktemp)"
    trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
    # Servers are used as programs only; none may start on its default port.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    "${apt[@]}" update >"$log" 2>&1 || apt_failed "apt-get update failed: check the network and /etc/apt"
    if needs_backports "${missing[@]}"; then
        say "adding $backports_file: Debian 12 has ${from_backports[*]} only there"
        echo "$backports_source" >"$backports_file"
        "${apt[@]}" update >"$log" 2>&1 || {
            rm -f "$backports_file"
            apt_failed "apt-get update failed with Debian's backports, which were taken out again: check the network"
        }
    fi
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
        apt_failed "apt-get could not install: ${missing[*]}"
}

apt_failed() {
    tail -n 40 "$log" >&2
    die "$1"
}

# A python3 >= 3.11 that can make an environment and compile an extension.
find_python() {
    local python
    for python in /usr/bin/python3 python3; do
        if "$python" - <<'PY' 2>/dev/null; then
import ensurepip, os, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not os.path.exists(sysconfig.get_path("include") + "/Python.h"))
PY
            echo "$python"
            return
        fi
    done
    die "no python3 >= 3.11 with its headers and venv (packages python3-dev, python3-venv)"
}

# Installs the requirement files that changed since they were installed last.
install_requirements() {
    local name stamp
    if ! .venv/bin/python -c '' 2>/dev/null; then
        say "creating .venv"
        rm -rf .venv
        "$(find_python)" -m venv .venv
    fi
    for name in "$@"; do
        [ -e "tools/requirements-$name.txt" ] || continue
        stamp=".venv/requirements-$name.stamp"
        cmp -s "tools/requirements-$name.txt" "$stamp" && continue
        say "pip install -r tools/requirements-$name.txt"
        local options=(-q --disable-pip-version-check)
        [ "$name" = boost ] && options+=(--no-deps)
        .venv/bin/pip install "${options[@]}" -r "tools/requirements-$name.txt" ||
            die "pip could not install tools/requirements-$name.txt: check the network and pip's configuration"
        cp "tools/requirements-$name.txt" "$stamp"
    done
    # The package is used in place: python/src is on the path of .venv, and the build puts the extension there.
    echo "$PWD/python/src" >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vedfolnir.pth"
    ln -sfn ../../build/bin/vedfolnir .venv/bin/vedfolnir
}

install_packages "$@"
install_requirements boost "$@"
