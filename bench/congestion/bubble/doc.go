// Package bubble puts estimators that insist on a clock of their own beside ours:
// Pion's gcc, and ours as Pion programs get it (focus/pion), as Controllers of
// bench/congestion.
//
// They read time.Now, run tickers and goroutines. So each run is played in a
// bubble of testing/synctest, whose clock stands still while anybody has work to
// do: a Controller first lets the bubble sleep until the simulation's instant and
// waits until all in it are idle. The simulation itself knows nothing of that.
//
// testing/synctest asks for a *testing.T. Program gets one where no test runs, by
// testing.Main, which the standard library keeps for those who simulate go test.
// The other way would be a test that one runs for its table, with the table's
// options in the environment.
//
// Order of goroutines at one instant is free: the same run may differ a little
// from time to time.
package bubble
