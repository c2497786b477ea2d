package main

import (
	"context"
	"log/slog"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/signalling/conformance"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// testMedia makes the connections of a conformance run: they send silence and
// count what arrives.
type testMedia struct {
	account *matrix.Account
	network *transport.Network
}

// openTestMedia opens a port. The network is the caller's to close.
func openTestMedia(account *matrix.Account, log *slog.Logger) (*testMedia, error) {
	network, err := transport.Listen(transport.Config{TCP: true, Loopback: transport.OnlyLoopback(), MDNS: true, Log: log})
	if err != nil {
		return nil, failure{exitMedia, err}
	}
	return &testMedia{account, network}, nil
}

// connect makes a connection, with the homeserver's relays where it names some.
func (m *testMedia) connect(ctx context.Context) (conformance.Connection, error) {
	config := transport.ConnConfig{Name: "conformance"}
	if offered, err := m.account.TurnServers(ctx); err == nil {
		for _, server := range offered.Servers {
			config.ICEServers = append(config.ICEServers, transport.ICEServer(server))
		}
	}
	conn, err := m.network.NewConn(config)
	if err != nil {
		return nil, err
	}
	heard := make(chan struct{})
	go func() { // ends with the connection, which closes its events
		defer close(heard)
		for range conn.Events() { // nothing of it matters: candidates are in the description, media is counted
		}
	}()
	return &testConnection{conn, heard}, nil
}

// testConnection is one of them.
type testConnection struct {
	conn  *transport.Conn
	heard <-chan struct{} // closed when nobody listens to it any more
}

// gatherAll is how long a description waits for its candidates: all of them
// have to be in it.
const gatherAll = 3 * time.Second

func (c *testConnection) Offer(ctx context.Context) (string, error) {
	offer, err := c.conn.CreateOffer(ctx, transport.OfferOptions{Gather: gatherAll})
	return offer.SDP, err
}

func (c *testConnection) Answer(ctx context.Context, offer string) (string, error) {
	answer, err := c.conn.AcceptOffer(ctx, transport.Description{Type: transport.TypeOffer, SDP: offer}, gatherAll)
	return answer.SDP, err
}

func (c *testConnection) Accept(ctx context.Context, answer string) error {
	return c.conn.AcceptAnswer(ctx, transport.Description{Type: transport.TypeAnswer, SDP: answer})
}

// AddCandidates leaves out what cannot be read, as everybody should.
func (c *testConnection) AddCandidates(list []message.Candidate) {
	batch := make([]transport.Candidate, len(list))
	for i, candidate := range list {
		batch[i] = transport.Candidate{
			Candidate: candidate.Candidate, Mid: candidate.SDPMid, MLineIndex: candidate.SDPMLineIndex, UsernameFragment: candidate.UsernameFragment,
		}
	}
	_ = c.conn.AddCandidates(batch)
}

func (c *testConnection) Received() (bytes uint64) {
	for _, track := range c.conn.Stats().Received {
		bytes += track.Bytes
	}
	return bytes
}

func (c *testConnection) Close() error {
	err := c.conn.Close()
	<-c.heard
	return err
}
