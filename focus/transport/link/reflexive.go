package link

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// stunPatience is how long STUN servers may take: what has not come after two
// seconds does not come (RFC 8489 section 6.2.1 is more patient, but a call is
// waiting).
const stunPatience = 2 * time.Second

// srflxPriority is type preference 100, local preference 65535, component 1
// (RFC 8445 section 5.1.2).
const srflxPriority = 100<<24 | 65535<<8 | 255

// SetSTUN sets the STUN servers, as "host:port", that the next Gather asks.
func (l *Link) SetSTUN(servers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stun = slices.Clone(servers)
}

// askReflexive has the Port find out how it looks from outside, and tells a
// candidate for each address found. Pion would ask from a socket of its own;
// this way there is one port only. A server-reflexive candidate needs nothing
// from the ICE agent, whose checks leave from the host candidate it is based on
// (RFC 8445 section 6.1.2.4).
func (g *generation) askReflexive(servers []string) {
	ctx, cancel := context.WithTimeout(g.link.life, stunPatience)
	defer cancel()
	locals := g.link.config.Port.Locals()
	var asking sync.WaitGroup
	for _, server := range servers {
		for _, is4 := range []bool{true, false} {
			from := slices.DeleteFunc(slices.Clone(locals), func(a netip.AddrPort) bool { return a.Addr().Is4() != is4 })
			if len(from) > 0 {
				asking.Go(func() { g.askServer(ctx, server, from) })
			}
		}
	}
	asking.Wait()
	g.finishOne()
}

// askServer asks one server from addresses of one family.
func (g *generation) askServer(ctx context.Context, server string, locals []netip.AddrPort) {
	network := "udp6"
	if locals[0].Addr().Is4() {
		network = "udp4"
	}
	at, err := resolve(ctx, network, server)
	if err != nil {
		return
	}
	var asking sync.WaitGroup
	for _, local := range locals {
		if at.Addr().IsLoopback() == local.Addr().IsLoopback() {
			asking.Go(func() {
				if seen, err := g.link.config.Port.Reflexive(ctx, local, at); err == nil {
					g.seenAs(local, seen)
				}
			})
		}
	}
	asking.Wait()
}

// seenAs tells how an address looks from outside, if that says anything new.
func (g *generation) seenAs(local, seen netip.AddrPort) {
	config := g.link.config
	if seen == local || config.External != nil && slices.Contains(config.External(local.Addr()), seen.Addr()) {
		return
	}
	g.link.mu.Lock()
	known := slices.Contains(g.reflexive, seen)
	g.reflexive = append(g.reflexive, seen)
	g.link.mu.Unlock()
	if !known {
		ufrag := g.credentials.Ufrag
		g.link.events.Put(CandidateFound{ufrag, reflexiveCandidate(local, seen, ufrag)})
	}
}

// reflexiveCandidate writes a server-reflexive candidate (RFC 8839 section
// 5.1). One foundation for each base is enough.
func reflexiveCandidate(local, seen netip.AddrPort, ufrag string) string {
	return fmt.Sprintf("candidate:srflx%d 1 udp %d %s %d typ srflx raddr %s rport %d ufrag %s",
		foundation(local.Addr()), srflxPriority, seen.Addr(), seen.Port(), local.Addr(), local.Port(), ufrag)
}

// foundation is the same for one base and differs for others, mostly.
func foundation(base netip.Addr) uint32 {
	hash := uint32(2166136261) // FNV-1a
	for _, b := range base.As16() {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return hash
}
