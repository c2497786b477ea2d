package headless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"meshfocus/focus/cryptor"
	"meshfocus/focus/transport"
	"meshfocus/internal/secret"
	"meshfocus/mesh"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// encrypts lets a party encrypt its frames.
func encrypts(c *Config) { c.EncryptFrames = mesh.FramesOn }

// opens reports whether frames of the peer are opened by now.
func opens(l Link) bool { return l.Frames.Opened > 60 && l.Unread == "" }

func TestFrames_AreReadByAllInTheCallAndRecorded(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	var parties []*party
	for _, name := range []string{"alice", "bob", "carol"} {
		parties = append(parties, startParty(t, h, name, func(c *Config) {
			encrypts(c)
			c.RecordDir = t.TempDir()
		}))
	}
	allFlow(t, patience, parties...)
	eventually(t, patience, "frames are opened on every link", func() bool {
		for _, p := range parties {
			for _, l := range p.Status().Links {
				if !opens(l) || videoFrames(l) < 60 {
					return false
				}
			}
		}
		return true
	}, func() string { return describe(parties...) + unread(parties...) })
	for _, p := range parties {
		p.stop(t)
		for _, file := range p.Status().Recordings {
			if frames, _ := probeRecording(t, file); frames["vp8"] < 15 || frames["opus"] < 50 {
				t.Errorf("%s holds %v", file, frames)
			}
		}
		if len(p.Status().Recordings) != 2 {
			t.Errorf("%s has %d recordings", p.name, len(p.Status().Recordings))
		}
	}
}

func unread(parties ...*party) string {
	var b strings.Builder
	for _, p := range parties {
		for _, l := range p.Status().Links {
			fmt.Fprintf(&b, "%s from %s: %+v %s\n", p.name, l.Peer, l.Frames, l.Unread)
		}
	}
	return b.String()
}

func TestFrames_OfOneWhoDoesNotEncryptAreNotReadAndToldSo(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	alice := startParty(t, h, "alice", encrypts)
	bob := startParty(t, h, "bob", func(c *Config) { c.RecordDir = t.TempDir() })
	eventually(t, patience, "alice is told", func() bool {
		return strings.Contains(alice.link(bob.Party()).Unread, "without the encryption") && strings.Contains(alice.Status().Trouble, "without the encryption")
	}, func() string { return describe(alice, bob) + unread(alice, bob) })
	if l := alice.link(bob.Party()); l.Frames.Opened != 0 {
		t.Errorf("%d frames were opened", l.Frames.Opened)
	}
}

// scripted is a track that gives the samples of a list, and counts what is asked
// of it.
type scripted struct {
	samples []transport.Sample
	asked   int
}

func (s *scripted) RequestKeyFrame() { s.asked++ }

func (s *scripted) ReadSample(context.Context) (transport.Sample, error) {
	if len(s.samples) == 0 {
		return transport.Sample{}, io.EOF
	}
	next := s.samples[0]
	s.samples = s.samples[1:]
	return next, nil
}

func TestFrames_OfAKeyThatComesLateAreReadFromThenOn(t *testing.T) {
	key, other := secret.Of([]byte("sixteen bytes ok")), secret.Of([]byte("another sixteen."))
	peer := message.Party{UserID: "@b:hs", DeviceID: "B"}
	from := newFrames(slog.New(slog.DiscardHandler))
	from.Use(3, key)
	sample := func(frame string) transport.Sample {
		data, err := from.encrypt([]byte(frame), cryptor.VP8, cryptor.IV{byte(len(frame))})
		if err != nil {
			t.Fatal(err)
		}
		return transport.Sample{Codec: transport.VP8, Data: data}
	}
	keyFrame, delta := "\x10\x02\x00\x9d\x01\x2a\xc0\x03\x68\x04 key", "\x11\x02\x00 delta"
	f := newFrames(slog.New(slog.DiscardHandler))
	script := &scripted{}
	track := f.open(script, peer)
	for _, step := range []struct {
		name   string
		take   secret.Bytes
		frames []string
		want   []string
		words  string
		asked  bool
	}{
		{"no key", secret.Bytes{}, []string{keyFrame, delta}, nil, "the key for them has not come", false},
		{"another key", other, []string{delta, keyFrame}, nil, "with another key", false},
		{"the key", key, []string{delta, delta, keyFrame, delta}, []string{delta, delta, keyFrame, delta}, "", true},
		{"from then on", secret.Bytes{}, []string{delta}, []string{delta}, "", false},
	} {
		if step.take.Len() > 0 {
			f.Take(peer, 3, step.take)
		}
		for _, frame := range step.frames {
			script.samples = append(script.samples, sample(frame))
		}
		script.asked = 0
		var got []string
		for {
			read, err := track.ReadSample(t.Context())
			if err != nil {
				break
			}
			got = append(got, string(read.Data))
			if isKey := string(read.Data) == keyFrame; read.KeyFrame != isKey || isKey && (read.Width != 960 || read.Height != 1128) {
				t.Errorf("%s: a frame reads as %+v", step.name, read)
			}
		}
		if !slices.Equal(got, step.want) || script.asked > 0 != step.asked {
			t.Errorf("%s: %q are read, a key frame was asked for %d times", step.name, got, script.asked)
		}
		if _, words := f.look(peer); step.words != "" && !strings.Contains(words, step.words) {
			t.Errorf("%s: the words are %q", step.name, words)
		}
	}
	if stats, _ := f.look(peer); stats.Opened != 5 || stats.Missing != 2 || stats.Forged != 2 {
		t.Errorf("%+v", stats)
	}
	f.Forget(peer)
	if stats, words := f.look(peer); stats != (cryptor.Stats{}) || words != "" {
		t.Errorf("when it is forgotten: %+v, %q", stats, words)
	}
}

func TestFrames_ThatCannotBeEncryptedAreRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	dir := t.TempDir()
	vp9 := clip(t, dir, "card.ivf", "-an", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
	for name, source := range map[string]string{"vp9": vp9, "rtp": "rtp://127.0.0.1:0?codec=vp8"} {
		config := Config{Account: h.account(t, name), Room: h.room(), Publish: []string{source}, Media: transport.Config{Loopback: true}, EncryptFrames: mesh.FramesOn}
		p, err := Open(t.Context(), config)
		if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "cannot be encrypted from end to end") {
			t.Errorf("%s: %v", name, err)
		}
		if p != nil {
			t.Errorf("%s: there is a participant", name)
		}
	}
	config := Config{Account: h.account(t, "noolm"), Room: h.room(), Clip: card(), Media: transport.Config{Loopback: true}, EncryptFrames: mesh.FramesOn}
	config.Account.Encrypt = matrix.EncryptOff
	if _, err := Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "inside Olm") {
		t.Errorf("without Olm: %v", err)
	}
}

func TestFrames_ComeOnByThemselvesWhereAnEncryptedRoomIsForwarded(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	token, err := h.server.IssueToken("host", "HOST", "host")
	if err != nil {
		t.Fatal(err)
	}
	for _, encrypted := range []bool{false, true} {
		if encrypted {
			address := h.base + "/_matrix/client/v3/rooms/" + url.PathEscape(h.roomID) + "/state/m.room.encryption/"
			if err := request(http.MethodPut, address, token, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}, new(any)); err != nil {
				t.Fatal(err)
			}
		}
		for _, forwarded := range []bool{false, true} {
			p := startParty(t, h, fmt.Sprintf("auto%v", forwarded), func(c *Config) {
				if forwarded {
					c.Via = ViaFocus
				}
			})
			if got := p.frames != nil; got != (encrypted && forwarded) {
				t.Errorf("room encrypted %v, forwarded %v: frames are encrypted: %v", encrypted, forwarded, got)
			}
			p.stop(t)
		}
	}
}

// The index of the first key is 0: an H.264 frame that ends in a zero, which must
// not be taken for padding behind its last unit.
func TestFrames_OfH264AreReadAndRecorded(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	picture := clip(t, t.TempDir(), "card.h264", "-an", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-bf", "0", "-x264-params", "slices=2")
	alice := startParty(t, h, "alice", func(c *Config) { encrypts(c); c.Clip, c.Publish = nil, []string{picture} })
	bob := startParty(t, h, "bob", func(c *Config) { encrypts(c); c.RecordDir = t.TempDir() })
	eventually(t, patience, "bob opens alice's frames", func() bool { return opens(bob.link(alice.Party())) },
		func() string { return describe(alice, bob) + unread(alice, bob) })
	bob.stop(t)
	for _, file := range bob.Status().Recordings {
		if frames, _ := probeRecording(t, file); frames["h264"] < 20 {
			t.Errorf("%s holds %v", file, frames)
		}
	}
}
