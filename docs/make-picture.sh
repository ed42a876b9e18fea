#!/bin/sh
# Makes docs/start.svg from a true run of `ssb-conn start --neighbours 9`, in a tmux pane of 100 by 24.
# Needs tmux, python3 and a build of the tool. Run it from anywhere: docs/make-picture.sh [path of ssb-conn.dll]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=${1:-$here/../src/Ssb.Conn.Cli/bin/Debug/net10.0/ssb-conn.dll}
TMUX_TMPDIR=$(mktemp -d)
export TMUX_TMPDIR
server=picture
export LC_ALL=C.UTF-8 TERM=xterm-256color
unset NO_COLOR

tmux -u -L "$server" -f /dev/null new-session -d -x 100 -y 24 "dotnet '$tool' start --neighbours 9 --seed 49 --path '$TMUX_TMPDIR/peer'"
trap 'tmux -L "$server" kill-server; rm -r "$TMUX_TMPDIR"' EXIT
# The moment to show: some are connected, some wait on the bench, some were remembered.
sleep "${SECONDS_TO_WAIT:-12}"
tmux -u -L "$server" send-keys Tab r
sleep 1
tmux -u -L "$server" send-keys Down r
sleep 1
tmux -u -L "$server" capture-pane -p -e | python3 "$here/ansi_to_svg.py" 100 24 > "$here/start.svg"
