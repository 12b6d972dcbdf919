package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("runs", 25, "boots of each runtime in each row")
	match := flag.String("rows", "", "only rows whose name matches this regular `expression`")
	nsboot := flag.String("nsboot", "bin/nsboot", "the nsboot to time")
	flag.Parse()

	code, err := start(*runs, *match, *nsboot)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

// start checks the arguments, then measures: in the namespace if this is it, else by a second start inside one.
func start(runs int, match, nsboot string) (int, error) {
	if runs < 1 || flag.NArg() > 0 {
		return 2, fmt.Errorf("want -runs 1 or more and no arguments")
	}
	re, err := regexp.Compile(match)
	if err != nil {
		return 2, fmt.Errorf("-rows: %w", err)
	}
	if os.Geteuid() != 0 {
		return 1, fmt.Errorf("mounting needs root: sudo make bench")
	}
	if nsboot, err = filepath.Abs(nsboot); err != nil {
		return 1, err
	}
	dir := os.Getenv(scratchEnv)
	if dir == "" {
		return enter()
	}
	os.Unsetenv(scratchEnv)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return measure(ctx, dir, runs, re, nsboot)
}

// measure prints the report. Its exit code is 1 if a row could not be reported.
func measure(ctx context.Context, dir string, runs int, re *regexp.Regexp, nsboot string) (int, error) {
	notes, err := settle(dir)
	if err != nil {
		return 1, err
	}
	w, err := makeWorld(dir)
	if err != nil {
		return 1, err
	}
	floor, noFloor := w.path("floor"), ""
	if err := compile(floor, floorC); err != nil {
		floor, noFloor = "", err.Error()
	}
	watch := stopwatch{world: w, launcher: w.path("launch")}
	if err := compile(watch.launcher, launchC); err != nil {
		watch.launcher = ""
		notes = append(notes, "peak memory is not measured: "+err.Error())
	}

	fmt.Printf("booting busybox true: %d runs each, in alternation, on %d CPUs\n", runs, goruntime.NumCPU())
	for _, n := range notes {
		fmt.Println("note:", n)
	}
	code, began := 0, time.Now()
	for _, r := range rows() {
		if !re.MatchString(r.name) {
			continue
		}
		results, err := watch.row(ctx, r, runtimes(nsboot, floor, noFloor), runs)
		if ctx.Err() != nil {
			return 1, errors.New("interrupted")
		}
		if err != nil {
			fmt.Printf("\n%s\n  not reported: %v\n", r.name, err)
			code = 1
			continue
		}
		if err := printRow(os.Stdout, r.name, results); err != nil {
			return 1, err
		}
	}
	fmt.Printf("\n%s in all\n", time.Since(began).Round(time.Second))
	return code, nil
}

// row measures one row. The first failure of any runtime ends it, and so does the end of ctx, between two rounds.
func (s stopwatch) row(ctx context.Context, r row, all []runtime, runs int) (results []result, err error) {
	undo, err := s.world.crowd(r.hostMounts)
	if err != nil {
		return nil, err
	}
	defer func() {
		// A failed boot may leave its container; the next row wants the name.
		if e := s.world.removeLeftovers(); err == nil {
			err = e
		}
		if e := undo(); err == nil {
			err = e
		}
	}()

	results = make([]result, len(all))
	for i, rt := range all {
		results[i] = result{runtime: rt.name, note: rt.missing}
		if rt.path != "" {
			results[i].note = rt.unable(r)
		}
	}
	// Before anything is timed, each shows that it does what is timed.
	script := []string{"/bin/sh", "-c", r.script()}
	if err := s.round(0, r, all, results, script, exitOK, nil); err != nil {
		return nil, err
	}
	timed := func(i int, one sample) { results[i].samples = append(results[i].samples, one) }
	payload := []string{"/bin/true"}
	if err := s.round(0, r, all, results, payload, 0, nil); err != nil { // warms the caches
		return nil, err
	}
	for n := range runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.round(n, r, all, results, payload, 0, timed); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// round boots args once in every runtime that can, one after the other. The n-th round starts with the n-th runtime,
// so that none always follows the same one and pays for what the kernel still tidies up of it.
func (s stopwatch) round(n int, r row, all []runtime, results []result, args []string, want int, each func(int, sample)) error {
	if err := s.world.writeBundle(r, args); err != nil {
		return err
	}
	for j := range all {
		i := (n + j) % len(all)
		rt := all[i]
		if results[i].note != "" {
			continue
		}
		one, err := s.boot(rt, r, args, want)
		if err != nil {
			return fmt.Errorf("%s: %w", rt.name, err)
		}
		if err := s.world.unchanged(r); err != nil {
			return fmt.Errorf("%s: %w", rt.name, err)
		}
		if each != nil {
			each(i, one)
		}
	}
	return nil
}
