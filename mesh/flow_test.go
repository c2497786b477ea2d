package mesh_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/simnet"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

var update = flag.Bool("update", false, "write the message flows of testdata anew")

// Golden message flows, as sequence diagrams to be read in review.
func TestFlows_AreAsDrawn(t *testing.T) {
	for _, flow := range []struct {
		name    string
		devices []string
		play    func(w *world)
	}{
		{"two-join", []string{"alice", "bob"}, func(w *world) {
			w.boot("alice").join()
			wait(time.Second)
			w.boot("bob").join()
			wait(3 * time.Second)
		}},
		{"three-join", []string{"alice", "bob", "carol"}, func(w *world) {
			w.boot("alice").join()
			w.boot("bob").join()
			wait(time.Second)
			w.boot("carol").join()
			wait(3 * time.Second)
		}},
		{"leave", []string{"alice", "bob", "carol"}, func(w *world) {
			_, bob, _ := trio(w)
			bob.leave()
			wait(20 * time.Second)
		}},
		{"rejoin", []string{"alice", "bob"}, func(w *world) {
			w.boot("alice").join()
			bob := w.boot("bob").join()
			wait(3 * time.Second)
			bob.crash()
			wait(time.Second)
			w.boot("bob").join()
			wait(3 * time.Second)
		}},
		{"crash", []string{"alice", "bob"}, func(w *world) {
			w.boot("alice").join()
			bob := w.boot("bob").join()
			wait(3 * time.Second)
			bob.crash()
			wait(45 * time.Second)
			bob.vanish() // the homeserver fires the delayed leave
			wait(time.Minute)
		}},
		{"ice-restart", []string{"alice", "bob"}, func(w *world) {
			w.boot("alice").join()
			w.boot("bob").join()
			wait(3 * time.Second)
			w.fabric.Cut("alice", "bob")
			wait(8500 * time.Millisecond)
			w.fabric.Heal("alice", "bob")
			wait(10 * time.Second)
		}},
		{"grace", []string{"alice", "bob"}, func(w *world) {
			w.boot("alice").join()
			bob := w.boot("bob").join()
			wait(3 * time.Second)
			bob.vanish()
			wait(5 * time.Second)
			bob.join()
			wait(5 * time.Second)
			bob.vanish()
			wait(20 * time.Second)
		}},
		{"glare", []string{"alice", "zed"}, func(w *world) {
			_, _ = foreign(w, func(zed *device, from message.Party, s message.Signal) {
				if s.Kind != message.Invite {
					return
				}
				// Both sent an invite; the answer follows to the call that survives.
				own := s
				own.CallID = "zzz"
				zed.reply(from, own, message.Signal{
					Kind: message.Invite, Envelope: message.Envelope{Seq: number(0)},
					Description: message.Description{Type: "offer", SDP: describe("offer", "z").SDP},
				})
				time.Sleep(100 * time.Millisecond)
				zed.answer(from, s, 0)
			})
			wait(3 * time.Second)
		}},
	} {
		t.Run(flow.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				flow.play(w)
				compare(t, flow.name, w.draw(flow.devices))
			})
		})
	}
}

// draw makes a chart of what was said and what the devices saw.
func (w *world) draw(devices []string) string {
	type line struct {
		at   time.Time
		text string
		add  func(c *simnet.Chart)
	}
	var lines []line
	for _, s := range w.road.Sent() {
		text := word(s.Message)
		if s.Message.Seq != nil {
			text += fmt.Sprintf(" #%d", *s.Message.Seq)
		}
		if s.Lost {
			text += " (lost)"
		}
		lines = append(lines, line{s.At, "1" + s.From + s.To, func(c *simnet.Chart) { c.Arrow(s.At, s.From, s.To, text) }})
	}
	for _, d := range w.former() {
		for _, l := range d.links {
			text := l.State.String() + " " + name(l.Peer)
			if l.Reason != "" && l.State != negotiate.Connected {
				text += ": " + string(l.Reason)
			}
			lines = append(lines, line{l.Since, "0" + d.name + text, func(c *simnet.Chart) { c.Note(l.Since, d.name, text) }})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.text, b.text))
	})
	chart := simnet.NewChart(w.began, devices...)
	for _, l := range lines {
		l.add(chart)
	}
	return chart.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "flow-"+name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (write it anew with -update):\n%s\nwant\n%s", path, got, want)
	}
}
