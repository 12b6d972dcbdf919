package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/nsmount"
)

// table reads mounts from lines "id parent point type[,flag...]".
func table(t *testing.T, text string) []hostMount {
	t.Helper()
	var out []hostMount
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 4 {
			t.Fatalf("%q: four fields are needed", line)
		}
		m := hostMount{id: number(f[0]), parent: number(f[1]), point: f[2], file: len(f) > 4 && f[4] == "file"}
		if len(f) > 4 && f[4] == "skip" {
			m.skip = "a reason"
		}
		words := strings.Split(f[3], ",")
		m.fsType = words[0]
		m.flags = append(m.flags, words[1:]...)
		out = append(out, m)
	}
	return out
}

func number(s string) (n int) {
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func briefSteps(p *nsmount.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		line := string(s.Op) + " " + s.Target
		if s.Recursive {
			line += " rec"
		}
		if len(s.Flags) > 0 {
			line += " " + strings.Join(s.Flags, ",")
		}
		if s.Overlay != nil {
			line += " overlay"
		}
		out = append(out, line)
	}
	return out
}

func TestThrowawayPlan(t *testing.T) {
	const base = "1 0 / ext4\n"
	for _, tc := range []struct {
		name, mounts string
		rw, disks    []string
		want         []string
		warnings     int
	}{
		{name: "a plain machine", mounts: base + `
2 1 /proc proc,nosuid
3 1 /sys sysfs
4 1 /dev devtmpfs
5 4 /dev/pts devpts
6 4 /dev/shm tmpfs,nosuid
7 1 /home xfs,nosuid,nodev
8 1 /run tmpfs,nosuid,nodev
9 3 /sys/fs/cgroup cgroup2`,
			disks: []string{"/dev/sda"},
			want: []string{"root / overlay", "bind /sys", "bind /dev", "bind /run nosuid,nodev overlay", "bind /proc", "bind /home nosuid,nodev overlay",
				"bind /dev/pts", "bind /dev/shm", "bind /sys/fs/cgroup", "mask /dev/sda"}},
		{name: "flags of the root stay", mounts: "1 0 / btrfs,nodev", want: []string{"root / nodev overlay"}},
		{name: "a read-only root gets a layer", mounts: "1 0 / squashfs,ro,nosuid", want: []string{"root / nosuid overlay"}},
		{name: "a read-only mount stays so", mounts: base + "2 1 /usr ext4,ro", want: []string{"root / overlay", "bind /usr ro"}},
		{name: "what cannot be layered is read-only", mounts: base + "2 1 /boot/efi vfat\n3 1 /mnt fuse.sshfs", warnings: 2,
			want: []string{"root / overlay", "bind /mnt ro", "bind /boot/efi ro"}},
		{name: "what a machine remembers is read-only", mounts: base + "2 1 /sys sysfs\n3 2 /sys/firmware/efi/efivars efivarfs", warnings: 1,
			want: []string{"root / overlay", "bind /sys", "bind /sys/firmware/efi/efivars ro"}},
		{name: "a file mounted by itself is read-only", mounts: base + "2 1 /etc/hosts ext4 file", warnings: 1,
			want: []string{"root / overlay", "bind /etc/hosts ro"}},
		{name: "what cannot be bound is left out, what is on it is not", mounts: base + "2 1 /net autofs skip\n3 2 /net/x nfs4\n4 1 /bin autofs skip\n5 4 /bin xfs", warnings: 1,
			want: []string{"root / overlay", "bind /bin overlay", "bind /net/x overlay"}},
		{name: "a disk below /dev is no device", mounts: base + "2 1 /dev devtmpfs\n3 2 /dev/disk ext4",
			want: []string{"root / overlay", "bind /dev", "bind /dev/disk overlay"}},
		{name: "stacked: only the top one counts", mounts: base + "2 1 /data ext4\n3 2 /data tmpfs\n4 3 /data/in xfs",
			want: []string{"root / overlay", "bind /data overlay", "bind /data/in overlay"}},
		{name: "hidden by a later mount above", mounts: base + "2 1 /a/b ext4\n3 1 /a tmpfs",
			want: []string{"root / overlay", "bind /a overlay"}},
		{name: "seen again below the later mount", mounts: base + "2 1 /a/b ext4,ro\n3 1 /a tmpfs\n4 3 /a/b xfs",
			want: []string{"root / overlay", "bind /a overlay", "bind /a/b overlay"}},
		{name: "the root mounted over", mounts: "1 0 / rootfs\n2 1 / ext4\n3 2 /home xfs\n4 1 /home vfat",
			want: []string{"root / overlay", "bind /home overlay"}},
		{name: "names that begin alike", mounts: base + "2 1 /a ext4\n3 1 /ab ext4", rw: []string{"/a"},
			want: []string{"root / overlay", "bind /ab overlay", "bind /a rec"}},
		{name: "--rw takes along what is below", mounts: base + "2 1 /home ext4\n3 2 /home/u/nfs nfs4", rw: []string{"/home/u/nfs/x", "/home/u", "/home/u/y"},
			want: []string{"root / overlay", "bind /home overlay", "bind /home/u rec"}},
		{name: "--rw of a whole mount", mounts: base + "2 1 /home vfat", rw: []string{"/home"},
			want: []string{"root / overlay", "bind /home rec"}},
		{name: "--rw of a disk", mounts: base, rw: []string{"/dev/sdb"}, disks: []string{"/dev/sda", "/dev/sdb"},
			want: []string{"root / overlay", "bind /dev/sdb rec", "mask /dev/sda"}},
		{name: "the parent of the root is out of the table", mounts: "7 6 / overlay\n8 7 /proc proc",
			want: []string{"root / overlay", "bind /proc"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := throwawayPlan(table(t, tc.mounts), tc.rw, tc.disks)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, briefSteps(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if len(p.Warnings) != tc.warnings {
				t.Errorf("%d warnings, want %d: %v", len(p.Warnings), tc.warnings, p.Warnings)
			}
		})
	}
}

// Whatever the table: nothing that may hold a disk is writable without an overlay.
func TestThrowawayPlanHoldsBack(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "vfat", "ntfs3", "fuseblk", "exfat", "efivarfs", "pstore", "ecryptfs", "nosuchfs", "tmpfs", "overlay", "cifs"} {
		for _, point := range []string{"/x", "/dev/x/y", "/sys/x", "/proc/x"} {
			m := hostMount{id: 2, parent: 1, point: point, fsType: fsType}
			p, err := throwawayPlan([]hostMount{{id: 1, point: "/", fsType: "ext4"}, m}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := p.Steps[1]
			memory := fsType == "tmpfs" && point != "/x"
			if s.Overlay == nil && strings.Join(s.Flags, ",") != "ro" && !memory {
				t.Errorf("%s on %s can be written: %+v", fsType, point, s)
			}
		}
	}
}

func TestThrowawayPlanErrors(t *testing.T) {
	for _, tc := range []struct {
		name, mounts, want string
		rw                 []string
	}{
		{"no root", "2 1 /x ext4", "no / in it", nil},
		{"a root that cannot be layered", "1 0 / vfat", "/ is vfat", nil},
		{"all of it --rw", "1 0 / ext4", "nothing would be thrown away", []string{"/home", "/"}},
		{"a relative --rw", "1 0 / ext4", "not a clean absolute path", []string{"x"}},
	} {
		_, err := throwawayPlan(table(t, tc.mounts), tc.rw, nil)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestIsRawDisk(t *testing.T) {
	for name, want := range map[string]bool{"sg0": true, "nvme0": true, "ng0n1": true, "bsg/0:0:0:0": true, "mtd0": true, "null": false, "sgx_enclave": false, "sg": false, "tty": false, "nvme-fabrics": false} {
		if got := isRawDisk(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
