package headless

import (
	"fmt"
	"runtime"
	"testing"

	"meshfocus/mesh/negotiate"
)

// It runs alone, before the parallel tests: goroutines of others would count.
func TestChurn_LeavesNothingBehindInThoseWhoStay(t *testing.T) {
	h := startHome(t)
	alice := startParty(t, h, "alice", nil)
	round := func() {
		bob := startParty(t, h, "bob", nil)
		who := bob.Party()
		eventually(t, patience, "bob is connected", func() bool { return alice.link(who).State == negotiate.Connected }, func() string { return describe(alice) })
		bob.stop(t)
		eventually(t, patience, "bob is gone", func() bool { return !present([]*party{alice}, who) }, func() string { return describe(alice) })
	}
	round() // what is made once is made now
	before := runtime.NumGoroutine()
	for range 4 {
		round()
	}
	// A connection kept by mistake costs some thirty goroutines.
	eventually(t, patience, "as many goroutines as before the four rounds", func() bool { return runtime.NumGoroutine() <= before+5 }, func() string {
		stacks := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines, were %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
	})
}
