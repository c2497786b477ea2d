// Package home measures homeservers as calls use them: messages from device to
// device (kind messages), and everybody joining a room at once (kind storm). It
// starts our own, Dendrite and Synapse on loopback, or goes to one that is far.
//
// A device is as little of a client as can be: an account, a long poll of /sync, and
// requests. Times are of one clock, as all devices are in this process: an event
// carries when it was sent.
//
// The generator is open: a message leaves when it is due, whether the ones before
// have been answered or not, so that a slow homeserver cannot slow down what it is
// asked. It looks after itself: how late messages left, and whether all did.
//
// Run is called from one goroutine and blocks. Targets are started once and stay
// until the end, as do the devices on them; rounds take turns. One that lost something
// is started anew, so that what it still has to do does not meet the next round.
package home
