package probe

import (
	"context"
	"encoding/binary"
	"net/netip"

	"github.com/pion/stun/v4"
)

// channelHeader is what a channel puts in front of a datagram, both ways (RFC
// 8656 section 12.4): its number and the length of what follows.
const channelHeader = 4

// firstChannel is the least number that a channel may have (section 12).
const firstChannel = 0x4000

// bind opens a channel to a peer, for an allocation over UDP: from then on send
// and receive use it, as calls do. What it adds is known, where an indication
// may hold whatever the server likes to say.
func (a *allocation) bind(ctx context.Context, peer netip.AddrPort) error {
	number := attribute(stun.AttrChannelNumber, firstChannel>>8, firstChannel&0xff, 0, 0)
	if _, err := a.ask(ctx, stun.MethodChannelBind, number, xorAddress{stun.AttrXORPeerAddress, peer}); err != nil {
		return err
	}
	a.bound = peer
	return nil
}

// inChannel puts the header in front.
func inChannel(payload []byte) []byte {
	message := binary.BigEndian.AppendUint16(nil, firstChannel)
	message = binary.BigEndian.AppendUint16(message, uint16(len(payload)))
	return append(message, payload...)
}

// fromChannel reads a datagram of the channel; false for everything else.
func fromChannel(raw []byte) (payload []byte, ok bool) {
	if len(raw) < channelHeader || binary.BigEndian.Uint16(raw) != firstChannel {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(raw[2:]))
	if len(raw) < channelHeader+length {
		return nil, false
	}
	return raw[channelHeader : channelHeader+length], true
}
