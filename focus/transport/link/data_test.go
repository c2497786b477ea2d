package link

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// hears takes one message of a channel.
func hears(t *testing.T, c *Channel, want string) {
	t.Helper()
	buffer := make([]byte, 100)
	n, text, err := c.Read(buffer)
	if err != nil || !text || string(buffer[:n]) != want {
		t.Errorf("heard %q, text %v, %v, want %q", buffer[:n], text, err, want)
	}
}

func opensChannel(t *testing.T, e *end, label string) *Channel {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	channel, err := e.OpenChannel(ctx, label)
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func say(t *testing.T, c *Channel, text string) {
	t.Helper()
	if err := c.Write([]byte(text), true); err != nil {
		t.Fatal(err)
	}
}

func TestChannel_CarriesMessagesBothWays(t *testing.T) {
	for _, c := range []struct {
		name string
		late bool
	}{{"from the start", false}, {"agreed upon later", true}} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
			if !c.late {
				a.StartData()
				b.StartData()
			}
			connect(t, a, b)
			a.StartData()
			b.StartData()
			ours := opensChannel(t, a, "one")
			say(t, ours, "hello")
			theirs := await(t, "channel", b.opens)
			if theirs.Label() != "one" {
				t.Errorf("label is %q", theirs.Label())
			}
			hears(t, theirs, "hello")
			say(t, theirs, "hello yourself")
			hears(t, ours, "hello yourself")

			// The other side may open one as well.
			say(t, opensChannel(t, b, "two"), "and again")
			hears(t, await(t, "channel", a.opens), "and again")
		})
	}
}

func TestChannel_OutlivesARestart(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	a.StartData()
	b.StartData()
	connect(t, a, b)
	ours := opensChannel(t, a, "one")
	say(t, ours, "before")
	theirs := await(t, "channel", b.opens)
	hears(t, theirs, "before")
	was, of := a.current.Load(), b.current.Load()
	restart(t, a, b)
	await(t, "new generation", awaitTrue(func() bool { return a.current.Load() != was && b.current.Load() != of }))
	say(t, ours, "after")
	hears(t, theirs, "after")
}

func TestChannel_EndsWithTheLink(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	a.StartData()
	b.StartData()
	connect(t, a, b)
	ours := opensChannel(t, a, "one")
	theirs := await(t, "channel", b.opens)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "farewell", b.left)
	for _, c := range []*Channel{ours, theirs} {
		if _, _, err := c.Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
			t.Errorf("Read gives %v, want io.EOF", err)
		}
	}
	if _, err := a.OpenChannel(t.Context(), "late"); !errors.Is(err, ErrClosed) {
		t.Errorf("OpenChannel gives %v, want %v", err, ErrClosed)
	}
}

func TestChannel_WaitsNoLongerThanTold(t *testing.T) {
	e := newEnd(t, Config{Port: newLane(t).port})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := e.OpenChannel(ctx, "early"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err is %v", err)
	}
}
