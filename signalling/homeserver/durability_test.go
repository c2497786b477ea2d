package homeserver_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// rounds is how often the server is killed, and the time under load before
// each kill is random between shortestLife and longestLife.
const (
	rounds       = 4
	parties      = 5
	shortestLife = 150 * time.Millisecond
	longestLife  = 450 * time.Millisecond
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
	village := settle(t, client, server.address)
	for round := range rounds {
		life := shortestLife + rand.N(longestLife-shortestLife)
		village.live(t, life, server.kill)
		client.CloseIdleConnections()
		server = startVictim(t, folder)
		village.move(server.address)
		village.compare(t, round)
		if t.Failed() {
			t.Logf("round %d, killed after %v", round, life)
			break
		}
	}
	server.kill()
	t.Log(village.summary())
}

// live lets everybody do what they do until kill has been called, after so
// long. Whoever is refused something fails the test; whoever gets no answer
// any more goes home.
func (v *village) live(t *testing.T, life time.Duration, kill func()) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	work := func(name string, loop func(context.Context) error) {
		group.Go(func() {
			if err := loop(ctx); isRefused(err) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for _, p := range v.parties {
		work(p.user+" writes", p.write)
		work(p.user+" reads", p.read)
	}
	work("the clerk", v.clerk.work)
	timer := time.NewTimer(life)
	<-timer.C
	kill()
	group.Wait()
}
