//go:build race

package lane

// raceful is whether the race detector is on, which takes memory and allocates.
const raceful = true
