package endtoend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/browser"
)

// guest is a page that a person has open.
type guest struct {
	*browser.Page
	name string
}

// join opens the call page in a browser and goes in as a person does, by the keyboard.
func join(t *testing.T, b *browser.Browser, base, call, name string) guest {
	t.Helper()
	g := guest{b.Open(t, base+"/c/"+call), name}
	g.Front()
	g.Type("input[name=name]", name+"\r") // a button may move under the mouse while the camera opens
	g.joined(t)
	return g
}

// joined waits until the page says that it is in the call.
func (g guest) joined(t *testing.T) {
	t.Helper()
	g.Eventually(joinLimit, g.name+" is in the call", "globalThis.meshfocus?.call.snapshot().state === 'joined'", "document.body.textContent")
}

// peers is what a page sees of the others, by name.
func (g guest) peers(t *testing.T) map[string]peer {
	t.Helper()
	all, err := g.tryPeers()
	if err != nil {
		t.Fatalf("%s: %v", g.name, err)
	}
	return all
}

// peer is the part of the library's snapshot that tests look at.
type peer struct {
	Key, Name, State, Words string
	Via                     struct{ Name string } // who passes its media on
	Stats                   *struct {
		FramesDecoded, BytesIn, BytesOut uint64
		Path                             string
	}
}

func (g guest) tryPeers() (map[string]peer, error) {
	var list []peer
	err := g.Try(`globalThis.meshfocus?.call?.snapshot().peers.map(({key, name, state, words, via, stats}) => ({key, name, state, words, via: via ?? {}, stats})) ?? []`, &list)
	all := map[string]peer{}
	for _, p := range list {
		all[p.Name] = p
	}
	return all, err
}

// describe says what a page sees, for the case that it is not what it should.
func (g guest) describe() string {
	all, err := g.tryPeers()
	var says string
	_ = g.Try(`(s => s.state + " " + (s.error?.words ?? ""))(meshfocus.call.snapshot())`, &says)
	return fmt.Sprintf("%s: %s %+v %v\n%s", g.name, says, all, err, strings.Join(g.Console(), "\n"))
}

// sees waits until a page shows moving pictures of all the others: five
// frames more than when it was asked.
func (g guest) sees(t *testing.T, limit time.Duration, others ...string) {
	t.Helper()
	before, _ := g.tryPeers()
	until(t, limit, g.name+" sees "+strings.Join(others, ", "), func() bool {
		now, err := g.tryPeers()
		if err != nil {
			return false
		}
		for _, name := range others {
			is, ok := now[name]
			if !ok || is.State != "connected" || is.Stats == nil {
				return false
			}
			var had uint64
			if was := before[name]; was.Stats != nil && was.Key == is.Key && was.Stats.FramesDecoded <= is.Stats.FramesDecoded {
				had = was.Stats.FramesDecoded
			}
			if is.Stats.FramesDecoded < had+5 {
				return false
			}
		}
		return true
	}, g.describe)
}

// misses waits until a page says that another is not to be seen any more.
func (g guest) misses(t *testing.T, limit time.Duration, other string) {
	t.Helper()
	until(t, limit, g.name+" notices that "+other+" is away", func() bool {
		now, err := g.tryPeers()
		is, ok := now[other]
		return err == nil && (!ok || is.State != "connected")
	}, g.describe)
}

// forgets waits until a page shows another no more.
func (g guest) forgets(t *testing.T, limit time.Duration, other string) {
	t.Helper()
	until(t, limit, other+" is gone for "+g.name, func() bool {
		now, err := g.tryPeers()
		_, ok := now[other]
		return err == nil && !ok
	}, g.describe)
}

// took reports how long something lasted, for the record.
func took(t *testing.T, what string, since time.Time) {
	t.Helper()
	t.Logf("%s: %.1f s", what, time.Since(since).Seconds())
}
