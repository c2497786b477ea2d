// Package simnet is a network for tests: roads that carry messages between
// named ends with delay, jitter, loss, duplication and partition, and paths
// on which connections find each other and break.
//
// It knows no Matrix and no WebRTC: what travels is a type parameter, and a
// [Plug] stands for an ICE agent without being one. It is meant to run inside
// testing/synctest, where its timers are virtual, but works with real time as
// well. With the same seed and the same sends it makes the same choices.
//
// All methods may be called from any goroutine. Nothing here starts a
// goroutine of its own but by time.AfterFunc; Close stops those to come.
package simnet
