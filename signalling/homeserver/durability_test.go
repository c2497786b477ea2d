package homeserver_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// rounds is how often the server is killed. Before each kill it has answered a
// random number of requests between fewestDeeds and mostDeeds, or as many as
// it could in longestLife on a busy machine.
const (
	rounds      = 4
	parties     = 5
	fewestDeeds = 150
	mostDeeds   = 600
	longestLife = 2 * time.Second
)

func TestServer_LosesNothingItAcknowledged(t *testing.T) {
	if folder := os.Getenv(victimData); folder != "" {
		beVictim(folder)
		return
	}
	defer goleak.VerifyNone(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4 * parties}}
	defer client.CloseIdleConnections()

	folder := t.TempDir()
	server := startVictim(t, folder)
	village := settle(t, client, server)
	for round := range rounds {
		deeds := fewestDeeds + rand.IntN(mostDeeds-fewestDeeds)
		village.live(t, deeds, server.kill)
		client.CloseIdleConnections()
		server = startVictim(t, folder)
		village.move(server.address)
		village.compare(t, round)
		if t.Failed() {
			t.Logf("round %d, killed after %d requests", round, deeds)
			break
		}
	}
	server.kill()
	t.Log(village.summary())
}

// live lets everybody do what they do, and calls kill after so many deeds.
// Whoever is refused something fails the test; whoever gets no answer any more
// goes home.
func (v *village) live(t *testing.T, deeds int, kill func()) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var group sync.WaitGroup
	work := func(name string, loop func(context.Context) error) {
		group.Go(func() {
			if err := loop(ctx); isRefused(err) || errors.Is(err, errTwice) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	done := make(chan struct{}, mostDeeds)
	for _, p := range v.parties {
		work(p.user+" writes", func(ctx context.Context) error { return p.write(ctx, done) })
		work(p.user+" reads", p.read)
	}
	work("the clerk", v.clerk.work)
	timer := time.NewTimer(longestLife)
	defer timer.Stop()
	for count := 0; count < deeds; count++ {
		select {
		case <-done:
		case <-timer.C:
			count = deeds
		}
	}
	kill()
	cancel()
	group.Wait()
}
