"""What the device's own shell does for us, in POSIX sh; values come in as arguments, never as part of a script.

Everything lies below `.cache/l0gm-edge` of the login folder (over ADB, of a folder in /data/local/tmp): files by their
sha256 in `blobs/`, and for each connection `work/ID/` with `files/` (the work folder, hard links into `blobs/`) and
`runs/` (a folder a command). `lock` is the device's own: whoever holds it has the
device alone.
"""

from __future__ import annotations

import shlex

ROOT = ".cache/l0gm-edge"
KEPT_DAYS = 30
KEPT_KILOBYTES = 2 * 1024 * 1024
NEEDED = "setsid flock timeout sha256sum"

# A connection begins: ID. It tells the login folder. Folders whose owner never came back go after a day; no command
# lives that long.
OPEN = f"""
umask 077
pwd
for tool in {NEEDED}; do
  command -v $tool >/dev/null || {{ echo "there is no $tool (one of {NEEDED})" >&2; exit 1; }}
done
mkdir -p {ROOT}/blobs {ROOT}/work && cd {ROOT} || exit 1
find work -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {{}} +
mkdir -p work/$1/files work/$1/runs
"""

# Link a blob into the work folder (Android lets nobody link: there it is copied) and say its sha256, or nothing where
# there is none: ID SHA256 PATH.
_LINK = """
file=work/$1/files/$3
mkdir -p "$(dirname "$file")" && { ln -f blobs/$2 "$file" 2>/dev/null || cp -f blobs/$2 "$file"; } &&
  touch blobs/$2 && sha256sum <"$file"
"""
PLACE = f"cd {ROOT} && {{ [ -f blobs/$2 ] || exit 0; }} || exit 1{_LINK}"

# The same, the blob being what comes in on standard input.
RECEIVE = f"umask 077; cd {ROOT} && cat >work/$1/incoming && mv work/$1/incoming blobs/$2 || exit 1{_LINK}"

# Give a file of the work folder: ID PATH.
SEND = f"""
cd {ROOT}/work/$1/files && exec cat <"$2"
"""

# The process that outlives its connection: FOLDER SECONDS COMMAND... . It holds a lock (9) that its command does not
# inherit; whoever gets that lock knows that it has ended.
_RUN = """
run=$1 seconds=$2
shift 2
read -r began _ </proc/uptime
timeout -k 5 "$seconds" "$@" >"$run/out" 2>"$run/err" 9>&- &
echo $! >"$run/pid"
wait $!
status=$?
read -r ended _ </proc/uptime
echo "$status $began $ended" >"$run/part" && mv "$run/part" "$run/end"
"""

# Start a command unless it was started before, since a lost connection may hide that: ID RUN SECONDS COMMAND... .
# Android's mksh closes descriptors above 2 in what it starts, except those that are named there again (9>&9).
START = f"""
umask 077
cd {ROOT}/work/$1/files || exit 1
run=../runs/$2 seconds=$3
shift 3
mkdir "$run" || {{ [ -d "$run" ]; exit; }}
: >"$run/out" || exit 1
exec 9>"$run/lock" && flock 9 9>&9 || exit 1
setsid sh -c {shlex.quote(_RUN)} sh "$run" "$seconds" "$@" </dev/null >/dev/null 2>&1 9>&9 &
"""

# Give what a command writes while it runs, from its beginning, until it ends: ID RUN.
FOLLOW = f"""
cd {ROOT}/work/$1/runs/$2 || exit 1
tail -n +1 -f out &
flock lock true
kill $!
"""

# Wait for the end of a command; its "STATUS BEGAN ENDED" (seconds of uptime) on the first line, then what it wrote, cut
# off: ID RUN BYTES-OF-OUTPUT BYTES-OF-ERRORS. Without an end it was killed, or the disk is full.
AWAIT = f"""
cd {ROOT}/work/$1/runs/$2 || exit 1
flock lock true
if [ ! -s end ]; then
  echo "it left no exit status: it was killed, or the disk is full ($(df -Pk . | tail -n 1))" >&2
  exit 1
fi
cat end
head -c $3 out
tail -c $4 err >&2
"""

# What a connection leaves: ID. What still runs is killed, and the work folder goes.
_FORGET = """
for pid in work/$1/runs/*/pid; do
  [ -s "$pid" ] && [ ! -e "${pid%pid}end" ] && kill -s KILL -- "-$(cat "$pid")"
done
rm -rf work/$1
"""

# Have the device alone: ID SIGNATURE SECONDS. Says `busy SIGNATURE` while another has it (our own last connection may
# take a moment to go), and `held` once it is ours. Then it only waits for the end of its input, which is the end of
# the connection; a lost one may come back within so many seconds and hold the leash, or else all that is left behind
# goes. What it starts does not inherit the lock (9): a child must not keep it.
HOLD = f"""
umask 077
cd {ROOT} || exit 1
[ ! -s work/$1/keeper ] || kill "$(cat work/$1/keeper)"
echo $$ >work/$1/keeper || exit 1
exec 9<>lock || exit 1
flock -n 9 9>&9 || {{ sleep 1 9>&-; flock -n 9 9>&9; }} ||
  {{ echo "busy $(head -n 1 lock | head -c 200)"; flock 9 9>&9; }} || exit 1
echo "$2" >lock && echo held || exit 1
cat >/dev/null 9>&-
exec >/dev/null 2>&1
while [ -d work/$1 ]; do
  sleep "$3" 9>&-
  flock -n 8 8>>work/$1/leash 9>&- && break
  flock 8 8>>work/$1/leash 9>&-
done
{_FORGET}"""

# A connection that came back tells its keeper so: ID.
ATTEND = f"""
cd {ROOT}/work/$1 && exec 8>>leash && flock 8 8>&8 && echo held && exec cat >/dev/null 8>&8
"""

# A connection ends: ID. All of it goes, and so do blobs that are old or too many.
CLOSE = f"""
cd {ROOT} || exit 0
keeper=$(cat work/$1/keeper 2>/dev/null)
{_FORGET}
[ -z "$keeper" ] || kill "$keeper" 2>/dev/null
find blobs -type f -mtime +{KEPT_DAYS} -exec rm -f {{}} +
cd blobs && ls -lnt | awk '{{ kept += $5 / 1024; if (kept > {KEPT_KILOBYTES}) print $NF }}' | xargs rm -f
"""


def command(script: str, *arguments: str) -> str:
    """A line for the device's login shell that runs a script with arguments."""
    return shlex.join(["sh", "-c", script, "l0gm-edge", *arguments])
