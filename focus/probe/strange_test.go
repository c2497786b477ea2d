package probe

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// quick is a prober for servers that do not answer, patient one for those that
// do, on a machine that may be busy; neither awaits lost datagrams for long.
func quick() *Prober   { return &Prober{Patience: 600 * time.Millisecond} }
func patient() *Prober { return &Prober{Patience: 20 * time.Second, hurry: 400 * time.Millisecond} }

// Each of these servers is wrong in a way in which coturn cannot be.
func TestTURN_NamesWhatStrangeServersDo(t *testing.T) {
	t.Parallel()
	type answer = func(f *fake, request *stun.Message, from netip.AddrPort)
	challenge := []stun.Setter{stun.NewRealm("example.org"), stun.NewNonce("nonce")}
	refuse := func(code stun.ErrorCode) answer {
		return func(f *fake, request *stun.Message, from netip.AddrPort) {
			if request.Contains(stun.AttrMessageIntegrity) {
				f.refuse(request, from, code)
			} else {
				f.refuse(request, from, stun.CodeUnauthorized, challenge...)
			}
		}
	}
	grant := func(setters ...stun.Setter) answer {
		return func(f *fake, request *stun.Message, from netip.AddrPort) {
			if request.Contains(stun.AttrMessageIntegrity) {
				f.reply(request, from, stun.ClassSuccessResponse, setters...)
			} else {
				f.refuse(request, from, stun.CodeUnauthorized, challenge...)
			}
		}
	}
	tests := []struct {
		name   string
		answer answer
		cause  string
	}{
		{"nothing", func(*fake, *stun.Message, netip.AddrPort) {}, "nothing answers on UDP port"},
		{"no realm", func(f *fake, m *stun.Message, from netip.AddrPort) {
			f.refuse(m, from, stun.CodeUnauthorized, stun.NewNonce("nonce"))
		}, "has no realm"},
		{"stale nonces", func(f *fake, m *stun.Message, from netip.AddrPort) {
			f.refuse(m, from, stun.CodeStaleNonce, challenge...)
		}, "forgets its nonces at once"},
		{"signed by another", grant(xorAddress{stun.AttrXORRelayedAddress, netip.MustParseAddrPort("127.0.0.1:9")}, stun.NewLongTermIntegrity("alice", "example.com", "secret")), "signs with others"},
		{"no address", grant(fakeIntegrity), "lacks the address"},
		{"redirection", refuse(stun.CodeTryAlternate), "sends clients to another"},
		{"forbidden", refuse(stun.CodeForbidden), "forbids this user"},
		{"quota", refuse(stun.CodeAllocQuotaReached), "quota of relays is used up"},
		{"no ports", refuse(stun.CodeInsufficientCapacity), "no free relay port"},
		{"no IPv4", refuse(stun.CodeAddrFamilyNotSupported), "no relay addresses of IPv4"},
		{"TCP relays", refuse(stun.CodeUnsupportedTransProto), "relays TCP only"},
		{"failure", refuse(stun.CodeServerError), "the server failed"},
		{"a code of its own", refuse(699), "for a reason of its own"},
	}
	var scenes []scene
	for _, test := range tests {
		server, prober := pretend(t, "127.0.0.1:0", test.answer).String(), patient()
		if test.name == "nothing" {
			prober = quick()
		}
		scenes = append(scenes, scene{test.name, func() Finding { return prober.TURN(t.Context(), server, alice(), UDP) }, Broken, "", test.cause})
	}
	hole := relayingFake(t, func(int, []byte) bool { return true }).String()
	atOnce(t, append(scenes, scene{"nothing passes the relay", func() Finding {
		return patient().TURN(t.Context(), hole, alice(), UDP)
	},
		Broken, "was allocated; none of 4 datagrams passed", "nothing passes through it"}))
}

func TestTURN_MeasuresLoss(t *testing.T) {
	t.Parallel()
	server := relayingFake(t, func(count int, _ []byte) bool { return count%20 == 19 })
	f := patient().TURN(t.Context(), server.String(), alice(), UDP)
	wants(t, f, Warning, " datagrams came back, loss ", "datagrams are lost on the way through the relay")
}

// Where the relay sends from is not forgotten when the last datagram is lost.
func TestTURN_DoesNotTakeLossAtTheEndForAWrongAddress(t *testing.T) {
	t.Parallel()
	server := relayingFake(t, func(_ int, payload []byte) bool {
		number := binary.BigEndian.Uint32(payload) // odd on the way back
		return number%2 == 1 && number > 2*(echoRounds-3)
	})
	f := patient().TURN(t.Context(), server.String(), alice(), UDP)
	wants(t, f, Warning, " datagrams came back, loss ", "datagrams are lost on the way through the relay")
}

func TestTURN_TellsAWebServerFromARelay(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	wants(t, patient().TURN(t.Context(), listener.Addr().String(), alice(), TCP), Broken, "", "is no TURN server")
	wants(t, patient().TURN(t.Context(), listener.Addr().String(), alice(), TLS), Broken, "TLS handshake", "does not speak TLS")
}

func TestChecks_StopAtOnceWithTheirContext(t *testing.T) {
	t.Parallel()
	silent := pretend(t, "127.0.0.1:0", func(*fake, *stun.Message, netip.AddrPort) {}).String()
	p := &Prober{Patience: time.Hour}
	checks := map[string]func(context.Context) Finding{
		"STUN":     func(ctx context.Context) Finding { return p.STUN(ctx, silent) },
		"TURN":     func(ctx context.Context) Finding { return p.TURN(ctx, silent, alice(), UDP) },
		"Quota":    func(ctx context.Context) Finding { return p.Quota(ctx, silent, alice(), 3) },
		"NAT":      func(ctx context.Context) Finding { return p.NAT(ctx, silent) },
		"MTU":      func(ctx context.Context) Finding { return p.MTU(ctx, silent, alice()) },
		"External": func(ctx context.Context) Finding { return p.External(ctx, silent, nil) },
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			f := check(ctx)
			if took := time.Since(start); f.Level != Skipped || took > 30*time.Second {
				t.Errorf("after %v: %+v", took, f)
			}
			ctx, cancel = context.WithCancel(t.Context())
			cancel()
			if f := check(ctx); f.Level != Skipped {
				t.Errorf("of a context that is over: %+v", f)
			}
		})
	}
}

func TestProgress_HearsEachStep(t *testing.T) {
	t.Parallel()
	var steps []string
	p := &Prober{Patience: 20 * time.Second}
	p.Progress = func(step string) { steps = append(steps, step) }
	server := relayingFake(t, func(int, []byte) bool { return false })
	wants(t, p.TURN(t.Context(), server.String(), alice(), UDP), Fine, " of 30 datagrams", "")
	want := []string{"turn.udp: asking " + server.String() + " over UDP for a relay", "turn.udp: sending through the relay " + clean(server.relay.LocalAddr()).String()}
	if !slices.Equal(steps, want) {
		t.Errorf("steps are %q", steps)
	}
}
