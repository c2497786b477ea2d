package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// again is after which time a request is sent once more: the server may have just been started.
	again = 100 * time.Millisecond
	// channel is the number that each client binds (RFC 8656 section 12).
	channel = 0x4000
	// header is that of ChannelData.
	header = 4
)

// client is one allocation. It belongs to one goroutine at a time.
type client struct {
	socket    *socket
	server    netip.AddrPort
	login     login
	realm     stun.Realm
	nonce     stun.Nonce
	integrity stun.MessageIntegrity
	known     bool // realm and nonce
	relayed   netip.AddrPort
}

// allocate asks a server for a relayed address and binds the channel to a peer.
func allocate(ctx context.Context, s *socket, server, peer netip.AddrPort, as login) (*client, error) {
	c := &client{socket: s, server: server, login: as}
	answer, err := c.ask(ctx, stun.MethodAllocate, attribute(stun.AttrRequestedTransport, []byte{17, 0, 0, 0})) // UDP
	if err != nil {
		return nil, fmt.Errorf("allocate: %w", err)
	}
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(answer, stun.AttrXORRelayedAddress); err != nil {
		return nil, fmt.Errorf("allocate: %w", err)
	}
	ip, _ := netip.AddrFromSlice(relayed.IP)
	c.relayed = netip.AddrPortFrom(ip.Unmap(), uint16(relayed.Port))
	number := binary.BigEndian.AppendUint16(nil, channel)
	if _, err := c.ask(ctx, stun.MethodChannelBind, attribute(stun.AttrChannelNumber, append(number, 0, 0)), address(peer)); err != nil {
		return nil, fmt.Errorf("bind a channel: %w", err)
	}
	return c, nil
}

// ask sends a request and answers challenges (RFC 8489 section 9.2).
func (c *client) ask(ctx context.Context, method stun.Method, setters ...stun.Setter) (*stun.Message, error) {
	const challenges = 3
	for tries := 0; ; tries++ {
		all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)
		if c.known {
			all = append(all, stun.NewUsername(c.login.user), c.realm, c.nonce, c.integrity)
		}
		request, err := stun.Build(append(all, stun.Fingerprint)...)
		if err != nil {
			return nil, err
		}
		answer, err := c.exchange(ctx, request)
		if err != nil || answer.Type.Class == stun.ClassSuccessResponse {
			return answer, err
		}
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(answer); err != nil {
			return nil, err
		}
		challenge := code.Code == stun.CodeUnauthorized && !c.known || code.Code == stun.CodeStaleNonce
		if !challenge || tries == challenges {
			return nil, fmt.Errorf("the server refused: %s", code)
		}
		if err := errors.Join(c.realm.GetFrom(answer), c.nonce.GetFrom(answer)); err != nil {
			return nil, err
		}
		c.known, c.integrity = true, stun.NewLongTermIntegrity(c.login.user, c.realm.String(), c.login.password)
	}
}

// exchange sends a request until it is answered.
func (c *client) exchange(ctx context.Context, request *stun.Message) (*stun.Message, error) {
	const looking = time.Millisecond
	var due time.Time
	buffer := make([]byte, longest)
	for {
		if now := time.Now(); !now.Before(due) {
			due = now.Add(again)
			if err := c.socket.send(request.Raw, c.server); err != nil {
				return nil, err
			}
		}
		for {
			n, _, ok := c.socket.receive(buffer)
			if !ok {
				break
			}
			answer := &stun.Message{Raw: bytes.Clone(buffer[:n])}
			if stun.IsMessage(answer.Raw) && answer.Decode() == nil && answer.TransactionID == request.TransactionID {
				return answer, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not answer: %w", c.server, ctx.Err())
		case <-time.After(looking):
		}
	}
}

// raw is an attribute as it is written.
type raw struct {
	kind  stun.AttrType
	value []byte
}

func attribute(kind stun.AttrType, value []byte) stun.Setter { return raw{kind, value} }

// AddTo is for stun.Build.
func (r raw) AddTo(m *stun.Message) error {
	m.Add(r.kind, r.value)
	return nil
}

// address is that of a peer.
type address netip.AddrPort

// AddTo is for stun.Build.
func (a address) AddTo(m *stun.Message) error {
	at := netip.AddrPort(a)
	return stun.XORMappedAddress{IP: net.IP(at.Addr().AsSlice()), Port: int(at.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}
