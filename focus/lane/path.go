package lane

import (
	"maps"
	"net/netip"

	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
)

// route is how an End's peer is reached.
type route struct {
	socket *udp.Socket
	path   *udp.Path
	marked *udp.Path // the same for what is marked ECT(1); nil: nothing is
	direct bool      // otherwise by EndConfig.Write
	known  bool
}

// secured gives an End's send loop the keys.
func (l *Lane) secured(e *End, sealer *srtp.Sealer) {
	l.mail.post(letter{kind: letterSecured, end: e, sealer: sealer}, nil)
}

// moved says by which way an End's peer is reached, and that what comes from there
// is the End's, also after the next move.
func (l *Lane) moved(e *End, local, remote netip.AddrPort, direct bool) {
	remote = plain(remote)
	if direct {
		l.settle(e, remote)
	}
	l.mail.post(letter{kind: letterMoved, end: e, route: l.route(plain(local), remote, direct)}, nil)
}

// plain is an address as sockets tell it: IPv4 as such.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// route finds the socket that has a local address, or may send from it. A path that
// cannot be made is none.
func (l *Lane) route(local, remote netip.AddrPort, direct bool) route {
	if !direct {
		return route{known: true}
	}
	sockets := *l.sockets.Load()
	if len(sockets) == 0 {
		return route{}
	}
	best, suits := sockets[0], 0
	for _, s := range sockets {
		bound := plain(s.LocalAddr())
		suit := 0
		switch {
		case bound == local:
			suit = 3
		case bound.Port() == local.Port() && bound.Addr().IsUnspecified():
			suit = 2
		case bound.Addr().Is4() == remote.Addr().Is4():
			suit = 1
		}
		if suit > suits {
			best, suits = s, suit
		}
	}
	path, err := best.Path(remote)
	if err != nil {
		l.log.Warn("no way from this socket", "err", err)
		return route{}
	}
	r := route{socket: best, path: path, direct: true, known: true}
	if l.config.ECN {
		if marked := best.Marked(path, udp.ECT1); marked != path {
			r.marked = marked
		}
	}
	return r
}

// settle notes whose a remote address is; the last to claim it has it.
func (l *Lane) settle(e *End, remote netip.AddrPort) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	ends := maps.Clone(*l.ends.Load())
	ends[remote] = e
	l.ends.Store(&ends)
}

// closed forgets an End: nothing is taken from its addresses, nothing sent.
func (l *Lane) closed(e *End) {
	l.mutex.Lock()
	ends := maps.Clone(*l.ends.Load())
	maps.DeleteFunc(ends, func(_ netip.AddrPort, other *End) bool { return other == e })
	l.ends.Store(&ends)
	now := *l.living.Load()
	l.living.Store(&living{ends: without(now.ends, e), tracks: now.tracks})
	l.mutex.Unlock()
	for _, s := range e.out.end() {
		s.Close()
	}
	l.mail.post(letter{kind: letterClosed, end: e}, nil)
}
