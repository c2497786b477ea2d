package transport

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// stunServer answers binding requests with an address of its choosing, as if
// there was a NAT on the way; a silent one never answers.
func stunServer(t *testing.T, seen netip.AddrPort) ICEServer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			request := stun.Message{Raw: buffer[:n]}
			if request.Decode() != nil || !seen.IsValid() {
				continue
			}
			answer, err := stun.Build(&request, stun.BindingSuccess,
				&stun.XORMappedAddress{IP: seen.Addr().AsSlice(), Port: int(seen.Port())}, stun.Fingerprint)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.WriteToUDPAddrPort(answer.Raw, from)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return ICEServer{URLs: []string{"stun:" + conn.LocalAddr().String()}}
}

func TestConn_OffersHowTheMediaPortLooksFromOutside(t *testing.T) {
	server := stunServer(t, netip.MustParseAddrPort("203.0.113.9:4242"))
	a, b := listen(t, Config{}), listen(t, Config{})
	caller, callee := connectThrough(t, a, b, ConnConfig{ICEServers: []ICEServer{server}}, func(d Description) Description {
		port := a.Port()
		if d.Type == TypeAnswer {
			port = b.Port()
		}
		if want := fmt.Sprintf("203.0.113.9 4242 typ srflx raddr 127.0.0.1 rport %d ufrag", port); !hasCandidate(d.SDP, "udp", want) {
			t.Errorf("%s has no candidate with %q:\n%s", d.Type, want, d.SDP)
		}
		if !strings.Contains(d.SDP, "a=end-of-candidates") {
			t.Errorf("%s does not end its candidates", d.Type)
		}
		for _, candidate := range outlineOf(t, d.SDP).candidates() {
			if use, err := candidate.check(); !use || err != nil {
				t.Errorf("candidate %q: %v", candidate.Candidate, err)
			}
		}
		return d
	})
	// The same again for another ICE generation.
	negotiate(t, caller, callee, OfferOptions{Restart: true}, func(d Description) Description {
		if !hasCandidate(d.SDP, "udp", "typ srflx") {
			t.Errorf("restart: %s has no reflexive candidate", d.Type)
		}
		return d
	})
}

func TestConn_DoesNotWaitLongForASilentSTUNServer(t *testing.T) {
	conn := newConn(t, listen(t, Config{}), ConnConfig{ICEServers: []ICEServer{stunServer(t, netip.AddrPort{})}})
	begin := time.Now()
	offer, err := conn.CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < stunPatience || took > stunPatience*2 {
		t.Errorf("the offer took %s, want about %s", took, stunPatience)
	}
	if strings.Contains(offer.SDP, "srflx") {
		t.Error("a reflexive candidate from nowhere")
	}
}

func TestConn_CloseDoesNotWaitForASTUNServer(t *testing.T) {
	conn := newConn(t, listen(t, Config{}), ConnConfig{ICEServers: []ICEServer{stunServer(t, netip.AddrPort{})}})
	if _, err := conn.CreateOffer(t.Context(), OfferOptions{}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > stunPatience/2 {
		t.Errorf("Close took %s", took)
	}
}
