#include "textflag.h"

// func prlimitNofile(lim *[2]uint64) int64
TEXT ·prlimitNofile(SB), NOSPLIT, $0-16
	MOVD	$261, R8	// SYS_prlimit64
	MOVD	$0, R0		// pid: this process
	MOVD	$7, R1		// RLIMIT_NOFILE
	MOVD	$0, R2		// new: none
	MOVD	lim+0(FP), R3	// old
	SVC
	MOVD	R0, ret+8(FP)
	RET
