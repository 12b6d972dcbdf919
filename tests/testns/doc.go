// Package testns is where the end-to-end tests run: a mount namespace of their own, with
// a tmpfs for all that they make and the nsboot that they test in it.
//
//	func TestMain(m *testing.M) { testns.Main(m, "e2e", settle) }
//
//	func settle(work string) error {
//		if err := testns.Private(work, "/run"); err != nil {
//			return err
//		}
//		return testns.Install(work)
//	}
//
// The test binary starts itself again in the namespace, and its exit code is trusted:
// one that is killed has failed. As an ordinary user the tests run where they are, and
// each says that it needs root.
package testns
