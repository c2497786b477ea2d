// Package remote has the subscribers of a call on another machine than its publishers.
// A Server waits there for orders, over HTTPS with a token; a Machine, where the server
// that is measured and the publishers are, gives them:
//
//	GET  /party            is somebody there, and which version
//	POST /party/permit     may a server at a host be sent a scenario from there
//	POST /party/round      an Order; answered, line by line, with Events as they happen and
//	                       the Round when all is over
//	POST /party/reading    a reading of the other clock, while a round is under way
//
// How far the clocks are apart is asked over UDP (package clock) at the same address,
// from before the first subscriber comes in until after the last packet, second by
// second. Who gives orders asks, and says what it has read, turned round: so one machine
// alone has to be reachable. A round ends with the connection that ordered it.
//
// Who gives orders knows the server by the fingerprint of its certificate, which is made
// anew with each start, so that nobody in between learns the token, nor what an Order has
// that lets subscribers in. Clocks are asked in the clear, of whoever asks.
package remote
