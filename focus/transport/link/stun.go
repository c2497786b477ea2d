package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// transaction identifies a STUN request and its answer.
type transaction = [stun.TransactionIDSize]byte

// What is fixed about a STUN message (RFC 8489 section 5).
const (
	stunHeaderLen = 20
	stunCookie    = 0x2112a442
	stunBinding   = 0x0001
	stunClasses   = 0x0110
	stunUsername  = 0x0006
)

// stunMessage is what a Port reads of a message. ufrag lies in the datagram.
type stunMessage struct {
	kind  uint16
	id    transaction
	ufrag []byte // of the receiver: the user name up to the colon
}

func (m stunMessage) request() bool { return m.kind == stunBinding }
func (m stunMessage) success() bool { return m.kind == stunBinding|0x0100 }
func (m stunMessage) answer() bool  { return m.success() || m.kind == stunBinding|stunClasses }

// parseSTUN reads as much as it takes to find whom a message is for.
func parseSTUN(datagram []byte) (m stunMessage, ok bool) {
	if len(datagram) < stunHeaderLen || binary.BigEndian.Uint32(datagram[4:]) != stunCookie {
		return m, false
	}
	m.kind = binary.BigEndian.Uint16(datagram)
	m.id = transaction(datagram[8:stunHeaderLen])
	length := int(binary.BigEndian.Uint16(datagram[2:]))
	if m.kind>>14 != 0 || length%4 != 0 || length > len(datagram)-stunHeaderLen {
		return m, false
	}
	rest := datagram[stunHeaderLen : stunHeaderLen+length]
	for len(rest) >= 4 {
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if size > len(rest)-4 {
			return m, false
		}
		if kind == stunUsername {
			m.ufrag, _, _ = bytes.Cut(rest[4:4+size], []byte{':'}) // RFC 8445 section 7.2.2
			return m, true
		}
		rest = rest[min(4+(size+3)&^3, len(rest)):]
	}
	return m, true
}

// How long a STUN server is asked: at once and after 200, 600 and 1400 ms, and
// for as long as the context lasts (RFC 8489 section 6.2.1 is more patient, but
// a call is waiting).
const askFirst = 200 * time.Millisecond

// Reflexive asks a STUN server, from the socket on a local address, how this
// looks from outside. It ends with the context at the latest.
func (p *Port) Reflexive(ctx context.Context, local, server netip.AddrPort) (netip.AddrPort, error) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}, err
	}
	answer := make(chan netip.AddrPort, 1)
	p.ask(request.TransactionID, question{to: unmap(server), answer: answer})
	defer p.forget(request.TransactionID)
	for interval := askFirst; ; interval *= 2 {
		if err := p.send(request.Raw, unmap(local), unmap(server)); err != nil {
			return netip.AddrPort{}, err
		}
		timer := time.NewTimer(interval)
		select {
		case seen := <-answer:
			timer.Stop()
			return seen, nil
		case <-ctx.Done():
			timer.Stop()
			return netip.AddrPort{}, ctx.Err()
		case <-timer.C:
		}
	}
}

// tell passes on what address an answer names.
func tell(answer chan<- netip.AddrPort, datagram []byte) {
	message := stun.Message{Raw: bytes.Clone(datagram)}
	var seen stun.XORMappedAddress
	if message.Decode() != nil || message.Type != stun.BindingSuccess || seen.GetFrom(&message) != nil {
		return
	}
	if addr, ok := netip.AddrFromSlice(seen.IP); ok {
		select {
		case answer <- netip.AddrPortFrom(addr.Unmap(), uint16(seen.Port)):
		default: // asked twice, answered twice
		}
	}
}
