// Package bench measures the whole house. It comes in by the doors: it starts
// a homeserver and participants as anybody could, and reports what they
// themselves report. There is no code here but benchmarks.
//
// Figures are from `make benchmarks`, which names the machine first.
package bench
