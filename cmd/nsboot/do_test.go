package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list tells names, contents and times of all below dir.
func list(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.Walk(dir, func(p string, st os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		line := p + " " + st.Mode().String() + " " + st.ModTime().String()
		if st.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " " + string(data)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// scratch is a directory that --rw and markers are tried in, on the disk
// rather than on a tmpfs.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "nsboot-do-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "rw"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDoThrowsAway(t *testing.T) {
	dir := scratch(t)
	before := list(t, dir)
	// /run is a fresh tmpfs of the script's: what is done to it is thrown away too.
	r := script(t, dir, `touch /run/seen
		"$NSBOOT" do -- sh -c 'echo new > old; echo more > added; rm -r rw; touch /run/added; test -e /run/seen; cat old added; pwd'
		test ! -e /run/added`)
	if want := "new\nmore\n" + dir + "\n"; r.code != 0 || r.stdout != want {
		t.Errorf("got %+v, want %q", r, want)
	}
	if diff := cmp.Diff(before, list(t, dir)); diff != "" {
		t.Errorf("the disk changed (-before +after):\n%s", diff)
	}
}

func TestDoRW(t *testing.T) {
	dir := scratch(t)
	if err := os.Symlink("rw", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := script(t, dir, `"$NSBOOT" do --rw link -- sh -c 'echo kept > rw/kept; echo too > link/too; echo gone > gone; echo gone > old'`)
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	for name, want := range map[string]string{"rw/kept": "kept\n", "rw/too": "too\n", "old": "old"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "gone")); err == nil {
		t.Error("what was written outside of --rw is on the disk")
	}
	if r := script(t, dir, `"$NSBOOT" do --rw nothing -- true`); r.code != 125 || !strings.Contains(r.stderr, "mkdir -p nothing") {
		t.Errorf("a missing --rw: %+v", r)
	}
	if r := script(t, dir, `"$NSBOOT" do --rw / -- true`); r.code != 125 || !strings.Contains(r.stderr, "nothing would be thrown away") {
		t.Errorf("--rw /: %+v", r)
	}
}

// The acceptance: what would hurt a machine leaves it as it was. It is only
// let go where / is seen to be an overlay.
func TestDoAcceptance(t *testing.T) {
	asRoot(t)
	before := list(t, "/var/lib/apt")
	hostname, _ := os.ReadFile("/etc/hostname")
	script(t, "/", `"$NSBOOT" do -- sh -c 'grep -q " / / .* - overlay .*upperdir=" /proc/self/mountinfo || exit 9
		rm -rf /var/lib/apt; echo x > /etc/hostname; test ! -e /var/lib/apt'`)
	if diff := cmp.Diff(before, list(t, "/var/lib/apt")); diff != "" {
		t.Errorf("/var/lib/apt changed:\n%s", diff)
	}
	if after, _ := os.ReadFile("/etc/hostname"); string(after) != string(hostname) {
		t.Errorf("/etc/hostname is %q, was %q", after, hostname)
	}
}

// The process is the caller's own in all that can be seen.
func TestDoIsTheCaller(t *testing.T) {
	const look = `id; umask; ulimit -n; ulimit -Hn; grep -E '^(Cap|Sig|NoNewPrivs|Groups)' /proc/self/status | grep -v ^SigQ; env | grep ^NS_TEST; pwd`
	r := script(t, "/usr", `export NS_TEST=1; umask 027; ulimit -Sn 900
		look='`+strings.ReplaceAll(look, "'", `'\''`)+`'
		sh -c "$look" </dev/null >/run/here
		"$NSBOOT" do -- sh -c "$look" </dev/null >/run/there
		diff /run/here /run/there`)
	if r.code != 0 {
		t.Errorf("not the same: %+v", r)
	}
}

func TestDoExitCodes(t *testing.T) {
	for command, want := range map[string]int{
		"sh -c 'exit 7'": 7, "sh -c 'kill -TERM $$'": 143, "nosuchcommand": 127, "/etc/passwd": 126, "true": 0, "/": 126,
	} {
		r := script(t, "/", `"$NSBOOT" do -- `+command+` || exit $?`)
		if r.code != want {
			t.Errorf("%s: exit code %d, want %d: %s", command, r.code, want, r.stderr)
		}
	}
	if r := script(t, "/", `echo 'echo from the shell' | SHELL= "$NSBOOT" do`); r.stdout != "from the shell\n" {
		t.Errorf("the shell: %+v", r)
	}
}

// Stacked mounts, a file, a read-only and a nosuid mount, in a table made for it.
func TestDoMounts(t *testing.T) {
	dir := scratch(t)
	r := script(t, dir, `mkdir stack ro nosuid; touch file
		mount -t tmpfs one stack; echo one > stack/one; mount -t tmpfs two stack; echo two > stack/two
		mount -t tmpfs -o ro ro ro
		mount -t tmpfs -o nosuid,nodev,noexec n nosuid
		mount --bind old file
		mkdir 'a b'; mount -t tmpfs s 'a b'; echo space > 'a b/x'; touch ns mns; mount --bind /proc/self/ns/net ns
		"$NSBOOT" --debug do -- sh -c 'stat -f -c %T ns; cat a\ b/x; echo y > a\ b/x; ls stack; echo new > stack/two; echo x > file || echo file refused; echo x > ro/x || echo ro refused
			grep -c "nosuid .*nosuid,nodev,noexec" /proc/self/mountinfo'
		cat stack/two 'a b/x' old`)
	if want := "nsfs\nspace\ntwo\nfile refused\nro refused\n1\ntwo\nspace\nold"; r.stdout != want {
		t.Errorf("got %q, want %q; %s", r.stdout, want, r.stderr)
	}
	if !strings.Contains(r.stderr, "host:"+dir+"/file: read-only: a file mounted by itself") {
		t.Errorf("--debug does not tell of the file:\n%s", r.stderr)
	}
}

// A disk behind /dev is not there.
func TestDoMasksDisks(t *testing.T) {
	r := script(t, "/", `mount -t tmpfs dev /dev; mknod /dev/null c 1 3; mknod -m 666 /dev/disk b 7 999; mkdir /dev/pts; mknod /dev/sg0 c 21 0
		"$NSBOOT" do -- sh -c 'echo data > /dev/disk; for n in disk sg0; do stat -c "%F %t:%T" /dev/$n; done'`)
	if want := "character special file 1:3\ncharacter special file 1:3\n"; r.stdout != want {
		t.Errorf("got %+v, want %q", r, want)
	}
}
