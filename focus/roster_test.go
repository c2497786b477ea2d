package focus

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meshfocus/focus/lane"
)

// sound is a track as a publisher names it.
func sound(stream, id string) Track { return Track{Kind: lane.Audio, Stream: stream, ID: id} }

// full is a roster with parties in it.
func full(t testing.TB, parties ...string) *roster {
	t.Helper()
	r := newRoster()
	for _, party := range parties {
		if _, err := r.join(party); err != nil {
			t.Fatal(err)
		}
	}
	return &r
}

// words says what follows, one word a step.
func (c change) words() (words []string) {
	for _, party := range c.lines {
		words = append(words, party+" negotiates")
	}
	for _, n := range c.notices {
		words = append(words, fmt.Sprintf("%s hears %T", n.to, n.event))
	}
	return words
}

func expect(t *testing.T, c change, want ...string) {
	t.Helper()
	if got := c.words(); !slices.Equal(got, want) {
		t.Errorf("what follows is %q, want %q", got, want)
	}
}

func TestRoster_TellsWhoHasToKnow(t *testing.T) {
	r := full(t, "a", "b", "c")
	expect(t, r.publish("a", "0", sound("s", "t")), "b hears focus.TrackPublished", "c hears focus.TrackPublished")
	key := Key{"s", "t"}
	c, err := r.subscribe("b", key, Wish{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, c, "b negotiates")
	if c, err = r.subscribe("b", key, Wish{Paused: true}); err != nil || c.words() != nil || !r.shares("b")[0].wish.Paused {
		t.Errorf("another wish is %q, %v, %+v", c.words(), err, r.shares("b")[0])
	}
	expect(t, r.publish("a", "0", sound("s", "t"))) // said again
	expect(t, r.mute(key, true), "b hears focus.TrackChanged", "c hears focus.TrackChanged")
	expect(t, r.mute(key, true))
	late, err := r.join("d")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, late, "d hears focus.TrackPublished")
	expect(t, r.unpublish("a", "0"), "b negotiates", "b hears focus.TrackEnded", "c hears focus.TrackEnded", "d hears focus.TrackEnded")
	expect(t, r.unpublish("a", "0"))
}

func TestRoster_KeepsWhatIsSaidOfStreams(t *testing.T) {
	r := full(t, "a", "b")
	expect(t, r.describe("a", map[string]Remark{"s": {Label: "screen", AudioMuted: true}}))
	expect(t, r.publish("a", "0", sound("s", "t")), "b hears focus.TrackPublished")
	expect(t, r.publish("b", "0", sound("s", "t")), "a hears focus.TrackPublished") // another's stream of that name
	for _, track := range r.published() {
		if mine := track.Owner == "a"; track.Muted != mine || (track.Label == "screen") != mine {
			t.Errorf("published is %+v", track)
		}
	}
	c := r.describe("a", map[string]Remark{"s": {Label: "screen"}})
	expect(t, c, "b hears focus.TrackChanged")
	if len(c.settled) != 1 || c.settled[0].Muted {
		t.Errorf("to be settled is %+v", c.settled)
	}
	expect(t, r.describe("a", map[string]Remark{"s": {Label: "screen"}}))
	expect(t, r.describe("a", nil)) // it stays as it is
	expect(t, r.describe("nobody", nil))
}

func TestRoster_SharesStayInTheOrderInWhichTheyWereAskedFor(t *testing.T) {
	r := full(t, "a", "b")
	for i, id := range []string{"t", "u", "v", "w"} {
		r.publish("a", fmt.Sprint(i), sound("s", id))
		if _, err := r.subscribe("b", Key{"s", id}, Wish{}); err != nil {
			t.Fatal(err)
		}
	}
	before := r.shares("b")
	r.unsubscribe("b", Key{"s", "u"})
	if _, err := r.subscribe("b", Key{"s", "u"}, Wish{}); err != nil {
		t.Fatal(err)
	}
	ids := func(shares []*share) (all string) {
		for _, sh := range shares {
			all += sh.of.ID
		}
		return all
	}
	if was, is := ids(before), ids(r.shares("b")); was != "tuvw" || is != "tvwu" {
		t.Errorf("%s before, %s after", was, is)
	}
}

func TestRoster_WhatBecomesAnotherTrackEndsFirst(t *testing.T) {
	r := full(t, "a", "b")
	r.publish("a", "0", sound("s", "t"))
	if _, err := r.subscribe("b", Key{"s", "t"}, Wish{}); err != nil {
		t.Fatal(err)
	}
	expect(t, r.publish("a", "0", sound("s", "u")), "b negotiates", "b hears focus.TrackEnded", "b hears focus.TrackPublished")
	if tracks := r.published(); len(tracks) != 1 || tracks[0].Key != (Key{"s", "u"}) || len(r.shares("b")) != 0 {
		t.Errorf("published is %+v", tracks)
	}
}

func TestRoster_RefusesWhatCannotBe(t *testing.T) {
	r := full(t, "a", "b")
	r.publish("a", "0", sound("s", "t"))
	if _, err := r.join("a"); !errors.Is(err, ErrTaken) {
		t.Errorf("joining twice: %v", err)
	}
	if _, err := r.subscribe("a", Key{"s", "t"}, Wish{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("its own: %v", err)
	}
	if _, err := r.subscribe("b", Key{"s", "x"}, Wish{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := r.subscribe("x", Key{"s", "t"}, Wish{}); !errors.Is(err, ErrClosed) {
		t.Errorf("for nobody: %v", err)
	}
	expect(t, r.publish("x", "0", sound("s", "t")))
	expect(t, r.leave("x"))
	expect(t, r.unsubscribe("b", Key{"s", "t"}))
}

func TestRoster_MakesNamesUnique(t *testing.T) {
	r := full(t, "a", "b", "c")
	for i, of := range []struct{ party, stream, id string }{
		{"a", "s", "t"}, {"a", "s", "u"}, // one stream, two tracks
		{"a", "s", "t"},                // the same once more
		{"b", "s", "t"},                // somebody else's
		{"b", "-", "t"}, {"b", "", ""}, // no stream
		{"c", "a b", "x\r\na=evil"},
	} {
		r.publish(of.party, fmt.Sprint(i), sound(of.stream, of.id))
	}
	owners := map[string]string{}
	for _, track := range r.published() {
		if !isName(track.Key.Stream) || !isName(track.Key.Track) {
			t.Errorf("%q cannot be written", track.Key)
		}
		if owner, known := owners[track.Key.Stream]; known && owner != track.Owner {
			t.Errorf("stream %q is of %s and of %s", track.Key.Stream, owner, track.Owner)
		}
		owners[track.Key.Stream] = track.Owner
	}
	if len(r.tracks) != 7 || r.tracks[Key{"s", "t"}].Owner != "a" {
		t.Errorf("there are %d tracks, s/t is %+v", len(r.tracks), r.tracks[Key{"s", "t"}])
	}
}

func TestRoster_MessagesGoToThoseWhoHear(t *testing.T) {
	r := full(t, "a", "b", "c")
	of := ear{"a", "talk"}
	for _, party := range []string{"a", "b", "c"} {
		r.hear(party, of, true)
	}
	r.hear("b", ear{"nobody", "talk"}, true)
	if got := r.hearers(of); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("%q hear a", got)
	}
	r.hear("b", of, false)
	r.leave("c")
	if got := r.hearers(of); len(got) != 0 {
		t.Errorf("%q still hear a", got)
	}
	r.hear("b", of, true)
	r.leave("a")
	if _, err := r.join("a"); err != nil || len(r.hearers(of)) != 0 {
		t.Errorf("another a is heard, %v", err)
	}
}

// Whatever happens in whatever order: nobody has a share of what is not there or is
// its own, lines and names are used once, and whoever hears all that is told knows
// what there is.
func TestRoster_HoldsTogether(t *testing.T) {
	parties := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		r := newRoster()
		told := map[string]map[Key]bool{} // by who is in
		lines := map[string]map[string]Key{}
		hear := func(c change) {
			for _, n := range c.notices {
				switch e := n.event.(type) {
				case TrackPublished:
					if told[n.to][e.Track.Key] {
						t.Fatalf("%s is told twice of %s", n.to, e.Track.Key)
					}
					told[n.to][e.Track.Key] = true
				case TrackEnded:
					if !told[n.to][e.Track.Key] {
						t.Fatalf("%s is told of the end of %s, of which it does not know", n.to, e.Track.Key)
					}
					delete(told[n.to], e.Track.Key)
				}
			}
		}
		key := func() Key {
			keys := []Key{{"s0", "t0"}}
			for _, track := range r.published() {
				keys = append(keys, track.Key)
			}
			return rapid.SampledFrom(keys).Draw(t, "key")
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			party := rapid.SampledFrom(parties).Draw(t, "party")
			mid := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "mid"))
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				if told[party] == nil {
					told[party], lines[party] = map[Key]bool{}, map[string]Key{}
					c, err := r.join(party)
					if err != nil {
						t.Fatal(err)
					}
					hear(c)
				}
			case 1:
				hear(r.leave(party))
				delete(told, party)
			case 2, 3:
				name := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "name"))
				hear(r.publish(party, mid, sound("s"+name, "t"+name)))
			case 4:
				hear(r.unpublish(party, mid))
			case 5:
				c, _ := r.subscribe(party, key(), Wish{})
				hear(c)
			case 6:
				hear(r.unsubscribe(party, key()))
			}
			for party := range told {
				for _, track := range r.published() {
					if told[party][track.Key] != (track.Owner != party) {
						t.Fatalf("%s knows %v, there is %+v", party, told[party], r.published())
					}
				}
				if has := r.shares(party); len(has) != len(r.members[party].shares) {
					t.Fatalf("%s has %d shares, and %d in order", party, len(r.members[party].shares), len(has))
				}
				for _, sh := range r.shares(party) {
					if r.tracks[sh.of.Key] != sh.of || sh.of.Owner == party || r.members[sh.of.Owner] == nil {
						t.Fatalf("%s has a share of %+v", party, sh.of)
					}
					if of, used := lines[party][sh.line]; used && of != sh.of.Key {
						t.Fatalf("%s has %s on the line of %s", party, sh.of.Key, of)
					}
					lines[party][sh.line] = sh.of.Key
				}
			}
		}
		for _, party := range parties {
			r.leave(party)
		}
		if len(r.tracks)+len(r.members) > 0 {
			t.Fatalf("%d tracks and %d parties are left", len(r.tracks), len(r.members))
		}
	})
}
