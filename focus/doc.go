// Package focus forwards media between the parties of a session: who publishes, who
// gets what of it, in which size, and who is speaking.
//
// A Focus has Sessions, a Session has Parties, and a Party is one negotiated
// connection (transport.Bundle) with two sides. What arrives on it is published to
// the session as Tracks; what it subscribes to is sent on lines of its own. Parties
// are opaque keys: who they are, how descriptions reach them, and what they may see
// is the caller's matter. Packets never come here: the lanes below forward them, and
// this package only says from where to whom.
//
// # How it is driven
//
// The caller makes a Party by Session.Join, carries its descriptions and candidates,
// subscribes it, and reads Party.Next for what happens: tracks of others that come
// and go, that the connection has to be negotiated anew, messages on data channels.
// All methods may be called from any goroutine. Those that only say something never
// wait; those that negotiate wait for the connection.
//
// Each Session has a loop that alone knows who publishes and subscribes; what is
// said to it is taken in order. What that changes for whom is decided in roster,
// which is pure, like layerFor and speaker.
//
// Names follow MSC3401 and MSC3898, without their words: a track is known by the
// stream and track of its description (RFC 8830), which are made unique in a session.
// Levels are in -dBov: 0 is the loudest, 127 silence (RFC 6464).
package focus
