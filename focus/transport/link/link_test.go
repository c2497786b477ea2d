package link

import (
	"errors"
	"testing"
	"time"

	"meshfocus/focus/transport/srtp"
)

func TestLink_ConnectsTwoEndsAndTheirKeysFit(t *testing.T) {
	la, lb := newLane(t), newLane(t)
	a, b := newEnd(t, Config{Port: la.port}), newEnd(t, Config{Port: lb.port})
	connect(t, a, b)
	keysA, keysB := await(t, "keys", a.keys), await(t, "keys", b.keys)
	if p := keysA.Seal.Profile(); p != srtp.AES128GCM {
		t.Errorf("profile is %v, want %v", p, srtp.AES128GCM)
	}
	path := await(t, "path", a.path)
	want := Path{Local: la.port.Locals()[0], Remote: lb.port.Locals()[0], Direct: true, LocalType: "host", RemoteType: "host"}
	if path != want {
		t.Errorf("path is %+v, want %+v", path, want)
	}
	// Media by the caller's own hand, and by the slower way.
	if _, err := la.conn.WriteToUDPAddrPort(sealed(t, keysA, 96, 1, "hello"), path.Remote); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(sealed(t, keysB, 96, 1, "goodbye")); err != nil {
		t.Fatal(err)
	}
	if got := opened(t, keysB, await(t, "media", lb.media).datagram); got != "hello" {
		t.Errorf("b got %q", got)
	}
	if got := opened(t, keysA, await(t, "media", la.media).datagram); got != "goodbye" {
		t.Errorf("a got %q", got)
	}
}

func TestLink_ServerChoosesTheProfile(t *testing.T) {
	a := newEnd(t, Config{Port: newLane(t).port, Profiles: []srtp.Profile{srtp.AES256GCM, srtp.AES128GCM}})
	b := newEnd(t, Config{Port: newLane(t).port, Profiles: []srtp.Profile{srtp.AES128CMSHA1, srtp.AES128GCM, srtp.AES256GCM}})
	connect(t, a, b)
	if p := await(t, "keys", b.keys).Open.Profile(); p != srtp.AES256GCM {
		t.Errorf("profile is %v, want %v", p, srtp.AES256GCM)
	}
}

func TestLink_FailsWithoutACommonProfile(t *testing.T) {
	a := newEnd(t, Config{Port: newLane(t).port, Profiles: []srtp.Profile{srtp.AES128GCM}})
	b := newEnd(t, Config{Port: newLane(t).port, Profiles: []srtp.Profile{srtp.AES128CMSHA1}})
	begin(t, a, b)
	for _, e := range []*end{a, b} {
		if e.awaitState(StateFailed).Err == nil {
			t.Error("failed without a reason")
		}
	}
}

func TestLink_RefusesAnotherCertificate(t *testing.T) {
	for _, c := range []struct {
		name   string
		client bool
	}{{"as server", false}, {"as client", true}} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
			toA, toB := b.describe(), a.describe()
			toA.Fingerprints = []Fingerprint{certificate(t).Fingerprint()}
			toA.Controlling, toA.Client, toB.Client = true, c.client, !c.client
			b.add(a.candidates())
			for _, err := range []error{a.Connect(toA), b.Connect(toB)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			a.add(b.candidates())
			if err := a.awaitState(StateFailed).Err; !errors.Is(err, ErrFingerprint) {
				t.Errorf("failed with %v, want %v", err, ErrFingerprint)
			}
			b.awaitState(StateFailed)
			if len(a.keys) != 0 {
				t.Error("keys were given all the same")
			}
		})
	}
}

func TestLink_NoticesThatThePeerLeft(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	connect(t, a, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "farewell", a.left)
	if state := a.State(); state != StateConnected {
		t.Errorf("state is %s, want it left as it was", state)
	}
}

// quick makes a path count as lost after half a second, and as gone after
// another three: no less than a busy machine needs to find one.
var quick = Timeouts{Disconnected: 500 * time.Millisecond, Failed: 3 * time.Second, Keepalive: 100 * time.Millisecond}

func TestLink_LosesConsentAndThenThePath(t *testing.T) {
	t.Parallel() // waits most of the time
	la, lb := newLane(t), newLane(t)
	a, b := newEnd(t, Config{Port: la.port, Timeouts: quick}), newEnd(t, Config{Port: lb.port})
	connect(t, a, b)
	_ = lb.conn.Close()
	a.awaitState(StateDisconnected)
	if change := a.awaitState(StateFailed); change.Err != nil {
		t.Errorf("failed with %v, want a state that a restart mends", change.Err)
	}
	if _, err := a.Write([]byte{0x80}); !errors.Is(err, ErrNoPath) {
		t.Errorf("Write gives %v, want %v", err, ErrNoPath)
	}
}

// restart gives both ends a new generation and tells them of each other.
func restart(t *testing.T, a, b *end) {
	t.Helper()
	ofA, err := a.Restart()
	if err != nil {
		t.Fatal(err)
	}
	candidates := a.candidates()
	ofB, err := b.Restart()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Resume(ofA); err != nil {
		t.Fatal(err)
	}
	b.add(candidates)
	candidates = b.candidates()
	if err := a.Resume(ofB); err != nil {
		t.Fatal(err)
	}
	a.add(candidates)
}

func TestLink_RestartKeepsTheOldPathUntilThereIsANewOne(t *testing.T) {
	la, lb := newLane(t), newLane(t)
	a, b := newEnd(t, Config{Port: la.port}), newEnd(t, Config{Port: lb.port})
	connect(t, a, b)
	keys := await(t, "keys", a.keys)
	first := await(t, "path", a.path)
	await(t, "path", b.path)
	before := a.current.Load()

	// Half a restart: the way there is goes on.
	if _, err := a.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(sealed(t, keys, 96, 1, "still here")); err != nil {
		t.Fatal(err)
	}
	if got := opened(t, await(t, "keys", b.keys), await(t, "media", lb.media).datagram); got != "still here" {
		t.Errorf("b got %q", got)
	}
	// And a whole one.
	restart(t, a, b)
	await(t, "new generation", awaitTrue(func() bool { return a.current.Load() != before }))
	if path, _ := a.Path(); path.Remote != first.Remote {
		t.Errorf("path is %+v", path)
	}
	if state := a.State(); state != StateConnected {
		t.Errorf("state is %s", state)
	}
}

// awaitTrue tells when a condition holds that no event announces.
func awaitTrue(condition func() bool) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		for end := time.Now().Add(patience); !condition() && time.Now().Before(end); {
			<-time.After(5 * time.Millisecond)
		}
		if condition() {
			close(done)
		}
	}()
	return done
}

func TestLink_RestartMendsALostPath(t *testing.T) {
	t.Parallel() // waits most of the time
	la, lb := newLane(t), newLane(t)
	a, b := newEnd(t, Config{Port: la.port, Timeouts: quick}), newEnd(t, Config{Port: lb.port, Timeouts: quick})
	connect(t, a, b)
	first := await(t, "path", b.path)
	// a's network goes away, and it has another socket then.
	_ = la.conn.Close()
	a.awaitState(StateFailed)
	b.awaitState(StateFailed)
	lc := newLane(t)
	moved := lc.port.Locals()[0]
	la.send.Store(lc.conn)
	lc.forward.Store(la.port)
	la.port.SetLocals(lc.port.Locals())
	restart(t, a, b)
	a.awaitState(StateConnected)
	b.awaitState(StateConnected)
	if moved == first.Remote {
		t.Fatalf("the other socket is at %s too", moved)
	}
	// Before it there may be news of the lost one: pairs that were found good after the first.
	for path := first; path.Remote != moved; {
		path = await(t, "path to the other socket", b.path)
	}
}
