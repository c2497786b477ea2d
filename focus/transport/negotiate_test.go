package transport

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport/jsep"
)

// pair is two connections that are connected, with pictures both ways.
type pair struct {
	caller, callee             *Conn
	seenByCaller, seenByCallee *observer
}

func connected(t *testing.T) pair {
	t.Helper()
	return connectedOn(t, Config{})
}

func connectedOn(t *testing.T, config Config) pair {
	t.Helper()
	p := pair{
		caller: newConn(t, listen(t, config), ConnConfig{Name: "caller", Video: camera(t, "alice")}),
		callee: newConn(t, listen(t, config), ConnConfig{Name: "callee", Video: camera(t, "bob")}),
	}
	p.seenByCaller, p.seenByCallee = observe(t, p.caller), observe(t, p.callee)
	negotiate(t, p.caller, p.callee, OfferOptions{}, unchanged)
	p.seenByCaller.awaitState(t, StateConnected)
	p.seenByCallee.awaitState(t, StateConnected)
	return p
}

// awaitConnected waits after a restart. Media may go on all the time.
func (p pair) awaitConnected(t *testing.T) {
	t.Helper()
	await(t, "connected", func() bool { return p.caller.State() == StateConnected && p.callee.State() == StateConnected })
}

func TestConn_RestartsICEFromEitherSide(t *testing.T) {
	t.Parallel() // waits most of the time
	for _, side := range []string{"caller", "callee"} {
		t.Run(side, func(t *testing.T) {
			p := connected(t)
			atCaller, atCallee := p.seenByCaller.awaitTrack(t, Video), p.seenByCallee.awaitTrack(t, Video)
			from, to := p.caller, p.callee
			if side == "callee" {
				from, to = to, from
			}
			former := ufragsOf(t, from, to, false)
			now := ufragsOf(t, from, to, true)
			if now[0] == former[0] || now[1] == former[1] {
				t.Errorf("the credentials are still the same: %v after %v", now, former)
			}
			p.awaitConnected(t)
			for _, track := range []*RemoteTrack{atCaller, atCallee} {
				before := track.Stats().Packets
				await(t, "packets after the restart", func() bool { return track.Stats().Packets > before+50 })
			}
		})
	}
}

// ufragsOf negotiates and gives the ICE generations of offer and answer.
func ufragsOf(t *testing.T, from, to *Conn, restart bool) (ufrags []string) {
	t.Helper()
	negotiate(t, from, to, OfferOptions{Restart: restart}, func(d Description) Description {
		ufrags = append(ufrags, read(t, d.SDP).Transport.Ufrag)
		return d
	})
	return ufrags
}

func read(t *testing.T, sdp string) jsep.Description {
	t.Helper()
	d, err := jsep.Read(sdp)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// candidatesOf gives those written in a description.
func candidatesOf(t *testing.T, sdp string) (all []Candidate) {
	t.Helper()
	for _, text := range read(t, sdp).Transport.Candidates {
		all = append(all, Candidate{Candidate: text})
	}
	return all
}

// stripCandidates takes them out of it.
func stripCandidates(sdp string) string {
	var kept strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") && !strings.HasPrefix(line, "a=end-of-candidates") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestConn_RenegotiatesWithoutRestart(t *testing.T) {
	t.Parallel() // waits most of the time
	p := connected(t)
	track := p.seenByCallee.awaitTrack(t, Video)
	negotiate(t, p.callee, p.caller, OfferOptions{}, unchanged)
	negotiate(t, p.caller, p.callee, OfferOptions{}, unchanged)
	before := track.Stats().Packets
	await(t, "packets after the renegotiation", func() bool { return track.Stats().Packets > before+50 })
	select {
	case candidates := <-p.seenByCaller.candidates:
		t.Errorf("candidates trickled though all were known: %v", candidates)
	default:
	}
}

func TestConn_SaysWhenTheNegotiationIsInAnotherState(t *testing.T) {
	ctx := t.Context()
	a, b := newConn(t, listen(t, Config{}), ConnConfig{}), newConn(t, listen(t, Config{}), ConnConfig{})
	if err := a.AcceptAnswer(ctx, Description{TypeAnswer, "v=0"}); !errors.Is(err, ErrWrongState) {
		t.Errorf("answer without offer: %v", err)
	}
	offer, err := a.CreateOffer(ctx, OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateOffer(ctx, OfferOptions{}); !errors.Is(err, ErrWrongState) {
		t.Errorf("second offer: %v", err)
	}
	other, err := b.CreateOffer(ctx, OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AcceptOffer(ctx, offer, 0); !errors.Is(err, ErrWrongState) {
		t.Errorf("glare: %v", err)
	}
	// Neither is harmed: a third party answers them both.
	for caller, offer := range map[*Conn]Description{a: offer, b: other} {
		callee := newConn(t, listen(t, Config{}), ConnConfig{})
		answer, err := callee.AcceptOffer(ctx, offer, patience)
		if err != nil {
			t.Fatal(err)
		}
		if err := caller.AcceptAnswer(ctx, answer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConn_RefusesDescriptionsItCannotUse(t *testing.T) {
	good, err := newConn(t, listen(t, Config{}), ConnConfig{}).CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		offer Description
	}{
		{"empty", Description{TypeOffer, ""}},
		{"no SDP", Description{TypeOffer, "hello"}},
		{"wrong type", Description{TypeAnswer, good.SDP}},
		{"no m-line", Description{TypeOffer, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"}},
		{"no fingerprint", Description{TypeOffer, strings.ReplaceAll(good.SDP, "a=fingerprint", "a=x")}},
		{"no ufrag", Description{TypeOffer, strings.ReplaceAll(good.SDP, "a=ice-ufrag", "a=x")}},
		{"no mid", Description{TypeOffer, strings.ReplaceAll(good.SDP, "a=mid", "a=x")}},
		{"too long", Description{TypeOffer, good.SDP + strings.Repeat("a=x\r\n", 64<<10)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := newConn(t, listen(t, Config{}), ConnConfig{})
			if _, err := conn.AcceptOffer(t.Context(), test.offer, 0); !errors.Is(err, ErrBadDescription) {
				t.Errorf("error %v, want ErrBadDescription", err)
			}
		})
	}
}

func TestConn_TakesAnOfferWithOneBadCandidate(t *testing.T) {
	p := pair{
		caller: newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice")}),
		callee: newConn(t, listen(t, Config{}), ConnConfig{}),
	}
	observe(t, p.caller)
	p.seenByCallee = observe(t, p.callee)
	negotiate(t, p.caller, p.callee, OfferOptions{}, func(d Description) Description {
		d.SDP = withCandidates(d.SDP, []Candidate{{Candidate: "candidate:nonsense"}, {Candidate: "candidate:1 1 udp 1 nowhere.invalid 9 typ host"}}, false)
		return d
	})
	readSamples(t, p.seenByCallee.awaitTrack(t, Video), 5)
}

func TestConn_TricklesWhatItFindsLater(t *testing.T) {
	t.Parallel() // waits most of the time
	allowed := make(chan struct{})
	server := turnServer(t, allowed)
	a, b := listen(t, Config{}), listen(t, Config{})
	caller := newConn(t, a, ConnConfig{Video: camera(t, "alice"), RelayOnly: true, ICEServers: []ICEServer{server}})
	callee := newConn(t, b, ConnConfig{})
	seenByCaller, seenByCallee := observe(t, caller), observe(t, callee)
	var ufrag string
	negotiate(t, caller, callee, OfferOptions{Gather: 100 * time.Millisecond}, func(d Description) Description {
		if d.Type == TypeOffer {
			ufrag = read(t, d.SDP).Transport.Ufrag
			if strings.Contains(d.SDP, "a=candidate") {
				t.Error("the offer has candidates")
			}
			close(allowed)
		}
		return d
	})
	var batch []Candidate
	select {
	case batch = <-seenByCaller.candidates:
	case <-time.After(patience):
		t.Fatal("no candidates trickled")
	}
	if len(batch) < 2 || !batch[len(batch)-1].end() {
		t.Errorf("batch %v: want candidates and an end marker", batch)
	}
	for _, candidate := range batch {
		if candidate.UsernameFragment == nil || *candidate.UsernameFragment != ufrag {
			t.Errorf("candidate %+v does not name its generation %s", candidate, ufrag)
		}
		if !candidate.end() && (candidate.Mid == nil || *candidate.Mid != "0" || candidate.MLineIndex == nil) {
			t.Errorf("candidate %+v has no mid or index", candidate)
		}
	}
	if err := callee.AddCandidates(batch); err != nil {
		t.Errorf("AddCandidates: %v", err)
	}
	seenByCaller.awaitState(t, StateConnected)
	readSamples(t, seenByCallee.awaitTrack(t, Video), 5)
}

func TestConn_TakesCandidatesBeforeTheirDescription(t *testing.T) {
	t.Parallel() // waits most of the time
	caller := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice")})
	callee := newConn(t, listen(t, Config{}), ConnConfig{})
	observe(t, caller)
	seenByCallee := observe(t, callee)
	ctx := t.Context()
	offer, err := caller.CreateOffer(ctx, OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	candidates := candidatesOf(t, offer.SDP)
	if len(candidates) == 0 {
		t.Fatal("no candidates")
	}
	offer.SDP = stripCandidates(offer.SDP)
	if err := callee.AddCandidates(append(candidates, Candidate{})); err != nil {
		t.Fatal(err)
	}
	answer, err := callee.AcceptOffer(ctx, offer, patience)
	if err != nil {
		t.Fatal(err)
	}
	answer.SDP = stripCandidates(answer.SDP) // only the callee can make the first step
	if err := caller.AcceptAnswer(ctx, answer); err != nil {
		t.Fatal(err)
	}
	readSamples(t, seenByCallee.awaitTrack(t, Video), 5)
}

func TestConn_CreateOfferEndsWithItsContext(t *testing.T) {
	// A TURN server that never answers keeps gathering from being complete.
	silent := ICEServer{URLs: []string{"turn:192.0.2.99:3478"}, Username: "a", Credential: "b"}
	conn := newConn(t, listen(t, Config{}), ConnConfig{ICEServers: []ICEServer{silent}, RelayOnly: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.CreateOffer(ctx, OfferOptions{Gather: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
	begin := time.Now()
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	// The TURN client notices when it next repeats its request, every 1.6 s, and
	// gives up after 7.9 s.
	if took := time.Since(begin); took > 7*time.Second {
		t.Errorf("Close waited %s for a server that does not answer", took)
	}
}

func TestConn_IsOfNoUseAfterClose(t *testing.T) {
	conn := newConn(t, listen(t, Config{}), ConnConfig{})
	waiting := make(chan error, 1)
	go func() {
		_, err := conn.CreateOffer(context.Background(), OfferOptions{Gather: time.Hour})
		waiting <- err
	}()
	for range 2 {
		if err := conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := <-waiting; err != nil && !errors.Is(err, ErrClosed) {
		t.Logf("an offer that was being made ended with %v", err)
	}
	if _, open := <-conn.Events(); open {
		t.Error("events are still open")
	}
	if _, err := conn.CreateOffer(t.Context(), OfferOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("CreateOffer: %v", err)
	}
	if _, err := conn.AcceptOffer(t.Context(), Description{}, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("AcceptOffer: %v", err)
	}
	if err := conn.AddCandidates([]Candidate{{}}); !errors.Is(err, ErrClosed) {
		t.Errorf("AddCandidates: %v", err)
	}
	if err := conn.ReplaceAudio(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("ReplaceAudio: %v", err)
	}
	if conn.State() != StateClosed || conn.Stats().State != StateClosed {
		t.Errorf("state is %s", conn.State())
	}
	if _, err := conn.network.NewConn(ConnConfig{}); err != nil {
		t.Errorf("another connection: %v", err)
	}
}
