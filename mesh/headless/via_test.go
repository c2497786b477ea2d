package headless

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/via"
	"meshfocus/signalling/message"
	"meshfocus/simulcast"
)

// byFocus lets a party get everything by a member that forwards, and record it.
func byFocus(t *testing.T) func(*Config) {
	return func(c *Config) {
		c.Via, c.RecordDir = ViaFocus, t.TempDir()
		c.ViaLimits = via.Limits{Outage: time.Minute, Drought: time.Minute} // the machine may be busy
	}
}

// forwards is a member that forwards.
func startFocus(t *testing.T, h home) *party {
	return startParty(t, h, "focus", func(c *Config) { c.Clip, c.Forward = nil, true })
}

// apart reports whether there is a focus between two, and no connection.
func apart(a, b, focus *party) bool {
	return behind(a, b) == focus.Party() && behind(b, a) == focus.Party() && !linked(a, b) && !linked(b, a)
}

func behind(a, b *party) message.Party { return a.link(b.Party()).Behind }

// linked reports whether one has a connection with the other, up or not.
func linked(a, b *party) bool {
	c := a.present.Load()
	if c == nil {
		return false
	}
	for _, room := range c.registry.Snapshot().Rooms {
		for _, session := range room.Sessions {
			for _, link := range session.Links {
				if link.Peer == b.Party() {
					return true
				}
			}
		}
	}
	return false
}

// ways is the pair matrix in words, and which way everybody's media come.
func ways(parties ...*party) string {
	var b strings.Builder
	for _, p := range parties {
		fmt.Fprintf(&b, "%s: %s\n", p.name, p.Status().Way)
		for _, l := range p.Status().Links {
			fmt.Fprintf(&b, "  %s behind %q: %d of the picture, flows %v\n", l.Peer, l.Behind.UserID, videoFrames(l), flows(l))
		}
	}
	return b.String() + describe(parties...) + unread(parties...)
}

// allApart waits until there is a focus between any two, and media flow.
func allApart(t *testing.T, focus *party, parties ...*party) {
	t.Helper()
	eventually(t, patience, "everybody is behind the focus", func() bool {
		for i, a := range parties {
			for _, b := range parties[i+1:] {
				if !apart(a, b, focus) || !flows(a.link(b.Party())) || !flows(b.link(a.Party())) {
					return false
				}
			}
		}
		return true
	}, func() string { return ways(append(parties, focus)...) })
}

// allSee waits until there is something to record of everybody.
func allSee(t *testing.T, parties ...*party) {
	t.Helper()
	eventually(t, patience, "all see each other", func() bool {
		for _, p := range parties {
			for _, owner := range parties {
				if p != owner && (!flows(p.link(owner.Party())) || videoFrames(p.link(owner.Party())) < 40) {
					return false
				}
			}
		}
		return true
	}, func() string { return ways(parties...) })
}

// recorded stops a party and expects sound and picture of all.
func (p *party) recorded(t *testing.T, owners ...*party) {
	t.Helper()
	p.stop(t)
	for _, owner := range owners {
		found := false
		for _, file := range p.Status().Recordings {
			if !strings.Contains(file, owner.Party().DeviceID) {
				continue
			}
			found = true
			if frames, _ := probeRecording(t, file); frames["vp8"] < 5 || frames["opus"] < 20 {
				t.Errorf("of %s there is %v in %s", owner.name, frames, file)
			}
		}
		if !found {
			t.Errorf("%s has not recorded %s: %v", p.name, owner.name, p.Status().Recordings)
		}
	}
}

// Three get everything by a focus and one does not: everybody sees and hears
// everybody, and only those are connected who need to be.
func TestVia_EverybodySeesEverybodyWithAConnectionToTheFocusAlone(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	dora := startParty(t, h, "dora", func(c *Config) { c.RecordDir = t.TempDir() })
	focus := startFocus(t, h)
	anna, bert, carl := startParty(t, h, "anna", byFocus(t)), startParty(t, h, "bert", byFocus(t)), startParty(t, h, "carl", byFocus(t))
	allApart(t, focus, anna, bert, carl)
	allFlow(t, patience, anna, bert, carl, dora)
	for _, p := range []*party{anna, bert, carl} {
		if behind(p, dora) != (message.Party{}) || !linked(p, dora) || !linked(p, focus) {
			t.Errorf("%s is not connected as it should be: %s", p.name, ways(p))
		}
		if r := p.link(focus.Party()); r.Stats == nil || len(r.Media()) > 1 {
			t.Errorf("%s takes the tracks of others for the focus': %v", p.name, r.Media())
		}
	}
	eventually(t, patience, "bert's mute is seen", func() bool {
		bert.SetMuted(Mute{Video: true})
		for _, stream := range anna.link(bert.Party()).Streams {
			return stream.VideoMuted && !stream.AudioMuted
		}
		return false
	}, func() string { return ways(anna, bert) })
	bert.SetMuted(Mute{})
	eventually(t, patience, "the report says that carl's sound and picture flow", func() bool {
		for _, l := range anna.Report().Links {
			if l.UserID == carl.Party().UserID {
				return l.In.Audio == Flows && l.In.Video == Flows
			}
		}
		return false
	}, func() string { return fmt.Sprintf("%+v", anna.Report()) })
	allSee(t, anna, bert, carl, dora)
	anna.recorded(t, bert, carl, dora)
	dora.recorded(t, bert, carl)
}

// A focus that goes leaves nobody behind, and one that comes is used; who takes it
// back is connected to all.
func TestVia_GoesAndComesWithTheFocus(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	anna, bert := startParty(t, h, "anna", byFocus(t)), startParty(t, h, "bert", byFocus(t))
	allFlow(t, patience, anna, bert) // nobody forwards
	if linked := linked(anna, bert); !linked || !strings.Contains(anna.Status().Way, "nobody in the call forwards") {
		t.Errorf("connected %v, %q", linked, anna.Status().Way)
	}
	focus := startFocus(t, h)
	allApart(t, focus, anna, bert)
	focus.stop(t)
	direct := func() bool {
		return linked(anna, bert) && behind(anna, bert) == (message.Party{}) && flows(anna.link(bert.Party())) && flows(bert.link(anna.Party()))
	}
	eventually(t, patience, "they are connected again", direct, func() string { return ways(anna, bert) })
	focus = startFocus(t, h)
	allApart(t, focus, anna, bert)
	if err := anna.present.Load().membership.SetVia(t.Context(), message.Party{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "she has taken it back", direct, func() string { return ways(anna, bert) })
	allSee(t, anna, bert)
	anna.recorded(t, bert)
	bert.recorded(t, anna)
}

// The process of a focus is killed: it takes no leave, and its membership stands for
// longer than this test takes. Those behind it wait for as long as an interruption may
// last, then say that they do not go by it any more, and are connected.
func TestVia_AKilledFocusLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	quick := func(c *Config) { byFocus(t)(c); c.ViaLimits = via.Limits{} }
	anna, bert := startParty(t, h, "anna", quick), startParty(t, h, "bert", quick)
	account := h.account(t, "focus")
	process, device := startChild(t, "party", partyChild{Account: account, Room: h.room(), LeaveDelay: time.Hour, Forward: true})
	focus := message.Party{UserID: strings.Replace(anna.Party().UserID, "@anna", "@focus", 1), DeviceID: device}
	all := func() string { return ways(anna, bert) }
	behindIt := func() bool {
		return behind(anna, bert) == focus && behind(bert, anna) == focus && !linked(anna, bert) && flows(anna.link(bert.Party())) && flows(bert.link(anna.Party()))
	}
	eventually(t, 2*patience, "they are behind the focus", behindIt, all)
	process.kill()
	at := time.Now()
	eventually(t, 2*patience, "they are connected", func() bool {
		return linked(anna, bert) && linked(bert, anna) && behind(anna, bert) == (message.Party{}) && flows(anna.link(bert.Party())) && flows(bert.link(anna.Party()))
	}, all)
	t.Logf("connected to each other %v after the focus was killed: %s", time.Since(at).Round(100*time.Millisecond), anna.Status().Way)
	// Whoever says so first is enough for that; the other finds it out alone.
	eventually(t, patience, "both have found the focus to fail", func() bool {
		return strings.Contains(anna.Status().Way, "has failed us") && strings.Contains(bert.Status().Way, "has failed us")
	}, all)
	if anna.link(focus).Session == "" {
		t.Errorf("its membership does not stand any more, which is another way to learn of it: %s", all())
	}
}

// In an encrypted room the focus has no key, and what it forwards is of no use to
// it; who does not know of it reads all as ever.
func TestVia_InAnEncryptedRoomTheFocusHasNoKey(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	encryptRoom(t, h)
	focus := startFocus(t, h)
	carl := startParty(t, h, "carl", func(c *Config) { c.RecordDir = t.TempDir() })
	anna, bert := startParty(t, h, "anna", byFocus(t)), startParty(t, h, "bert", byFocus(t))
	allApart(t, focus, anna, bert)
	allFlow(t, patience, anna, bert, carl)
	eventually(t, patience, "they open each other's frames", func() bool {
		return opens(anna.link(bert.Party())) && opens(bert.link(anna.Party()))
	}, func() string { return ways(anna, bert) })
	if focus.frames != nil || carl.frames != nil {
		t.Error("who forwards, or is connected directly, has keys")
	}
	for _, p := range []*party{anna, carl} {
		heard := &ear{}
		eventually(t, patience, "the focus has sound of "+p.name, func() bool { return heard.listen(focus, p) }, func() string { return ways(focus, p) })
		eventually(t, patience, "the focus hears "+p.name, func() bool { return heard.frames() > 20 }, func() string { return ways(focus, p) })
		if sealed := heard.sealed(); sealed != (p == anna) {
			t.Errorf("what the focus hears of %s is sealed: %v", p.name, sealed)
		}
	}
	allSee(t, anna, bert, carl)
	anna.recorded(t, bert, carl)
	bert.recorded(t, anna, carl)
	carl.recorded(t, anna, bert)
}

// ear is a member that forwards listening to what it passes on: frames of sound, one
// in a packet. Those that are sealed end in the size of their IV and the index of the
// key (docs/protocol.md, "Encrypted frames").
type ear struct {
	mu           sync.Mutex
	all, trailer int
}

// listen reports whether there is sound of a party, to which it then listens.
func (e *ear) listen(focus, to *party) (found bool) {
	for _, session := range focus.house.Focus.Sessions() {
		for _, track := range session.Tracks() {
			if track.Kind == transport.Audio && track.Owner == to.Party().String() {
				track.Media().Attach(e)
				found = true
			}
		}
	}
	return found
}

// Packet is lane.Sink's.
func (e *ear) Packet(p *packet.Packet, _ lane.StreamInfo, _ *simulcast.Info) {
	payload := p.Payload()
	if len(payload) < 4 {
		return // silence, which passes as it is
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all++
	if payload[len(payload)-2] == 12 && payload[len(payload)-1] < 9 { // IV size, key index
		e.trailer++
	}
}

func (e *ear) frames() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all
}

func (e *ear) sealed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trailer > e.all*9/10
}

func encryptRoom(t *testing.T, h *embedded) {
	t.Helper()
	token, err := h.server.IssueToken("host", "HOST", "host")
	if err != nil {
		t.Fatal(err)
	}
	address := h.base + "/_matrix/client/v3/rooms/" + url.PathEscape(h.roomID) + "/state/m.room.encryption/"
	if err := request(http.MethodPut, address, token, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}, new(any)); err != nil {
		t.Fatal(err)
	}
}

func TestParseViaPolicy(t *testing.T) {
	for name, want := range map[string]ViaPolicy{"": ViaDirect, "direct": ViaDirect, "focus": ViaFocus} {
		if is, err := ParseViaPolicy(name); err != nil || is != want {
			t.Errorf("%q is %v with error %v", name, is, err)
		}
	}
	if _, err := ParseViaPolicy("sfu"); err == nil {
		t.Error("sfu is a way")
	}
	if mesh.FramesAuto.Applies(true, false) || !mesh.FramesAuto.Applies(true, true) {
		t.Error("auto seals what nobody forwards, or the other way round")
	}
}
