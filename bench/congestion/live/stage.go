package live

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
)

// patience is how long everything may take that is not measured.
const patience = time.Minute

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Stage is one run: a connection of a lane's with a page of Chromium, and the
// bottleneck between them.
type Stage struct {
	t         testing.TB
	bundle    *transport.Bundle
	page      *browser.Page
	path      *bottleneck.Bottleneck
	connected chan struct{}
	arrived   chan transport.LineReceived
	hearing   sync.WaitGroup
}

// newStage makes a connection that is adaptive, and a page.
func newStage(t testing.TB, b *browser.Browser) *Stage {
	t.Helper()
	network, err := transport.Listen(transport.Config{Addresses: []netip.Addr{loopback}, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = network.Close() })
	bundle, err := network.NewBundle(transport.BundleConfig{Name: "chromium", Adaptive: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := &Stage{t: t, bundle: bundle, connected: make(chan struct{}), arrived: make(chan transport.LineReceived, 16)}
	s.hearing.Go(s.hear)
	t.Cleanup(func() { _ = bundle.Close(); s.hearing.Wait() })
	s.page = open(t, b)
	return s
}

// open opens a page in front of the others.
func open(t testing.TB, b *browser.Browser) *browser.Page {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	p := b.Open(t, server.URL)
	p.Front()
	return p
}

// hear reads what the connection says, until it is closed.
func (s *Stage) hear() {
	open := false
	for event := range s.bundle.Events() {
		switch e := event.(type) {
		case transport.StateChanged:
			if e.State == transport.StateConnected && !open {
				open = true
				close(s.connected)
			}
		case transport.LineReceived:
			select {
			case s.arrived <- e:
			default:
			}
		}
	}
}

// words is a description as it travels.
type words struct{ Type, SDP string }

func (w words) script() string {
	text, _ := json.Marshal(map[string]string{"type": w.Type, "sdp": w.SDP})
	return string(text)
}

// connect negotiates by way of a bottleneck and waits until there is a connection.
// sent is what the page may send, "null" for nothing.
func (s *Stage) connect(forward, back discrete.Path, seed uint64, sent string) {
	s.t.Helper()
	offer, err := s.bundle.CreateOffer(s.t.Context(), patience, false)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := s.through(words(offer), bottleneck.Config{Forward: forward, Back: back, Seed: seed}, sent)
	if err := s.bundle.AcceptAnswer(s.t.Context(), transport.Description(answer)); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.connected:
	case <-time.After(patience):
		s.t.Fatalf("no connection within %v: it is %v", patience, s.bundle.State())
	}
}

// through puts a bottleneck before who made an offer, and has the page answer that.
func (s *Stage) through(offer words, c bottleneck.Config, sent string) (answer words) {
	s.t.Helper()
	target, err := own(offer.SDP)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Kind = kindsOf(offer.SDP).of
	if s.path, err = bottleneck.Open(loopback, target, c); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.path.Close)
	offer.SDP = far(offer.SDP, s.path.Address())
	s.page.Eval(fmt.Sprintf("answer(%s, %s)", offer.script(), sent), &answer)
	answer.SDP = hidden(answer.SDP)
	return answer
}

// until waits for something that has to come.
func (s *Stage) until(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
