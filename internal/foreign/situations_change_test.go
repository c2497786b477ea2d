package foreign

import (
	"fmt"
	"time"

	"meshfocus/mesh/headless"
)

// changeSituations is what people do during a call.
func changeSituations() []situation {
	return []situation{
		{name: "mutes", about: "the peer mutes sound and picture, and unmutes", run: mutes},
		{name: "is muted at", about: "our party mutes sound and picture, and unmutes", run: mutedAt},
		{name: "shares", about: "the peer shares its screen, stops, and shares again", run: shares},
		{name: "rejoins", about: "the peers leave and come back, as caller and as callee", run: func(s *scene) {
			party := s.party(middle)
			peers := s.both(party)
			for _, peer := range peers {
				peer.Leave()
			}
			for _, peer := range peers {
				s.gone(party, peer)
				peer.Join(Wish{Room: s.room, Wait: true})
			}
			s.star(party, peers...)
		}},
		{name: "ours rejoins", about: "our party leaves and comes back with a new session", run: func(s *scene) {
			account, device := s.account(middle), s.TempDir()
			party := s.partyOf(account, device)
			peers := s.both(party)
			party.stop(s)
			for _, peer := range peers {
				s.gone(peer, party)
			}
			s.star(s.partyOf(account, device), peers...)
		}},
		{name: "sound first", about: "our party has no picture to send and still gets the peer's", run: soundFirst},
	}
}

// mutes waits for the flags, and for media after the mute. What a muted
// library sends meanwhile differs: no picture at all, or black ones.
func mutes(s *scene) {
	party := s.party(middle)
	peers := s.both(party)
	for _, muted := range []bool{true, false} {
		for _, peer := range peers {
			peer.Mute(map[string]bool{"audio": muted, "video": muted})
		}
		for _, peer := range peers {
			s.showsMute(party, peer, muted)
		}
	}
	s.star(party, peers...)
}

func mutedAt(s *scene) {
	party := s.party(middle)
	peers := s.both(party)
	for _, muted := range []bool{true, false} {
		party.SetMuted(headless.Mute{Audio: muted, Video: muted})
		for _, peer := range peers {
			s.showsMute(peer, party, muted)
		}
		for _, peer := range peers {
			if muted {
				s.standsStill(peer, party)
			}
		}
	}
	s.star(party, peers...)
}

// standsStill waits until one end has had no new picture of another for a
// second.
func (s *scene) standsStill(from, of end) {
	s.Helper()
	var frames uint64
	var since time.Time
	s.until("the picture of "+of.who().UserID+" stands still", func() (bool, string) {
		if now := link(from, of).Frames; now != frames || since.IsZero() {
			frames, since = now, time.Now()
		}
		return time.Since(since) > time.Second, fmt.Sprintf("%d frames", frames)
	})
}

// showsMute waits until one end has been told of another's mute.
func (s *scene) showsMute(from, of end, muted bool) {
	s.Helper()
	s.until(fmt.Sprintf("%s sees that the mute of %s is %t", from.who().UserID, of.who().UserID, muted), func() (bool, string) {
		stream, there := link(from, of).Stream("m.usermedia")
		return there && stream.AudioMuted == muted && stream.VideoMuted == muted, fmt.Sprintf("it sees %+v", stream)
	})
}

func shares(s *scene) {
	party := s.party(middle)
	peers := s.both(party)
	for range 2 {
		for i, peer := range peers {
			if peer.negotiates(i == 0) {
				s.share(party, peer)
			}
		}
	}
	s.star(party, peers...)
}

// share shows a screen and takes it away.
func (s *scene) share(party *party, peer *Peer) {
	s.Helper()
	peer.Share()
	s.until("the screen arrives", func() (bool, string) {
		frames := party.pictures(peer)
		return len(frames) == 2 && frames[0] > 5 && frames[1] > 5, fmt.Sprintf("frames of the pictures: %v, %s", frames, link(party, peer))
	})
	peer.Unshare()
	s.until("the screen is gone", func() (bool, string) {
		_, there := link(party, peer).Stream("m.screenshare")
		return !there, link(party, peer).String()
	})
}

// soundFirst wants the picture that the peer sends to whoever sends none.
func soundFirst(s *scene) {
	party := s.party(middle, func(c *headless.Config) { c.Clip, c.Publish = nil, []string{s.soundFile()} })
	var views []*view
	for _, name := range []string{first, last} {
		peer := s.joined(s.kind, name)
		views = append(views, &view{from: peer, to: party, want: Media{AudioIn: true, AudioOut: true, VideoOut: true}},
			&view{from: party, to: peer, want: Media{AudioIn: true, AudioOut: true, VideoIn: true}})
	}
	s.watch(views...)
}

// negotiates is false for a Hydrogen that has just placed its call: it does
// everything in one queue, in which it also waits for the minute to pass after
// which an unanswered invite is given up.
func (p *Peer) negotiates(placed bool) bool { return p.Kind != Hydrogen || !placed }
