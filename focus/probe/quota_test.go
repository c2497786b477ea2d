package probe

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestQuota_NamesTheNumberReached(t *testing.T) {
	t.Parallel()
	ask := func(members int, options ...string) func() Finding {
		server := coturn(t, options...)
		return func() Finding { return (&Prober{}).Quota(t.Context(), server, good(), members) }
	}
	atOnce(t, []scene{
		{"user quota 1, call of three", ask(3, "--user-quota=1"), Broken, "1 relay was allocated, the next one was answered with 486", "the quota is 1 relay; each member of a call of 3 needs 2"},
		{"total quota 4, call of three", ask(3, "--total-quota=4"), Warning, "4 relays were allocated", "enough for one member of a call of 3 (2), not for all of them (6)"},
		{"total quota 4, call of two", ask(2, "--total-quota=4"), Fine, "all 2 were allocated", ""},
		{"no quota, beyond our bound", ask(20), Fine, "all 90 were allocated (380 would be needed", ""},
		{"four ports, call of three", ask(3, "--min-port=61100", "--max-port=61103"), Broken, "after 4 relays: Allocate was answered with 508", "no free relay port"},
	})
}

func TestTURN_SaysThatTheQuotaIsUsedUp(t *testing.T) {
	t.Parallel()
	p, server := &Prober{}, coturn(t, "--user-quota=1")
	s, err := parseServer(server, UDP)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	a, err := p.allocate(t.Context(), s, timed(secret, until))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.TURN(t.Context(), server, timed(secret, until), UDP), Broken, "486", "the quota of relays is used up")
	a.release(t.Context())
	wants(t, p.TURN(t.Context(), server, timed(secret, until), UDP), Fine, " of 30 datagrams", "")
}

func TestQuota_GivesBackWhatItTookWhenItIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server, until := coturn(t, "--user-quota=2"), time.Now().Add(time.Hour)
	p := &Prober{Progress: func(step string) {
		if strings.HasPrefix(step, "turn.quota: relay 3 of 6") {
			cancel()
		}
	}}
	wants(t, p.Quota(ctx, server, timed(secret, until), 3), Skipped, "", "stopped before the answer")
	wants(t, p.Quota(t.Context(), server, timed(secret, until), 2), Fine, "all 2 were allocated", "")
}
