package turn

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
)

// Packets of channels are relayed without pion/turn, which says which channels there
// are: nearly all packets of a call are, and it spends on each what it does on a request.

// headed is how long the header of ChannelData is (RFC 8656 section 12.4).
const headed = 4

// isChannelData tells it from STUN by its first two bits (RFC 8656 section 12.4).
func isChannelData(datagram []byte) bool { return len(datagram) > 0 && datagram[0]>>6 == 1 }

// channelData takes ChannelData apart: what follows its length is padding. It is false for
// what is none, or shorter than it says.
func channelData(datagram []byte) (number uint16, data []byte, ok bool) {
	if !isChannelData(datagram) || len(datagram) < headed {
		return 0, nil, false
	}
	length := int(binary.BigEndian.Uint16(datagram[2:]))
	if data = datagram[headed:]; length > len(data) {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(datagram), data[:length], true
}

// channel is one that a client has bound to a peer, by the address the client knows.
type channel struct {
	number uint16
	peer   netip.AddrPort
}

// channels are those of an allocation. What is there never changes: another list takes its
// place, so that two goroutines read it while pion/turn's timers end channels.
type channels struct{ list atomic.Pointer[[]channel] }

// bind adds one; beyond as many as paths are kept, its packets go through pion/turn. Only
// pion/turn's events bind and unbind, of one allocation one at a time.
func (c *channels) bind(one channel) {
	if list := c.all(); len(list) < ways {
		list = append(slices.Clone(list), one)
		c.list.Store(&list)
	}
}

// unbind takes one away.
func (c *channels) unbind(number uint16) {
	list := slices.DeleteFunc(slices.Clone(c.all()), func(o channel) bool { return o.number == number })
	c.list.Store(&list)
}

func (c *channels) all() []channel {
	if list := c.list.Load(); list != nil {
		return *list
	}
	return nil
}

// peer gives whom a channel is bound to.
func (c *channels) peer(number uint16) (peer netip.AddrPort, ok bool) {
	for _, one := range c.all() {
		if one.number == number {
			return one.peer, true
		}
	}
	return netip.AddrPort{}, false
}

// number gives the channel that is bound to a peer.
func (c *channels) number(peer netip.AddrPort) (number uint16, ok bool) {
	for _, one := range c.all() {
		if one.peer == peer {
			return one.number, true
		}
	}
	return 0, false
}

// channelBound and channelUnbound follow what pion/turn tells.
func (r *Relay) channelBound(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
	if one := r.port(relayed); one != nil {
		one.channels.bind(channel{number, addressOf(peer)})
	}
}

func (r *Relay) channelUnbound(_, _ net.Addr, _, _, _ string, relayed, _ net.Addr, number uint16) {
	if one := r.port(relayed); one != nil {
		one.channels.unbind(number)
	}
}

// port gives the relayed address that clients know as this, nil if there is none.
func (r *Relay) port(at net.Addr) *relayed {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.ports[addressOf(at).Port()]
}
