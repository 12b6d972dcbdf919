package pathres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// underSwap calls f(0), f(1), ... while the names a and b in dir are exchanged as fast
// as another thread can: at least rounds times, and until there were enough swaps for
// it to be an attack.
func underSwap(t *testing.T, dir, a, b string, rounds int, f func(n int)) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			if unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE) == nil {
				n.Add(1)
			}
		}
	}()
	const enough = 1000
	limit := time.Now().Add(time.Minute)
	for i := 0; !t.Failed() && (i < rounds || n.Load() < enough && time.Now().Before(limit)); i++ {
		f(i)
	}
	close(quit)
	<-done
	unix.Close(fd)
	if !t.Failed() && n.Load() < enough {
		t.Errorf("the attack did not happen: %d swaps", n.Load())
	}
}

// victimFor is a directory next to the root, and the texts by which a link in the
// root could mean it.
func victimFor(t *testing.T, root string) (victim string, texts []string) {
	t.Helper()
	victim = t.TempDir()
	rel, err := filepath.Rel(root, victim)
	if err != nil {
		t.Fatal(err)
	}
	return victim, []string{victim, rel}
}

// TestAttackMake is CVE-2021-30465 and its kin: a parent is swapped for a link to a
// victim directory while things are made below it. Nothing may appear there.
func TestAttackMake(t *testing.T) {
	for i := range 2 {
		r, dir := tree(t, "p/")
		victim, texts := victimFor(t, dir)
		if err := os.Symlink(texts[i], dir+"/evil"); err != nil {
			t.Fatal(err)
		}
		// The control: whoever uses strings is hit.
		if err := os.MkdirAll(dir+"/evil/control/x", 0o755); err != nil {
			t.Fatal(err)
		}
		if e, _ := os.ReadDir(victim); len(e) != 1 {
			t.Fatalf("the link does not lead to the victim: %v", e)
		}
		if err := os.RemoveAll(victim + "/control"); err != nil {
			t.Fatal(err)
		}

		inP, elsewhere, failed := 0, 0, map[error]int{}
		underSwap(t, dir, "p", "evil", 2000, func(n int) {
			var made []Made
			fd, resolved, err := r.Make(fmt.Sprintf("/p/%d/deep", n), MakeOptions{
				File: n%2 == 0, DirMode: 0o755, FileMode: 0o644,
				Made: func(m Made) error { made = append(made, m); return nil },
			})
			switch {
			case err != nil:
				var errno unix.Errno
				errors.As(err, &errno)
				failed[errno]++
			case strings.HasPrefix(resolved, "/p/"):
				inP++
				unix.Close(fd)
			default:
				elsewhere++
				unix.Close(fd)
			}
			for k := len(made) - 1; k >= 0; k-- {
				if _, err := r.Remove(made[k]); err != nil {
					t.Error(err)
				}
			}
		})
		t.Logf("link %s: made in the directory %d, elsewhere inside the root %d, failed %v", texts[i], inP, elsewhere, failed)
		if e, _ := os.ReadDir(victim); len(e) != 0 {
			t.Errorf("link %s: made outside the root: %v", texts[i], e)
		}
		if inP == 0 || elsewhere == 0 {
			t.Errorf("link %s: only one side of the swap was ever met", texts[i])
		}
	}
}

// TestAttackRemove is CVE-2024-23652: while things are cleaned up their parent is
// swapped for a link to a directory that holds the same names. The victim keeps
// them. It is told the victim's own inode numbers too, so that only the way there
// can save it.
func TestAttackRemove(t *testing.T) {
	r, dir := tree(t, "p/sub/")
	victim, texts := victimFor(t, dir)
	if err := os.Mkdir(victim+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(texts[1], dir+"/evil"); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(victim+"/sub", &st); err != nil {
		t.Fatal(err)
	}
	m := Made{Path: "/p/sub", Dev: uint64(st.Dev), Ino: st.Ino, Dir: true}
	underSwap(t, dir, "p", "evil", 20_000, func(int) {
		if ok, err := r.Remove(m); ok || err != nil {
			t.Errorf("Remove = %v, %v", ok, err)
		}
	})
	if _, err := os.Stat(victim + "/sub"); err != nil {
		t.Errorf("removed outside the root: %v", err)
	}
}

// TestAttackLookup: neither the walk nor openat2 ever names what is outside.
func TestAttackLookup(t *testing.T) {
	r, dir := tree(t, "p/in/")
	victim, texts := victimFor(t, dir)
	if err := os.WriteFile(victim+"/secret", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(texts[1], dir+"/evil"); err != nil {
		t.Fatal(err)
	}
	underSwap(t, dir, "p", "evil", 20_000, func(int) {
		for _, p := range []string{"/p/secret", "/p/in/../secret", "/p/../p/../../secret"} {
			if f, err := r.Lookup(p, false); err == nil && f.Exists() {
				t.Errorf("Lookup(%s) = %+v", p, f)
			}
			if fd, err := r.Open(p, unix.O_RDONLY, false); err == nil {
				unix.Close(fd)
				t.Errorf("Open(%s) worked", p)
			}
		}
	})
}
