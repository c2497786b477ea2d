package link

import (
	"fmt"
	"strings"
	"testing"

	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
)

// roles tells two ends of each other, with the roles of the first.
func roles(t *testing.T, a, b *end, controlling, client bool) {
	t.Helper()
	ofA, ofB := a.candidates(), b.candidates()
	toA, toB := b.describe(), a.describe()
	toA.Controlling, toB.Controlling = controlling, !controlling
	toA.Client, toB.Client = client, !client
	toA.Lite, toB.Lite = b.config.Lite, a.config.Lite
	for _, err := range []error{a.Connect(toA), b.Connect(toB)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.add(ofB)
	b.add(ofA)
	a.awaitState(StateConnected)
	b.awaitState(StateConnected)
}

func TestLink_ConnectsInEveryRole(t *testing.T) {
	t.Parallel()
	for _, controlling := range []bool{true, false} {
		for _, client := range []bool{true, false} {
			t.Run(fmt.Sprintf("controlling %v client %v", controlling, client), func(t *testing.T) {
				from, to := newStation(t, udp.Best, "127.0.0.1"), newStation(t, udp.Best, "127.0.0.1")
				a, b := newEnd(t, Config{Port: from.port}), newEnd(t, Config{Port: to.port})
				roles(t, a, b, controlling, client)
				to.expect(await(t, "keys", b.keys))
				stop := from.pour(a, await(t, "keys", a.keys))
				to.flows("media", 20)
				to.whole(stop())
			})
		}
	}
}

// As server we choose, and choose GCM with 128 bits wherever the peer knows it;
// as client we take what the server chooses.
func TestLink_ProfileIsThatOfTheServer(t *testing.T) {
	foreign := []srtp.Profile{srtp.AES128CMSHA1, srtp.AES256GCM, srtp.AES128GCM}
	for _, c := range []struct {
		name   string
		client bool
		theirs []srtp.Profile
		want   srtp.Profile
	}{
		{"we serve one that likes others better", false, foreign, srtp.AES128GCM},
		{"we serve one without GCM", false, foreign[:1], srtp.AES128CMSHA1},
		{"we serve one with the longer key only", false, foreign[:2], srtp.AES256GCM},
		{"we are served by one that likes counter mode", true, foreign, srtp.AES128CMSHA1},
		{"we are served by one that likes long keys", true, foreign[1:], srtp.AES256GCM},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port, Profiles: c.theirs})
			roles(t, a, b, true, c.client)
			keysA, keysB := await(t, "keys", a.keys), await(t, "keys", b.keys)
			if p := keysA.Seal.Profile(); p != c.want {
				t.Errorf("profile is %v, want %v", p, c.want)
			}
			if got := opened(t, keysB, sealed(t, keysA, 96, 1, "through")); got != "through" {
				t.Errorf("opened %q", got)
			}
		})
	}
}

func TestLite_AnswersAndIsAnswered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		controlling bool // what the lite end is told of roles, rightly or not
	}{{"as callee", false}, {"as caller", true}} {
		t.Run(c.name, func(t *testing.T) {
			from, to := newStation(t, udp.Best, "127.0.0.1"), newStation(t, udp.Best, "127.0.0.1")
			relay := []Relay{{"turn:127.0.0.1:9", "alice", "secret"}}
			lite := newEnd(t, Config{Port: from.port, Lite: true, STUN: []string{"127.0.0.1:9"}, Relays: relay})
			full := newEnd(t, Config{Port: to.port})
			roles(t, lite, full, c.controlling, false)
			if len(lite.told) != 1 || !strings.Contains(lite.told[0], " typ host") {
				t.Errorf("candidates are %q, want that of the socket", lite.told)
			}
			to.expect(await(t, "keys", full.keys))
			stop := from.pour(lite, await(t, "keys", lite.keys))
			to.flows("media", 20)
			was := lite.current.Load()
			restart(t, full, lite)
			await(t, "new generation", awaitTrue(func() bool { return lite.current.Load() != was }))
			to.flows("media after a restart", 20)
			to.whole(stop())
		})
	}
}
