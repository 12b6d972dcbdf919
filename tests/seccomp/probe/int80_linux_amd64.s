#include "textflag.h"

// func int80(nr uintptr) uint32
TEXT ·int80(SB), NOSPLIT, $8-12
	MOVQ	nr+0(FP), AX
	MOVQ	BP, saved-8(SP)
	MOVL	$-1, BX
	MOVL	$-1, CX
	MOVL	$-1, DX
	MOVL	$-1, SI
	MOVL	$-1, DI
	MOVL	$-1, BP
	INT	$0x80
	MOVQ	saved-8(SP), BP
	MOVL	AX, ret+8(FP)
	RET
