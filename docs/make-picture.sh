#!/bin/sh
# Makes docs/discover.svg from a true run of `ssb-conn discover --neighbours 9`, in a tmux pane of 90 by 18.
# Needs tmux, python3 and a build of the tool. Run it from anywhere: docs/make-picture.sh [path of ssb-conn.dll]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=${1:-$here/../src/Ssb.Conn.Cli/bin/Debug/net10.0/ssb-conn.dll}
TMUX_TMPDIR=$(mktemp -d)
export TMUX_TMPDIR
server=picture
export LC_ALL=C.UTF-8 TERM=xterm-256color
unset NO_COLOR

tmux -u -L "$server" -f /dev/null new-session -d -x 90 -y 18 "dotnet '$tool' discover --neighbours 9 --seed 49"
trap 'tmux -L "$server" kill-server; rm -r "$TMUX_TMPDIR"' EXIT
# The moment to show: some came, some went, one has just come back, one is about to go.
sleep "${SECONDS_TO_WAIT:-31}"
tmux -u -L "$server" capture-pane -p -e | python3 "$here/ansi_to_svg.py" 90 18 > "$here/discover.svg"
