// Package conformance tries out whether a client speaks full mesh as
// docs/msc-full-mesh.md has it: it is a peer of its own that keeps to the page
// where it wants to be understood, deviates on purpose where others do, and
// watches what the client makes of it.
//
// There are two halves. Vectors runs recorded rooms through our own reader of
// memberships; another implementation can run the same JSON. Run takes a client
// that is in a call, any device in any room, through the list of Checks as its
// peer, over real to-device messages, and says for each line whether it passes,
// fails or does not apply, with the rule.
//
// It is hardly a participant: in most lines nothing is ever connected, and
// descriptions are texts that an honest WebRTC stack accepts and that lead
// nowhere. Lines about media need a Connection, which the caller brings.
//
// # How it is driven
//
// Run works on its caller's goroutine and starts none. Lines are tried one after
// the other, each under a session ID of its own; those that are passed by doing
// nothing wait beside each other. What arrives is put into
// a Mailbox, from any goroutine; what is sent leaves through a Wire. Times are
// instants of the process's clock; inside testing/synctest it is the virtual one.
package conformance
