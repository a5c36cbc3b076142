#!/bin/sh
# Installs PiEVSE with its systemd units, or brings an installed one up to date (docs/units.md).
# Running it twice is as good as once. It says each thing that it does.
set -eu

usage() {
    cat <<'END'
usage: sudo systemd/install.sh [options]

  --root DIR      into the system tree DIR, such as a mounted image; needs --wheels
  --wheels DIR    take PiEVSE and all that it needs from here and from no network; made with
                  python3 -m pip wheel --wheel-dir DIR '.[gpio]'
  --python NAME   the system's Python to use (default: python3)
  --gpio          with the libraries for this computer's own pins (default on a Raspberry Pi's
  --no-gpio       processor), or without them
  --no-start      do not start the station
  --uninstall     stop it and remove program and units; configuration and records stay
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

say() {
    echo "- $*"
}

root='' wheels='' python=python3 start=yes remove=no
source=$(cd "$(dirname "$0")/.." && pwd)
case $(uname -m) in
aarch64 | arm*) gpio=yes ;;
*) gpio=no ;;
esac

while [ $# -gt 0 ]; do
    case $1 in
    --root | --wheels | --python) [ $# -ge 2 ] || fail "$1 needs a value" ;;
    esac
    case $1 in
    --root) root=$(cd "$2" && pwd) || fail "--root $2 is no directory"; shift ;;
    --wheels) wheels=$(cd "$2" && pwd) || fail "--wheels $2 is no directory"; shift ;;
    --python) python=$2; shift ;;
    --gpio) gpio=yes ;;
    --no-gpio) gpio=no ;;
    --no-start) start=no ;;
    --uninstall) remove=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
[ "$root" != / ] || root=
[ -z "$root" ] || start=no
[ "$(id -u)" = 0 ] || fail "needs root: type sudo in front"

home=/opt/pievse
units=/usr/local/lib/systemd/system
sysusers=/usr/local/lib/sysusers.d/pievse.conf
tmpfiles=/usr/local/lib/tmpfiles.d/pievse.conf
udev=/usr/local/lib/udev/rules.d/60-pievse.rules
polkit=/etc/polkit-1/rules.d/50-pievse.rules
config=/etc/pievse/station.toml
command=/usr/local/bin/evse

# In the system that is installed into.
within() {
    if [ -n "$root" ]; then
        chroot "$root" "$@"
    else
        "$@"
    fi
}

# MODE FILE... PLACE, whose directories are made.
put() {
    mode=$1 file=$2 place=$3
    install -D -m "$mode" "$file" "$root$place"
}

is_live() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}

uninstall() {
    if is_live; then
        say "stopping the station"
        systemctl disable --quiet --now pievse.target 2>/dev/null || true
        systemctl stop 'pievse-*' 2>/dev/null || true
        systemctl reset-failed 'pievse-*' 2>/dev/null || true
    else
        within systemctl disable --quiet pievse.target 2>/dev/null || true
    fi
    say "removing program, units and rules"
    rm -f "$root$units"/pievse.target "$root$units"/pievse-*.service \
        "$root$sysusers" "$root$tmpfiles" "$root$udev" "$root$polkit" "$root$command"
    rm -rf "$root$home"
    if is_live; then
        systemctl daemon-reload
    fi
    say "kept: /etc/pievse, /var/lib/pievse, /var/lib/pievse-ocpp, /var/lib/pievse-console, users"
}

check_system() {
    within "$python" -c '
import sys
found = sys.version_info[:2]
if not (3, 11) <= found < (3, 14):
    sys.exit("this Python is %d.%d" % found)
' || fail "PiEVSE needs Python 3.11 to 3.13; name one: --python python3.12"
    within "$python" -c '
import sys
sys.exit(sys.base_prefix.startswith(("/home/", "/root/")))
' || fail "this Python lies in a home directory, which the units may not see. Type: apt install python3"
    within "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "this Python can not make a virtual environment. Type: apt install python3-venv"
    for program in systemctl systemd-sysusers systemd-tmpfiles; do
        within sh -c "command -v $program" >/dev/null || fail "no $program here: PiEVSE's units need systemd"
    done
    [ -d "$root/etc/polkit-1" ] || [ -d "$root/usr/share/polkit-1" ] ||
        fail "polkit is missing: without it the back office can reset nothing. Type: apt install polkitd"
    [ -z "$root" ] || [ -n "$wheels" ] || fail "--root needs --wheels"
    if [ "$gpio" = yes ] && ! has_wheel_of_lgpio; then
        within "$python" -c "$has_lgpio" 2>/dev/null ||
            fail "Python 3.13 has no lgpio but the system's. Type: apt install python3-lgpio"
    fi
}

# A placeholder of that name has no code (0.0.0.2).
has_lgpio='import lgpio; lgpio.gpiochip_open'

has_wheel_of_lgpio() {
    within "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'
}

# Beside the old one, whose place it takes when it is whole.
make_venv() {
    say "making $home/venv (a minute or two)"
    fresh=$home/venv.new
    rm -rf "$root$fresh"
    install -d -m 0755 "$root$home"
    system=
    if [ "$gpio" = yes ] && ! has_wheel_of_lgpio; then
        system=--system-site-packages
        say "lgpio is the system's: the venv sees the system's packages"
    fi
    within "$python" -m venv $system "$fresh"
    what=$root$home/source from=
    if [ -z "$wheels" ]; then
        # A copy: building would leave root's files in the checkout, and take old ones from there.
        rm -rf "$what"
        install -d "$what"
        for part in pyproject.toml README.md LICENSE evse drivers firmware_bridge ocpp_link hil; do
            cp -r "$source/$part" "$what/"
        done
    else
        rm -rf "$root$home/wheels"
        cp -r "$wheels" "$root$home/wheels"
        what=pievse from="--no-index --find-links $home/wheels"
    fi
    extra=
    [ "$gpio" = no ] || extra='[gpio]'
    # shellcheck disable=SC2086 - options, none of which has a blank
    within "$fresh/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-cache-dir $from "$what$extra"
    rm -rf "$root$home/wheels" "$root$home/source"
    if [ "$gpio" = yes ]; then
        within "$fresh/bin/python" -c "$has_lgpio" ||
            fail "lgpio is a placeholder without code. Type: apt install python3-lgpio"
    fi
    within "$fresh/bin/python" -m evse --version
    rm -rf "$root$home/venv.old"
    [ ! -d "$root$home/venv" ] || mv "$root$home/venv" "$root$home/venv.old"
    mv "$root$fresh" "$root$home/venv"
    rm -rf "$root$home/venv.old"
}

put_files() {
    say "putting units into $units, with users, directories and rules for udev and polkit"
    put 0755 "$source/systemd/libexec/evse" $home/bin/evse
    for file in needs count-start after-ocpp begin-anew; do
        put 0755 "$source/systemd/libexec/$file" $home/libexec/$file
    done
    for file in "$source"/systemd/units/*; do
        put 0644 "$file" "$units/$(basename "$file")"
    done
    put 0644 "$source/systemd/sysusers.conf" $sysusers
    put 0644 "$source/systemd/tmpfiles.conf" $tmpfiles
    put 0644 "$source/systemd/udev.rules" $udev
    put 0644 "$source/systemd/pievse.rules" $polkit
    put 0644 "$source/docs/units.md" $home/doc/units.md
    install -d "$root$(dirname $command)"
    ln -sfn $home/bin/evse "$root$command"
}

make_users_and_directories() {
    say "users and directories"
    within systemd-sysusers "$sysusers"
    within systemd-tmpfiles --create "$tmpfiles" 2>/dev/null || [ -n "$root" ] ||
        fail "the directories could not be made: systemd-tmpfiles --create $tmpfiles"
    if [ -e "$root$config" ]; then
        say "configuration: $config stays as it is"
    else
        say "configuration: $config, a simulated station to begin with"
        put 0640 "$source/systemd/station.toml" $config
    fi
    within chgrp pievse-station $config
    within chmod 0640 $config
}

enable() {
    within systemctl enable --quiet pievse.target
    is_live || return 0
    systemctl daemon-reload
    systemctl try-reload-or-restart polkit.service 2>/dev/null || true
    udevadm control --reload 2>/dev/null || true
    udevadm trigger --subsystem-match=gpio --subsystem-match=spidev --subsystem-match=i2c-dev \
        --subsystem-match=pwm 2>/dev/null || true
    if [ "$start" = yes ]; then
        say "starting the station"
        systemctl reset-failed 'pievse-*' 2>/dev/null || true
        systemctl restart pievse.target
    fi
}

farewell() {
    cat <<END
Done. What next:
  sudoedit $config                   then: sudo evse check-config $config
  sudo systemctl restart pievse.target                 after each change
  sudo usermod -aG pievse,pievse-technician NAME       lets NAME ask and act; log in anew
  evse why                                             what the station does, and why not more
  journalctl -u 'pievse-*' -f                          what it says
END
}

if [ $remove = yes ]; then
    uninstall
    exit 0
fi
check_system
make_venv
put_files
make_users_and_directories
enable
farewell
