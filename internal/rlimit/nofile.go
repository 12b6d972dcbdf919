package rlimit

// Nofile returns the soft and hard RLIMIT_NOFILE that the program was started
// with; ok is false where they could not be read.
func Nofile() (soft, hard uint64, ok bool) {
	return original[0], original[1], known
}
