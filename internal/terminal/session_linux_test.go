package terminal

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sessionEnv makes the test binary attach to a terminal that it makes, with a
// shell at the other side.
const sessionEnv = "NSBOOT_TERMINAL_TEST"

func init() {
	if script := os.Getenv(sessionEnv); script != "" {
		os.Exit(helperSession(script))
	}
}

func helperSession(script string) int {
	os.ReadFile("/proc/self/stat") // the runtime's poller is open from here on
	before := open()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = Relay(master)
	}
	slave := -1
	if err == nil {
		slave, err = peer(master, 0)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 90
	}
	f := os.NewFile(uintptr(slave), "slave")
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		os.Stderr.WriteString(err.Error())
		return 91
	}
	f.Close()
	s, err := Attach(master)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 92
	}
	if os.Getenv("ABANDON") != "" {
		time.AfterFunc(300*time.Millisecond, s.Abandon)
	}
	cmd.Wait()
	s.Close()
	if now := open(); os.Getenv("ABANDON") == "" && now != before {
		return 93
	}
	return cmd.ProcessState.ExitCode()
}

// open counts the descriptors.
func open() (n int) {
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

func session(script string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), sessionEnv+"="+script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// TestSession copies both ways, to the end and no further.
func TestSession(t *testing.T) {
	for _, c := range []struct {
		script, input, want string
		code                int
	}{
		{"echo hello; exit 3", "", "hello\n", 3},
		{"i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done", "", "4999\n", 0},
		{"stty -echo; echo ready; cat; exit 4", "one\ntwo", "ready\none\ntwo", 4},
		{"stty raw -echo; head -c 3; echo .", "abcdef", "abc.\n", 0},
		{"trap '' HUP; sleep 2 & echo left", "", "left\n", 0},
		{"read x; read y; echo $x$y", "", "\n", 0},
	} {
		cmd := session(c.script)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if c.input == "" {
			in.Close()
		} else {
			time.AfterFunc(200*time.Millisecond, func() { // the script has set the terminal up
				io.WriteString(in, c.input)
				in.Close()
			})
		}
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.HasSuffix(string(out), c.want) {
			t.Errorf("%s: %v %.99q, want %q", c.script, err, out, c.want)
		}
		if d := time.Since(start); strings.Contains(c.script, "sleep") && d > 1500*time.Millisecond {
			t.Errorf("%s: waited %v for what was left running", c.script, d)
		}
	}
}

// TestSessionBigInput: more than a terminal holds, to a process that is slow.
func TestSessionBigInput(t *testing.T) {
	cmd := session("stty raw -echo; sleep 0.2; head -c 1000000 | wc -c")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(100 * time.Millisecond) // until it is raw
		io.WriteString(in, strings.Repeat("x", 1000000))
		in.Close()
	}()
	if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != "1000000" {
		t.Errorf("%v %q", err, out)
	}
}

// TestSessionBroken: nobody reads the output: the process is hung up on.
func TestSessionBroken(t *testing.T) {
	cmd := session("trap 'exit 5' HUP; while :; do echo y; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	out.Close()
	time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 5 && cmd.ProcessState.ExitCode() != 2 { // 2: echo was told first
		t.Errorf("%v", cmd.ProcessState)
	}
}

// TestSessionAbandoned: whoever does not read cannot keep it from ending.
func TestSessionAbandoned(t *testing.T) {
	cmd := session("head -c 300000 /dev/zero & sleep 0.2; kill -9 $$")
	cmd.Env = append(cmd.Env, "ABANDON=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := cmd.Process.Wait(); ended <- err }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		t.Error("does not end")
	}
}
