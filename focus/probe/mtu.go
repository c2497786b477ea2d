package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/pion/stun/v4"
)

// Sizes of UDP payload. The most is Ethernet's 1500 bytes less the headers of
// IPv4 and UDP; the least is what IPv4 promises (576 less the same); needed is
// a full packet of ours: 1200 bytes of RTP, 16 of SRTP's tag and 4 of a
// relay's channel.
const (
	mostPayload   = 1472
	leastPayload  = 548
	neededPayload = 1220
)

// A size is tried three times before it is taken for too large. Only such tries
// count as are silent while a short datagram, sent after, comes back, and the long
// one does not come before it, late: else it was not the size. From then on more
// patience is had, for some tries.
const (
	sizeTries    = 3
	sizePatience = 100 * time.Millisecond
	sizeDoubts   = 16
)

// padding is an attribute that no server knows and that none has to know (RFC
// 8489 section 14, comprehension-optional, unassigned): it makes requests long.
const padding stun.AttrType = 0xc0de

// errNoFragments is on systems where we cannot forbid fragments.
var errNoFragments = errors.New("this system offers no way to forbid fragments")

// MTU finds the largest UDP payload that passes. With credentials it goes
// through the relay and back. Without, it goes to the server in a STUN
// request, whose answer is short: that is the way there alone.
func (p *Prober) MTU(ctx context.Context, server string, credentials Credentials) (f Finding) {
	s, err := parseServer(server, UDP)
	if err != nil {
		return unreadable("mtu", server, err)
	}
	f = begin("mtu", "the largest datagram that passes to "+s.String())
	defer f.took(time.Now())
	most, headers, err := p.largest(ctx, &f, s, credentials)
	switch {
	case stopped(ctx, &f):
	case err != nil:
		f.Found = err.Error()
		f.worse(Skipped, remedy{cause: "the path could not be measured", fix: "see the findings on STUN and TURN first"})
	case most < neededPayload:
		f.Found += fmt.Sprintf("; %d bytes pass, of %d that are needed: an MTU of %d", most, neededPayload, most+headers)
		f.worse(Warning, remedy{
			cause: fmt.Sprintf("datagrams of more than %d bytes are dropped, and a full packet of video has %d: sound works, pictures freeze. Usual with tunnels (VPN, PPPoE within a VPN) that do not say that a packet is too large", most, neededPayload),
			fix:   "raise the tunnel's MTU to 1300 or more, or let ICMP \"fragmentation needed\" through",
		})
	case most == mostPayload:
		f.Found += fmt.Sprintf("; %d bytes pass, which is all of an Ethernet packet", most)
	default:
		f.Found += fmt.Sprintf("; %d bytes pass, more than the %d that are needed: an MTU of %d", most, neededPayload, most+headers)
	}
	return f
}

// headersOf is what IP and UDP put in front of a payload.
func headersOf(l *link) int {
	if l.remote().Addr().Is4() {
		return 20 + 8
	}
	return 40 + 8
}

// largest chooses the way to measure, and says what the packets had besides.
func (p *Prober) largest(ctx context.Context, f *Finding, s server, credentials Credentials) (most, headers int, err error) {
	if credentials.Username == "" {
		return p.largestThere(ctx, f, s)
	}
	a, err := p.allocate(ctx, s, credentials)
	if err != nil {
		return 0, 0, err
	}
	defer a.release(ctx)
	own, err := listen(anywhere(a.relayed.Addr()))
	if err != nil {
		return 0, 0, err
	}
	defer own.close()
	at, err := p.admit(ctx, a, own, &outcome{})
	if err != nil || !at.IsValid() {
		return p.largestThere(ctx, f, s) // the relay denies us; its STUN side does not
	}
	e, peer := &echo{peer: at}, &direct{own, a.relayed}
	if !e.settle(ctx, a, peer) {
		return 0, 0, errSilent
	}
	if a.bind(ctx, e.peer) != nil {
		return p.largestThere(ctx, f, s) // the relay has no channels
	}
	a.link.loss = p.lost(sizePatience)
	f.Found = "through the relay and back, " + whole(errors.Join(forbidFragments(a.link.conn), forbidFragments(own)))
	try := func(size int) (bool, error) {
		stamp := make([]byte, size-channelHeader)
		copy(stamp[4:], "meshfocus")
		before := e.back
		err := e.round(ctx, a, peer, stamp)
		return e.back > before, err
	}
	most, err = search(ctx, func(size int) (bool, error) {
		p.say("mtu: %d bytes through the relay", size)
		return try(size)
	}, func() (bool, error) {
		before := e.late
		back, err := try(echoSize)
		if sure := back && e.late == before; sure || err != nil {
			return sure, err
		}
		a.link.loss = min(2*a.link.loss, p.patience())
		return false, nil
	})
	return most, headersOf(a.link), err
}

// largestThere sends long STUN requests.
func (p *Prober) largestThere(ctx context.Context, f *Finding, s server) (most, headers int, err error) {
	l, err := p.dial(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	defer l.close()
	f.Found = "to the server, " + whole(forbidFragments(l.conn))
	l.patience = p.lost(sizePatience)
	const header, head = 20, 4
	try := func(size int) (bool, error) {
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest, attribute(padding, make([]byte, size-header-head)...))
		if err != nil {
			return false, err
		}
		_, err = l.exchange(ctx, request)
		return err == nil, err
	}
	most, err = search(ctx, func(size int) (bool, error) {
		p.say("mtu: %d bytes to %s", size, s)
		return try(size)
	}, func() (bool, error) {
		before := l.late
		back, err := try(echoSize)
		if sure := back && l.late == before; sure || err != nil && !errors.Is(err, errSilent) {
			return sure, err
		}
		l.patience = min(2*l.patience, p.patience())
		return false, nil
	})
	return most, headersOf(l), err
}

func whole(err error) string {
	if err != nil {
		return "fragments allowed (" + err.Error() + ")"
	}
	return "without fragments"
}

// search finds the largest size that passes, within four bytes. Passing the
// most or not even the least ends it early. EMSGSIZE may be about what was sent
// before, when a router's answer comes late, and so it counts like silence. After
// silence sure says whether that was for the size.
func search(ctx context.Context, pass func(size int) (bool, error), sure func() (bool, error)) (int, error) {
	doubts := 0
	try := func(size int) (bool, error) {
		for tries := 0; tries < sizeTries; {
			ok, err := pass(size)
			switch {
			case ok:
				return true, nil
			case ctx.Err() != nil:
				return false, ctx.Err()
			case err != nil && !errors.Is(err, errSilent) && !errors.Is(err, syscall.EMSGSIZE):
				return false, err
			}
			certain, err := sure()
			for again := 0; again < sizeTries && errors.Is(err, syscall.EMSGSIZE); again++ {
				certain, err = sure() // what was said of the long one comes up now
			}
			switch {
			case err != nil && !errors.Is(err, syscall.EMSGSIZE):
				return false, err
			case certain:
				tries++
			case doubts == sizeDoubts:
				return false, errSilent
			default:
				doubts++
			}
		}
		return false, nil
	}
	if ok, err := try(mostPayload); ok || err != nil {
		return mostPayload, err
	}
	if ok, err := try(leastPayload); !ok {
		return 0, errors.Join(err, errSilent)
	}
	low, high := leastPayload, mostPayload
	for high-low > 4 {
		middle := (low + high) / 2 &^ 3
		ok, err := try(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// forbidFragments sets DF on what a socket sends, where the system can.
func forbidFragments(conn net.Conn) error {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return errNoFragments
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return err
	}
	outer := control.Control(func(fd uintptr) { err = setDontFragment(fd, clean(conn.LocalAddr()).Addr().Is4()) })
	return errors.Join(outer, err)
}
