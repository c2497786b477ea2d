// Package link is the wire of one connection: which way datagrams go between
// two devices (ICE, RFC 8445), whose keys protect them (DTLS-SRTP, RFC 5764),
// and the data channels beside the media (RFC 8831).
//
// It knows neither session descriptions nor RTP. Whoever negotiates tells a
// Link what the other side's description says, and writes into its own what
// the Link says: credentials, candidates, the fingerprint of a Certificate.
//
// # Whose packets go where
//
// The sockets are the caller's. A Port stands for those of one party: it is
// handed every datagram that is STUN or DTLS (RFC 7983), finds the Link it is
// for, and what Links send leaves by a function of the caller. Media on a
// direct path never comes here: the caller reads it from its socket, finds the
// connection by the address it came from, and sends to the address that the
// last PathChanged named, with the keys that Secured brought.
//
// Media on other paths does: TCP and TURN are streams and sockets that ICE
// owns. There a Link delivers by Config.Media and sends by Write, which costs
// some copies more.
//
//	socket ──┬─ media ──────────────▶ caller
//	         └─ STUN, DTLS ─▶ Port ─▶ Link ─▶ Events
//	TCP, TURN ──────────────────────▶ Link ─▶ Config.Media
//
// # Telling connections apart
//
// A STUN request names the Link in its user name and an answer names the
// request it belongs to. DTLS says nothing of the kind and goes by the address
// it came from, to the Link that proved last that its peer is there: by an
// answered check, so that nobody takes over an address by naming it as a
// candidate. Two connections between the same two addresses cannot be told
// apart in this way, so two of them must not share a Port
// (docs/decisions/0002).
//
// # Restart
//
// A restart makes before it breaks (RFC 8445 section 9): the new generation
// has an ICE agent of its own and the old path stays in use, and keeps its
// consent alive, until the new one is found. DTLS and keys stay.
//
// # Whom a peer has us ask
//
// Candidates of the peer are addresses of its choosing. Config.Reach says where
// we are, and by that which of them are asked first (docs/decisions/0010);
// .local names are looked up by Config.Resolve, which Names is made for, and
// judged by what they stand for. Without the first everything is asked, without
// the second no name is known.
//
// # How it is driven
//
// All methods may be called from any goroutine. What a Link has to say arrives
// in order on Link.Events. It owns a loop that hands these out while there are
// any, one that reads for each ICE generation, one for DTLS and the data
// channels, those that ask STUN servers or look names up for as long as that
// takes, and those of Pion; Close waits for all of them.
package link
