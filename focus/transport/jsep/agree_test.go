package jsep

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// local is the transport of one of two sides.
func local(name string) Transport {
	return Transport{
		Ufrag: name + "frag", Password: strings.Repeat(name+"0123456789", 3), Trickle: true, Complete: true,
		Fingerprints: []Fingerprint{{"sha-256", strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%02X:", name[0]), 32), ":")}},
		Candidates:   []string{"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"},
	}
}

func track(name string, ssrc uint32) *Track {
	return &Track{Stream: "stream-of-" + name, ID: "track-of-" + name, Sources: []Source{{ssrc, 0}}}
}

// repaired is a track with a stream of retransmissions.
func repaired(name string, ssrc uint32) *Track {
	t := track(name, ssrc)
	t.Sources[0].RTX = ssrc + 1
	return t
}

// whole is what focus/transport asks for: sound, camera, screen and its sound,
// data channels.
func whole(name string) Wish {
	return Wish{Data: true, Lines: []Line{
		{Name: "audio", Kind: Audio, Track: track(name+"-audio", 100)},
		{Name: "camera", Kind: Video, Track: repaired(name+"-camera", 200), Layers: []string{"q", "h", "f"}},
		{Name: "screen", Kind: Video},
		{Name: "screen-audio", Kind: Audio},
	}}
}

func session(t testing.TB, config Config) Session {
	t.Helper()
	config.ID, config.CName, config.StreamReports = 4611686018427387905, "clock", true
	return New(config)
}

// side is one of two that negotiate.
type side struct {
	testing.TB
	Session
	local Transport
	wish  Wish
}

func newSide(t testing.TB, name string, config Config, wish Wish) *side {
	return &side{t, session(t, config), local(name), wish}
}

func read(t testing.TB, text string) Description {
	t.Helper()
	d, err := Read(text)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return d
}

// call lets a offer to b and gives both texts.
func (a *side) call(b *side) (offer, answer string) {
	a.Helper()
	var err error
	if a.Session, offer, err = a.Offer(a.local, a.wish); err != nil {
		a.Fatal(err)
	}
	if b.Session, answer, err = b.Answer(read(a, offer), b.local, b.wish); err != nil {
		a.Fatalf("%v:\n%s", err, offer)
	}
	if a.Session, err = a.Accept(read(a, answer)); err != nil {
		a.Fatalf("%v:\n%s\nanswers\n%s", err, answer, offer)
	}
	return offer, answer
}

// mirrored reports how two tables differ that should be each other's mirror.
func mirrored(a, b Agreement, x, y Transport) error {
	if !reflect.DeepEqual(a.Remote, y) || !reflect.DeepEqual(b.Remote, x) {
		return fmt.Errorf("transports are %+v and %+v", a.Remote, b.Remote)
	}
	if a.Controlling == b.Controlling {
		return fmt.Errorf("both have the same role in ICE")
	}
	if a.Role == b.Role || a.Role == 0 || b.Role == 0 || a.Mixed != b.Mixed || len(a.Sections) != len(b.Sections) {
		return fmt.Errorf("roles %s and %s, mixed %v and %v, %d and %d sections", a.Role, b.Role, a.Mixed, b.Mixed, len(a.Sections), len(b.Sections))
	}
	for i := range a.Sections {
		if err := mirroredSection(a.Sections[i], b.Sections[i]); err != nil {
			return fmt.Errorf("section %d: %w\n%+v\n%+v", i, err, a.Sections[i], b.Sections[i])
		}
	}
	return nil
}

func mirroredSection(a, b Section) error {
	switch {
	case a.Mid != b.Mid || a.Kind != b.Kind || a.Refused != b.Refused || a.ReducedSize != b.ReducedSize || a.Arrivals != b.Arrivals:
		return fmt.Errorf("they are different ones")
	case a.Direction != b.Direction.Reverse():
		return fmt.Errorf("%s and %s", a.Direction, b.Direction)
	case !slices.EqualFunc(a.Formats, b.Formats, func(x, y Format) bool {
		return x.Codec.Name == y.Codec.Name && x.In == y.Out && x.Out == y.In && slices.Equal(x.Feedback, y.Feedback)
	}):
		return fmt.Errorf("formats differ")
	case !slices.EqualFunc(a.Extensions, b.Extensions, func(x, y Extension) bool {
		return x.URI == y.URI && x.ID == y.ID && x.Direction == y.Direction.Reverse()
	}):
		return fmt.Errorf("extensions differ")
	case a.Layers != nil || b.Layers != nil:
		return fmt.Errorf("there are layers, and nobody sends any")
	}
	for _, end := range [][2]Section{{a, b}, {b, a}} {
		want := Track{}
		if end[0].Direction.Sends() && end[0].Kind != Data {
			want = end[0].Local
			if len(end[1].Formats) > 0 && !end[0].repairs() {
				want.Sources = []Source{{want.Sources[0].SSRC, 0}}
			}
		}
		if got := end[1].Remote; !reflect.DeepEqual(got, want) {
			return fmt.Errorf("the track is %+v, want %+v", got, want)
		}
	}
	return nil
}

// wishes gives everything that can be wished for out of sound, camera, screen
// and data.
func wishes(name string) []Wish {
	var all []Wish
	audios := []*Line{nil, {Name: "audio", Kind: Audio}, {Name: "audio", Kind: Audio, Track: track(name+"-a", 10)}, {Name: "audio", Kind: Audio, Track: track(name+"-a", 10), SendOnly: true}}
	videos := []*Line{nil, {Name: "camera", Kind: Video, Layers: []string{"q", "f"}}, {Name: "camera", Kind: Video, Track: repaired(name+"-v", 20)}, {Name: "camera", Kind: Video, Track: track(name+"-v", 20), SendOnly: true}}
	screens := []*Line{nil, {Name: "screen", Kind: Video}}
	for _, audio := range audios {
		for _, video := range videos {
			for _, screen := range screens {
				for _, data := range []bool{false, true} {
					wish := Wish{Data: data}
					for _, line := range []*Line{audio, video, screen} {
						if line != nil {
							wish.Lines = append(wish.Lines, *line)
						}
					}
					all = append(all, wish)
				}
			}
		}
	}
	return all
}

// other is a configuration with other numbers, another order and less.
func other() Config {
	codecs := Codecs()
	slices.Reverse(codecs)
	for i := range codecs {
		codecs[i].Preferred = PayloadTypes{uint8(100 + 2*i), uint8(101 + 2*i)}
	}
	codecs = slices.DeleteFunc(codecs, func(c Codec) bool { return c.Name == "VP9" })
	codecs[0].Preferred.RTX, codecs[0].Feedback = 0, codecs[0].Feedback[2:]
	extensions := Extensions()
	extensions[Audio] = extensions[Audio][1:]
	slices.Reverse(extensions[Video])
	return Config{Codecs: codecs, Extensions: extensions, Server: true}
}

// kept says whether numbers and mids that were there once still are.
func kept(before, after Agreement) error {
	for i, was := range before.Sections {
		is := after.Sections[i]
		if was.Mid != is.Mid || was.Kind != is.Kind {
			return fmt.Errorf("section %d was mid %s and is %s", i, was.Mid, is.Mid)
		}
		for _, f := range was.Formats {
			if !slices.ContainsFunc(is.Formats, func(g Format) bool { return f.Codec.identity() == g.Codec.identity() && f.In == g.In && f.Out == g.Out }) {
				return fmt.Errorf("section %s: %s was %v and %v", was.Mid, f.Codec.Name, f.In, f.Out)
			}
		}
		byNumber := func(a, b Extension) int { return int(a.ID) - int(b.ID) }
		if !slices.Equal(slices.SortedFunc(slices.Values(was.Extensions), byNumber), slices.SortedFunc(slices.Values(is.Extensions), byNumber)) {
			return fmt.Errorf("section %s: extensions were %v and are %v", was.Mid, was.Extensions, is.Extensions)
		}
	}
	return nil
}

// unambiguous says whether numbers mean one thing in the whole bundle.
func unambiguous(a Agreement) error {
	type format struct {
		identity
		repair bool
	}
	codecs, uris := map[uint8]format{}, map[uint8]string{}
	for _, s := range a.Sections {
		for _, f := range s.Formats {
			if !claim(codecs, f.In.Media, format{f.Codec.identity(), false}) || f.In.RTX != 0 && !claim(codecs, f.In.RTX, format{f.Codec.identity(), true}) {
				return fmt.Errorf("%v means two things", f.In)
			}
		}
		for _, e := range s.Extensions {
			if !claim(uris, e.ID, e.URI) {
				return fmt.Errorf("extension %d means two things", e.ID)
			}
		}
	}
	return nil
}

func TestSession_BothSidesAgreeWhateverTheyWish(t *testing.T) {
	ours, theirs := wishes("us"), wishes("them")
	for n, configs := range [][2]Config{{{}, {}}, {{Server: true}, other()}, {other(), {}}} {
		for i, wish := range ours {
			if len(wish.Lines) == 0 && !wish.Data {
				continue // nothing to offer
			}
			for j := (7*i + n) % 41; j < len(theirs); j += 41 { // FuzzCall has the rest
				a, b := newSide(t, "aa", configs[0], wish), newSide(t, "bb", configs[1], theirs[j])
				for step, pair := range [][2]*side{{a, b}, {b, a}, {a, b}} {
					was, wasThere := a.Agreed(), b.Agreed()
					offer, answer := pair[0].call(pair[1])
					err := mirrored(a.Agreed(), b.Agreed(), a.local, b.local)
					for _, next := range []error{kept(was, a.Agreed()), kept(wasThere, b.Agreed()), unambiguous(a.Agreed()), unambiguous(b.Agreed())} {
						if err == nil {
							err = next
						}
					}
					if err != nil {
						t.Fatalf("configurations %d, wishes %d and %d, step %d: %v\n%s\n%s", n, i, j, step, err, offer, answer)
					}
				}
				if n := len(a.Agreed().Sections); n > len(wish.Lines)+len(theirs[j].Lines)+2 {
					t.Fatalf("%d sections for %d and %d lines", n, len(wish.Lines), len(theirs[j].Lines))
				}
			}
		}
	}
}
