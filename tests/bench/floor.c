//go:build ignore

/*
 * floor: the least that a boot can cost. A static program that makes the same mounts as the runtimes it is timed
 * with, by mount(2) alone: nothing is read, nothing is checked, no path is resolved with care. Not a container
 * runtime; do not give it a root file system that you do not trust.
 *
 *	floor [-p] [-r] [-o DIR | -s DIR] [-n N -b DIR] [-x DIR] ROOT CMD ARG...
 *
 *	-p	a pid namespace
 *	-r	read-only root
 *	-o DIR	the root is the lower layer of an overlay; its upper is a tmpfs mounted at DIR
 *	-s DIR	the root and a tree of stubs are the lower layers of an overlay without an upper; a tmpfs at DIR holds the stubs
 *	-n N	bind DIR/0000, DIR/0001, ... of -b to /b/0000, /b/0001, ... N of them
 *	-x DIR	bind DIR to /opt/data, the mount point that -s makes
 */
#define _GNU_SOURCE
#include <err.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int pidns, readonly, binds;
static const char *upper, *stubs, *bindsrc, *extra, *root;
static char **cmd;

static void mnt(const char *src, const char *dst, const char *type, unsigned long flags, const char *data)
{
	if (mount(src, dst, type, flags, data) < 0)
		err(1, "mount %s on %s", src, dst);
}

static void dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0)
		err(1, "mkdir %s", path);
}

/* enter makes the root a mount, plain or an overlay, and the current directory. */
static void enter(void)
{
	const char *scratch = upper ? upper : stubs;
	char opts[3 * PATH_MAX];

	if (!scratch) {
		mnt(root, root, NULL, MS_BIND, NULL);
		if (chdir(root) < 0)
			err(1, "chdir %s", root);
		return;
	}
	mnt("tmpfs", scratch, "tmpfs", SAFE, "mode=0755");
	if (chdir(scratch) < 0)
		err(1, "chdir %s", scratch);
	dir("m", 0755);
	if (upper) {
		dir("u", 0755);
		dir("w", 0755);
		snprintf(opts, sizeof opts, "lowerdir=%s,upperdir=u,workdir=w", root);
	} else {
		dir("s", 0755);
		dir("s/opt", 0755);
		dir("s/opt/data", 0755);
		snprintf(opts, sizeof opts, "lowerdir=%s:s", root);
	}
	mnt("overlay", "m", "overlay", 0, opts);
	if (chdir("m") < 0)
		err(1, "chdir m");
}

/* devices fills the private /dev. */
static void devices(void)
{
	static const struct { const char *name; int major, minor; } node[] = {
		{ "dev/null", 1, 3 }, { "dev/zero", 1, 5 }, { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
	};
	static const char *const link[][2] = {
		{ "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" },
	};
	size_t i;

	umask(0);
	for (i = 0; i < sizeof node / sizeof *node; i++)
		if (mknod(node[i].name, S_IFCHR | 0666, makedev(node[i].major, node[i].minor)) < 0)
			err(1, "mknod %s", node[i].name);
	for (i = 0; i < sizeof link / sizeof *link; i++)
		if (symlink(link[i][0], link[i][1]) < 0)
			err(1, "symlink %s", link[i][1]);
	dir("dev/pts", 0755);
	dir("dev/shm", 0755);
	dir("dev/mqueue", 0755);
}

/* boot does everything, in the child if there is one. */
static int boot(void *unused)
{
	char src[PATH_MAX], dst[32];
	int i;

	(void)unused;
	mnt(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	enter();
	mnt("proc", "proc", "proc", SAFE, NULL);
	mnt("sysfs", "sys", "sysfs", SAFE | MS_RDONLY, NULL);
	mnt("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k");
	devices();
	mnt("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mnt("shm", "dev/shm", "tmpfs", SAFE, "mode=1777,size=65536k");
	mnt("mqueue", "dev/mqueue", "mqueue", SAFE, NULL);
	if (extra)
		mnt(extra, "opt/data", NULL, MS_BIND, NULL);
	for (i = 0; i < binds; i++) {
		snprintf(src, sizeof src, "%s/%04d", bindsrc, i);
		snprintf(dst, sizeof dst, "b/%04d", i);
		mnt(src, dst, NULL, MS_BIND, NULL);
	}
	if (readonly && !stubs) /* an overlay without an upper is read-only as it is */
		mnt(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		err(1, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		err(1, "umount2 of the old root");
	execv(cmd[0], cmd);
	err(127, "exec %s", cmd[0]);
}

int main(int argc, char **argv)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	int c, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "+pro:s:n:b:x:")) != -1) {
		switch (c) {
		case 'p': pidns = 1; break;
		case 'r': readonly = 1; break;
		case 'o': upper = optarg; break;
		case 's': stubs = optarg; break;
		case 'n': binds = atoi(optarg); break;
		case 'b': bindsrc = optarg; break;
		case 'x': extra = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind < 2)
		errx(2, "want ROOT CMD");
	root = argv[optind];
	cmd = argv + optind + 1;

	if (!pidns) {
		if (unshare(CLONE_NEWNS) < 0)
			err(1, "unshare");
		return boot(NULL);
	}
	/* A borrowed address space, as posix_spawn does it: the child execs or exits before main goes on. */
	pid = clone(boot, stack + sizeof stack, CLONE_NEWNS | CLONE_NEWPID | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	if (pid < 0)
		err(1, "clone");
	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
