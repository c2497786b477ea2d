// Package rival starts servers that forward media and brings parties into them,
// so that all can be measured with the same traffic on the same machine: ours,
// LiveKit, Janus with its videoroom, and a plain forwarder on pion/webrtc.
//
// A Rival is a program, a Server one process of it in a Place: on its own core,
// and in a network namespace of its own if there is one. Parties come in by the
// program's own signalling: LiveKit's websocket (protobuf, written and read here
// in the few messages it takes), Janus' websocket, and package door's HTTP for
// the two that have none. All of them make or answer offers of the same End.
//
// A server that somebody else has started is reached by WHIP and WHEP, or is a LiveKit
// with a key of its API; what its
// process used is known only if it runs here.
//
// What a process used is read from the kernel (Usage), not asked of it; only
// allocations are, where somebody tells them.
package rival
