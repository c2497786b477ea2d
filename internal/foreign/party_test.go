package foreign

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/matrix"
)

// party is our headless participant in a call with foreign peers.
type party struct {
	*headless.Participant
	name   string
	cancel context.CancelFunc
	done   chan error
}

// configure completes the configuration of a party, which publishes the test
// card unless something else is asked for.
func configure(t testing.TB, account Account, config headless.Config) headless.Config {
	config.Account = matrix.Config{Homeserver: account.Homeserver, Token: account.Token, Encrypt: matrix.EncryptPrefer, StateDir: config.Account.StateDir}
	if config.Publish == nil {
		config.Clip = &headless.Clip{Video: testcard.Video, Audio: testcard.Audio}
	}
	config.Media = transport.Config{Loopback: true, TCP: true}
	config.Log = partyLog(t, account.UserID)
	return config
}

// startParty opens and runs one.
func startParty(t testing.TB, account Account, config headless.Config) *party {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	participant, err := headless.Open(ctx, configure(t, account, config))
	if err != nil {
		cancel()
		t.Fatalf("%s: %v", account.UserID, err)
	}
	p := &party{Participant: participant, name: account.UserID, cancel: cancel, done: make(chan error, 1)}
	go func() { p.done <- participant.Run(ctx) }()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop lets the party leave. Stopping twice is fine.
func (p *party) stop(t testing.TB) {
	t.Helper()
	p.cancel()
	if err, open := <-p.done; open {
		close(p.done)
		if err != nil {
			t.Errorf("%s ended with: %v", p.name, err)
		}
	}
}

func partyLog(t testing.TB, name string) *slog.Logger {
	level := slog.LevelWarn
	if os.Getenv("MESHFOCUS_TEST_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})).With("party", name)
}

// who and look make an end of it.
func (p *party) who() Self {
	return Self{UserID: p.Party().UserID, DeviceID: p.Party().DeviceID}
}

func (p *party) look() (links []Link) {
	for _, l := range p.Status().Links {
		links = append(links, linkOf(l))
	}
	return links
}

// linkOf reads our own link in the words of a browser's.
func linkOf(l headless.Link) Link {
	link := Link{UserID: l.Peer.UserID, DeviceID: l.Peer.DeviceID, State: "connecting", Words: l.Words + " " + l.Detail, Blind: true}
	if l.State == negotiate.Connected {
		link.State = "connected"
	}
	for _, stream := range l.Streams {
		link.Streams = append(link.Streams, Stream{Purpose: string(stream.Purpose), AudioMuted: stream.AudioMuted, VideoMuted: stream.VideoMuted})
	}
	if l.Stats == nil {
		return link
	}
	link.Path = l.Stats.Pair.Local + " " + l.Stats.Pair.Remote
	for _, r := range l.Stats.Received {
		if r.Kind == transport.Audio {
			link.Received.AudioBytes += r.Bytes
		} else {
			link.Received.VideoBytes += r.Bytes
			link.Frames += r.Frames
		}
	}
	for _, s := range l.Stats.Sent {
		if s.Kind == transport.Audio {
			link.Sent.AudioBytes += s.Bytes
		} else {
			link.Sent.VideoBytes += s.Bytes
		}
	}
	return link
}

// to is our link to a peer.
func (p *party) to(peer *Peer) headless.Link {
	for _, l := range p.Status().Links {
		if l.Peer.UserID == peer.Self.UserID && l.Peer.DeviceID == peer.Self.DeviceID {
			return l
		}
	}
	return headless.Link{}
}

// pictures counts the frames of each picture that a peer sends now.
func (p *party) pictures(peer *Peer) (frames []uint64) {
	if stats := p.to(peer).Stats; stats != nil {
		for _, r := range stats.Received {
			if r.Kind == transport.Video && !r.Ended {
				frames = append(frames, r.Frames)
			}
		}
	}
	return frames
}

// layers gives the widths of the layers of a peer's picture.
func (p *party) layers(peer *Peer) (widths []int) {
	if stats := p.to(peer).Stats; stats != nil {
		for _, r := range stats.Received {
			for _, layer := range r.Layers {
				if r.Kind == transport.Video && layer.Packets > 0 {
					widths = append(widths, layer.Width)
				}
			}
		}
	}
	return widths
}
