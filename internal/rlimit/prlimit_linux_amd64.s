#include "textflag.h"

// func prlimitNofile(lim *[2]uint64) int64
TEXT ·prlimitNofile(SB), NOSPLIT, $0-16
	MOVQ	$302, AX	// SYS_prlimit64
	MOVQ	$0, DI		// pid: this process
	MOVQ	$7, SI		// RLIMIT_NOFILE
	MOVQ	$0, DX		// new: none
	MOVQ	lim+0(FP), R10	// old
	SYSCALL
	MOVQ	AX, ret+8(FP)
	RET
