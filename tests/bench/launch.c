//go:build ignore

/*
 * launch CMD ARG...: runs CMD once and writes "NANOSECONDS MAXRSS_KIB WAIT_STATUS" to descriptor 3.
 *
 * It exists because a process's peak memory starts at what its parent occupied when it forked. This parent occupies
 * a few hundred KiB; a Go one would hide the peak of everything that is measured here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage ru;
	long long start;
	int status;
	pid_t pid;

	if (argc < 2 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		return 125;
	start = now();
	pid = vfork();
	if (pid == 0) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid)
		return 125;
	start = now() - start;
	dprintf(3, "%lld %ld %d\n", start, ru.ru_maxrss, status);
	return 0;
}
