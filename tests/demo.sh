#!/bin/sh
# The shortest whole story of nsboot: a bundle whose root file system holds one static binary (nsboot itself),
# the plan of its mounts, and a boot of it. Nothing is downloaded and nothing is left behind.
# Use: sh tests/demo.sh [path of nsboot]
set -eu

nsboot=${1:-./bin/nsboot}
nsboot=$(cd "$(dirname "$nsboot")" && pwd)/$(basename "$nsboot")
[ -x "$nsboot" ] || { echo "demo: $nsboot is not there; run: make build" >&2; exit 1; }

dir=$(mktemp -d)
trap 'cd / && rm -rf --one-file-system "$dir"' EXIT
trap 'exit 130' INT TERM HUP
cd "$dir"

# say prints a command as a person would type it; step prints it, then runs it with the binary just built.
say() { printf '\n$ %s\n' "$*"; }
step() { say nsboot "$@"; "$nsboot" "$@"; }

say 'mkdir rootfs && cp bin/nsboot rootfs/nsboot'
mkdir rootfs
cp "$nsboot" rootfs/nsboot

step spec --rootfs rootfs
step plan

if ! step run -- /nsboot version; then
	[ "$(id -u)" -eq 0 ] || echo 'demo: without a user namespace booting needs root: sudo make demo' >&2
	exit 1
fi

# S5: what nsboot made on the host and nobody used is gone afterwards.
say ls -A rootfs
ls -A rootfs
[ "$(ls -A rootfs)" = nsboot ] || { echo 'demo: the boot left something in rootfs' >&2; exit 1; }
