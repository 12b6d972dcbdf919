# The words that a case's probe is written in. Each prints one line an argument: the word, the path, what was seen.
line() { printf '%s\n' "$*"; }
said() { label=$1; shift; if text=$("$@" 2>&1); then line "$label: ok"; else line "$label: ${text##*: }"; fi; }
seen() { label=$1; shift; text=$("$@" 2>&1) || text=${text##*: }; line "$label:${text:+ $text}"; }
put() ( echo x >"$1" )
names() { text=$(ls -A "$1" 2>&1) || { line "$text"; return 1; }; echo $text; }
column() { awk -v p="$1" -v n="$2" '$2 == p { v = $n } END { print v }' /proc/self/mounts 2>/dev/null; }

write() { for p; do said "write $p" put "$p"; done; }            # can it be written?
makedir() { for p; do said "mkdir $p" mkdir "$p"; done; }        # can a directory be made?
try() { said "$*" "$@"; }                                        # does a command succeed?
look() { for p; do line "look $p: $(stat -c '%F mode %a owner %u:%g' "$p" 2>/dev/null || echo absent)"; done; }
list() { for p; do seen "list $p" names "$p"; done; }            # the names in a directory
show() { for p; do seen "show $p" head -n 1 "$p"; done; }        # the first line of a file
target() { for p; do seen "target $p" readlink "$p"; done; }     # where a link points
workdir() { seen workdir pwd; }
mounted() { for p; do case $(column "$p" 1) in '') line "mounted $p: no" ;; *) line "mounted $p: yes" ;; esac; done; }
fstype() { for p; do seen "fstype $p" column "$p" 3; done; }     # of the topmost mount there
count() { for p; do line "count $p: $(awk -v p="$p" '$5 == p { n++ } END { print n + 0 }' /proc/self/mountinfo)"; done; }
size() { for p; do line "size $p: $(df -k "$p" | tail -n 1 | awk '{ print $2 }')"; done; }
restrictions() { for p; do                                       # the mount options that restrict
	line "restrictions $p: $(column "$p" 4 | tr ',' '\n' | grep -E '^(ro|rw|nosuid|nodev|noexec|noatime)$' | tr '\n' ' ')"
done; }
