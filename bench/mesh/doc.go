// Package mesh measures our own mesh, without a server for media: participants
// without a screen (mesh/headless), all in this process, who join one room of an
// embedded homeserver at the same moment, over real HTTP and UDP on loopback, and
// play the test card to each other. It judges nothing of what is heard and seen;
// it reports what the participants themselves report, and what the homeserver was
// asked to carry.
//
// Run is called from one goroutine and blocks. A round opens all participants,
// then lets them in; when pictures flow between all pairs it looks at memory, then
// for Config.Measure at processor time, meanwhile letting one go and another come
// where the scenario says so, and then everybody leaves.
//
// Both ends of each pair, and the homeserver, share the machine: times are those of
// N participants on one machine and grow with N as they would not on N machines.
package mesh
