package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshfocus/focus"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/internal/unit"
	"meshfocus/signalling/message"
	"meshfocus/web/stats"
)

// lookTime bounds how long sessions are waited for: their loops do nothing slow.
const lookTime = time.Second

// forwarded says what is forwarded, nil if nothing can be.
func (d *daemon) forwarded() *stats.Forwarding {
	if d.house == nil {
		return nil
	}
	sessions, waiting := d.look()
	seen := &stats.Forwarding{Port: d.house.Network.Port(), CallsWaiting: waiting, Sessions: []stats.ForwardSession{}}
	for _, s := range sessions {
		seen.Sessions = append(seen.Sessions, sessionView(s.of, s.parties))
	}
	return seen
}

// forwardedSession is a session and what its parties do.
type forwardedSession struct {
	of      *focus.Session
	parties []focus.Stats
}

// look asks all sessions what their parties do, and says how many calls wait for one
// who forwards. There is a house.
func (d *daemon) look() (sessions []forwardedSession, waiting int) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	for _, s := range d.house.Focus.Sessions() {
		if parties, err := s.Stats(ctx); err == nil { // else it has ended
			sessions = append(sessions, forwardedSession{s, parties})
		}
	}
	_, waiting = d.forwarding.parties()
	return sessions, waiting
}

func sessionView(s *focus.Session, parties []focus.Stats) stats.ForwardSession {
	seen := stats.ForwardSession{Session: s.Key(), Speaker: s.Speaker(), Parties: []stats.ForwardParty{}}
	readers := make(map[focus.Key]int)
	for _, p := range parties {
		for _, share := range p.Shares {
			readers[share.Track.Key]++
		}
	}
	for _, p := range parties {
		each := stats.ForwardParty{Party: p.Party, State: p.Connection.State.String(), Sends: []stats.ForwardTrack{}, Gets: []stats.ForwardShare{}}
		for _, track := range published(s) {
			if track.Owner == p.Party {
				each.Sends = append(each.Sends, trackView(track, readers[track.Key]))
			}
		}
		each.Way = wayView(&p.Connection.End.Sending, lane.Now())
		for _, share := range p.Shares {
			seen := shareView(share)
			if each.Way != nil && share.Track.Kind == lane.Video {
				seen.Because = share.Sent.Reason.Words()
			}
			each.Gets = append(each.Gets, seen)
		}
		seen.Parties = append(seen.Parties, each)
	}
	return seen
}

// wayView is what is thought of the way to a party, nil if nothing is.
func wayView(s *lane.SendingStats, now unit.Instant) *stats.ForwardWay {
	if s.Estimate == 0 {
		return nil
	}
	seen := &stats.ForwardWay{
		EstimateBitsPerSecond: float64(s.Estimate), ProvenBitsPerSecond: float64(s.Confirmed), PaceBitsPerSecond: float64(s.Pace),
		QueueMs: float64(s.Queued) / float64(time.Millisecond), HeldBytes: s.Held, DroppedInPercent: float64(s.Loss) / 10,
		Why: s.Reason.String(),
	}
	if s.Changed != unit.Never {
		seen.ChangedMs = now.Sub(s.Changed).Milliseconds()
	}
	return seen
}

// published are the tracks of a session but for the silence of those who send none.
func published(s *focus.Session) []focus.Track {
	return slices.DeleteFunc(slices.Clone(s.Tracks()), func(t focus.Track) bool { return t.Stream == transport.SilentStreamID })
}

func trackView(t focus.Track, readers int) stats.ForwardTrack {
	seen := stats.ForwardTrack{
		Track: t.Key.String(), Kind: t.Kind.String(), For: "camera", Muted: t.Muted, Layers: []string{},
		Readers: readers, KeyFramesAsked: t.Media().Stats().Requests,
	}
	if t.Label == message.PurposeScreenShare {
		seen.For = "screen"
	}
	layers := t.Media().Layers()
	slices.SortStableFunc(layers, func(a, b lane.LayerState) int { return cmp.Compare(a.Spatial, b.Spatial) })
	for _, l := range layers {
		if l.Flowing {
			rate := l.Rates[len(l.Rates)-1]
			seen.ArrivesBitsPerSecond += float64(rate)
			seen.Layers = append(seen.Layers, layerWords(l, rate))
		}
	}
	return seen
}

// layerWords is "h 640x360 15.0/s 250 kbit/s", as far as it is known.
func layerWords(l lane.LayerState, rate unit.BitRate) string {
	var words []string
	if l.RID != "" {
		words = append(words, l.RID)
	}
	if l.Width > 0 {
		words = append(words, fmt.Sprintf("%dx%d %.1f/s", l.Width, l.Height, l.Pictures))
	}
	return strings.Join(append(words, bitRate(float64(rate))), " ")
}

func shareView(s focus.ShareStats) stats.ForwardShare {
	seen := stats.ForwardShare{
		Track: s.Track.Key.String(), Owner: s.Track.Owner,
		LostInPercent: 100 * s.Sent.FractionLost, Resent: s.Sent.Resent,
	}
	switch {
	case s.Wish.Paused:
		seen.Wanted = "paused"
	case s.Wish.Width > 0 || s.Wish.Height > 0:
		seen.Wanted = fmt.Sprintf("%dx%d", s.Wish.Width, s.Wish.Height)
	}
	for _, l := range s.Track.Media().Layers() {
		if s.Sent.Packets > 0 && l.Spatial == s.Sent.Current.Spatial {
			seen.Layer = layerWords(l, l.Rates[min(max(int(s.Sent.Current.Temporal), 0), len(l.Rates)-1)])
		}
	}
	return seen
}
