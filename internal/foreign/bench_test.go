package foreign

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/internal/freeport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/web/call"
)

// patience bounds each wait for a condition.
const patience = 40 * time.Second

// bench is what situations share: homeservers, bundles and a browser.
type bench struct {
	workshop *Workshop
	chromium *browser.Browser
	relay    *relay
	rooms    int
}

// newBench starts its relay at an address.
func newBench(t testing.TB, relay string) *bench { return newBenchAt(t, startRelay(t, relay)) }

func newBenchAt(t testing.TB, relay *relay) *bench {
	b := &bench{workshop: NewWorkshop(t), chromium: browser.Start(t), relay: relay}
	b.workshop.Mount("/call/", call.Handler())
	b.workshop.Mount("/account/", call.Handler())
	return b
}

// embedded starts the homeserver of this project, one for each of some lanes.
func embedded(t testing.TB, lanes int) place {
	t.Helper()
	p := place{name: "embedded"}
	for range lanes {
		b := newBench(t, freeport.Address(t, "127.0.0.1"))
		p.lanes = append(p.lanes, lane{b, b.newHome(t)})
	}
	return p
}

// newHome starts another homeserver. Pages that share one share the six
// connections that a browser opens to it.
func (b *bench) newHome(t testing.TB) Home {
	t.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "test.local", Registration: homeserver.RegistrationOpen, Turn: b.relay.servers()})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: server.Handler()}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Run(ctx) })
	loops.Go(func() { _ = web.Serve(listener) })
	t.Cleanup(func() { cancel(); _ = web.Close(); loops.Wait() })
	return Home{Name: "embedded", Base: "http://" + listener.Addr().String()}
}

// confID is that of every conference here; each has a room of its own.
const confID = "conference"

// scene is one situation under way: a room of its own with a call in it.
type scene struct {
	testing.TB
	*bench
	home   Home
	kind   Kind // the foreign peer that the situation is about
	number int
	host   Account
	room   string
}

// emptyScene makes a room without a call.
func emptyScene(t testing.TB, b *bench, home Home, kind Kind, power int) *scene {
	t.Helper()
	b.rooms++
	s := &scene{TB: t, bench: b, home: home, kind: kind, number: b.rooms}
	s.host = s.account("host")
	s.room = home.Room(t, s.host, power)
	return s
}

// account makes a user whose place in the order of users is that of the name:
// the lesser one places the call.
func (s *scene) account(name string) Account {
	s.Helper()
	local := fmt.Sprintf("%s-%d-%d", name, os.Getpid(), s.number)
	return s.home.Register(s, local, strings.ToUpper(name)+"DEVICE")
}

// peer opens a page for a new user.
func (s *scene) peer(kind Kind, name string) *Peer {
	s.Helper()
	return Open(s, s.workshop, s.chromium, kind, s.account(name))
}

// joined is a peer in the call.
func (s *scene) joined(kind Kind, name string) *Peer {
	s.Helper()
	p := s.peer(kind, name)
	p.Join(Wish{Room: s.room, Wait: true})
	return p
}

// party starts one of ours in the call.
func (s *scene) party(name string, change ...func(*headless.Config)) *party {
	s.Helper()
	config := headless.Config{Room: s.room, CallID: confID, Relay: headless.RelayNever}
	for _, c := range change {
		c(&config)
	}
	return startParty(s, s.account(name), config)
}

// end is one end of a call: a peer or a party.
type end interface {
	who() Self
	look() []Link
}

func (p *Peer) who() Self    { return p.Self }
func (p *Peer) look() []Link { p.t.Helper(); return p.Links() }

// link is what one end sees of another, the zero Link if nothing.
func link(from, to end) Link { return pick(from.look(), to) }

func pick(links []Link, to end) Link {
	for _, l := range links {
		if l.UserID == to.who().UserID && l.DeviceID == to.who().DeviceID {
			return l
		}
	}
	return Link{State: "none"}
}

// until waits for a condition; why explains afterwards what was there instead.
func (s *scene) until(what string, is func() (bool, string)) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, why := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("not within %s: %s: %s", patience, what, why)
		}
		time.Sleep(50 * time.Millisecond) // the pace of looking, not a wait
	}
}

// view is one end's link to another, watched for media.
type view struct {
	from, to end
	want     Media

	first Link    // since which things have to move
	moved float64 // the largest change between two looks
	lacks string  // what has not come yet; empty when all has
}

// see takes another look.
func (v *view) see(now Link) {
	if v.first.State != "connected" || now.Sent.AudioBytes < v.first.Sent.AudioBytes {
		v.first = now // another connection than that of the first look
	}
	for i := range now.Streams {
		v.moved = max(v.moved, now.Streams[i].Change)
		now.Streams[i].Change = v.moved
	}
	if missing := v.want.Missing(v.first, now); len(missing) > 0 {
		v.lacks = fmt.Sprintf("%s sees of %s: %s · %s", v.from.who().UserID, v.to.who().UserID, strings.Join(missing, ", "), now)
	} else {
		v.lacks = ""
	}
}

// watch waits until everything wanted has come to pass on all links.
func (s *scene) watch(views ...*view) {
	s.Helper()
	for _, v := range views {
		v.lacks = "not looked at"
	}
	s.until("media flows", func() (bool, string) {
		seen, lacks := map[end][]Link{}, ""
		for _, v := range views {
			if v.lacks == "" {
				continue
			}
			if _, known := seen[v.from]; !known {
				seen[v.from] = v.from.look()
			}
			v.see(pick(seen[v.from], v.to))
			lacks = cmp.Or(lacks, v.lacks)
		}
		return lacks == "", lacks
	})
}

// allFlow waits until on every ordered pair sound and picture arrive.
func (s *scene) allFlow(ends ...end) {
	s.Helper()
	var views []*view
	for _, from := range ends {
		for _, to := range ends {
			if from != to {
				views = append(views, &view{from: from, to: to, want: Both()})
			}
		}
	}
	s.watch(views...)
}

// star waits for media both ways between one end and each of some peers.
func (s *scene) star(centre end, peers ...*Peer) {
	s.Helper()
	var views []*view
	for _, peer := range peers {
		views = append(views, &view{from: centre, to: peer, want: Both()}, &view{from: peer, to: centre, want: Both()})
	}
	s.watch(views...)
}

// both has a peer that calls and one that is called join, and waits for their
// media with the end in the middle.
func (s *scene) both(centre end) (peers []*Peer) {
	s.Helper()
	peers = []*Peer{s.joined(s.kind, first), s.joined(s.kind, last)}
	s.star(centre, peers...)
	return peers
}

// partyOf starts a party of a known account, which keeps its device in a
// directory.
func (s *scene) partyOf(account Account, device string) *party {
	s.Helper()
	return startParty(s, account, headless.Config{
		Account: matrix.Config{StateDir: device}, Room: s.room, CallID: confID, Relay: headless.RelayNever,
	})
}

// gone waits until one end has no link to another that is up.
func (s *scene) gone(from, other end) {
	s.Helper()
	s.until(fmt.Sprintf("%s has let go of %s", from.who().UserID, other.who().UserID), func() (bool, string) {
		l := link(from, other)
		return l.State == "none", l.String()
	})
}

// soundFile is the test card's sound alone.
func (s *scene) soundFile() string {
	s.Helper()
	file := filepath.Join(s.TempDir(), "sound.ogg")
	if err := os.WriteFile(file, testcard.Audio, 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// checkRecordings decodes what a party has recorded and looks for black and
// frozen pictures and for silence.
func (s *scene) checkRecordings(p *party) {
	s.Helper()
	files := p.Status().Recordings
	if len(files) == 0 {
		s.Error("nothing was recorded")
	}
	for _, file := range files {
		out, err := exec.Command("ffmpeg", "-hide_banner", "-nostats", "-i", file,
			"-vf", "blackdetect=d=1,freezedetect=d=1.5", "-af", "volumedetect", "-f", "null", "-").CombinedOutput()
		if err != nil {
			s.Errorf("ffmpeg: %v\n%s", err, out)
		}
		loudness := regexp.MustCompile(`max_volume: (-?[0-9.]+) dB`).FindSubmatch(out)
		switch {
		case bytes.Contains(out, []byte("black_start")), bytes.Contains(out, []byte("freeze_start")):
			s.Errorf("what we recorded is black or frozen:\n%s", out)
		case loudness == nil:
			s.Errorf("what we recorded has no sound:\n%s", out)
		default:
			if volume, _ := strconv.ParseFloat(string(loudness[1]), 64); volume < -50 {
				s.Errorf("what we recorded is silent: %s dB at most", loudness[1])
			}
		}
	}
}
