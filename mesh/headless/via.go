package headless

import (
	"context"
	"fmt"
	"time"

	"meshfocus/focus/record"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/mesh/via"
	"meshfocus/signalling/message"
)

// ViaPolicy says by which way everybody's media come and go.
type ViaPolicy uint8

const (
	// ViaDirect connects to everybody, as a mesh does.
	ViaDirect ViaPolicy = iota
	// ViaFocus gets everything by a member that forwards while there is one, and
	// connects to those that do the same no more; else as ViaDirect.
	ViaFocus
)

// ParseViaPolicy reads "direct" or "focus"; "" is direct.
func ParseViaPolicy(name string) (ViaPolicy, error) {
	switch name {
	case "", "direct":
		return ViaDirect, nil
	case "focus":
		return ViaFocus, nil
	}
	return 0, fmt.Errorf("the way %q is unknown: direct or focus", name)
}

// newGuide makes what gets everything by a member that forwards.
func (p *Participant) newGuide(c *call) *via.Guide {
	return via.New(via.Config{
		Self: p.account.Party(),
		Say:  func(ctx context.Context, by message.Party) error { return c.membership.SetVia(ctx, by) },
		OnTrack: func(track via.Track) {
			p.readForwarded(track)
		},
		Streams: p.media.metadata(), Limits: p.config.ViaLimits, Log: p.log,
	})
}

// readForwarded begins to read a track that came by a focus: its owner's, opened
// with the owner's key.
func (p *Participant) readForwarded(track via.Track) {
	source := record.Track(track.Remote)
	if p.frames != nil {
		source = p.frames.open(source, track.Owner)
	}
	p.recorder.take(mesh.Track{Link: mesh.Link{Peer: track.Owner}, Remote: track.Remote, Stream: track.Stream}, source, p.frames != nil)
}

// behind gives how we stand with a member that a focus is between us and, after how
// we did before.
func (p *Participant) behind(guide *via.Guide) func(mesh.Apart, Link) Link {
	return func(apart mesh.Apart, before Link) Link {
		l := Link{Behind: apart.Focus}
		l.Peer, l.CallID, l.Encrypted = apart.Party, "by "+apart.Focus.String(), p.frames != nil
		l.State, l.Words = negotiate.Waiting, "behind "+apart.Focus.String()
		if guide != nil {
			if streams, stats, ok := guide.Media(apart.Party, apart.Focus); ok {
				l.Streams, l.Stats, l.State = streams, &stats, negotiate.Connected
			}
		}
		l.Since, l.SeenAt, l.ConnectedAt = before.Since, before.SeenAt, before.ConnectedAt
		now := time.Now()
		if before.CallID != l.CallID || before.State != l.State {
			l.Since = now
		}
		if l.SeenAt.IsZero() {
			l.SeenAt = now
		}
		if l.ConnectedAt.IsZero() && l.State == negotiate.Connected {
			l.ConnectedAt = now
		}
		return l
	}
}
