package probe

import (
	"context"
	"crypto/tls"
	"time"
)

// What makes a working relay worth a warning: more than one datagram of the
// echo lost, and a certificate that ends while its owner is on holiday.
const (
	tolerableLoss   = 5.0 // percent
	certificateSoon = 14 * 24 * time.Hour
)

// TURN allocates a relay and sends datagrams through it and back, to a second
// socket of this machine. server is a turn: or turns: URI, or host:port;
// transport overrides what the URI says, "" leaves it. It takes a second on a
// good path and at most about twenty on a bad one.
func (p *Prober) TURN(ctx context.Context, server string, credentials Credentials, transport Transport) (f Finding) {
	s, err := parseServer(server, transport)
	if err != nil {
		return unreadable("turn", server, err)
	}
	check := "turn." + string(s.way)
	f = begin(check, "a relay at "+s.String()+", and datagrams through it and back")
	defer f.took(time.Now())
	p.say("%s: asking %s for a relay", check, s)
	a, err := p.allocate(ctx, s, credentials)
	if err != nil {
		f.failed(err, diagnose(err, s, credentials, time.Now()))
		stopped(ctx, &f)
		return f
	}
	defer a.release(ctx)
	p.say("%s: sending through the relay %s", check, a.relayed)
	o := p.through(ctx, s, a)
	if !stopped(ctx, &f) {
		f.judge(s, a, o)
	}
	return f
}

// unreadable is the finding for an address that cannot be asked.
func unreadable(check, server string, err error) Finding {
	f := Finding{Check: check, Tried: "reading the address " + printable(server)}
	f.failed(err, remedy{
		cause: "the address cannot be read",
		fix:   "write it as turn:turn.example.org:3478?transport=udp or turns:turn.example.org:5349?transport=tcp",
	})
	f.Command = nameRelay()
	return f
}

// nameRelay prints how a homeserver names its TURN servers.
func nameRelay() []string { return []string{"synapse", "--part", "turn"} }

// certificateEnds says for how long the server's certificate is good; false
// without TLS.
func (l *link) certificateEnds() (left time.Duration, ok bool) {
	secured, ok := l.conn.(*tls.Conn)
	if !ok {
		return 0, false
	}
	return time.Until(secured.ConnectionState().PeerCertificates[0].NotAfter), true
}

// works says whether a check found the relay usable, for those that need it.
func (f Finding) works() bool { return f.Level < Broken }
