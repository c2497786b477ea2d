package turn

import "sync/atomic"

// Stats is what a relay has and did. All but Allocations go up only.
type Stats struct {
	Allocations int    // now
	Allocated   uint64 // ever
	Refused     Refused
	// ToPeers and ToClients are what was relayed, without headers of ChannelData or STUN.
	ToPeers, ToClients Relayed
}

// Refused counts requests, and packets to ports, that were refused.
type Refused struct {
	Credentials uint64 // unknown, expired, or a wrong password
	Quota       uint64 // beyond what a user or all may have
	Peers       uint64 // an address that is no peer
	Ports       uint64 // packets to a port of this machine that is not relayed
}

// Relayed counts datagrams.
type Relayed struct{ Packets, Bytes uint64 }

// counters are the same, counted by many goroutines.
type counters struct {
	allocated, credentials, quota, peers, ports atomic.Uint64
	_                                           [64]byte // the two directions run on two cores
	out                                         struct{ packets, bytes atomic.Uint64 }
	_                                           [64]byte
	in                                          struct{ packets, bytes atomic.Uint64 }
}

func (c *counters) stats() Stats {
	return Stats{
		Allocated: c.allocated.Load(),
		Refused:   Refused{c.credentials.Load(), c.quota.Load(), c.peers.Load(), c.ports.Load()},
		ToPeers:   Relayed{c.out.packets.Load(), c.out.bytes.Load()},
		ToClients: Relayed{c.in.packets.Load(), c.in.bytes.Load()},
	}
}
