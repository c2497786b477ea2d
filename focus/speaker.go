package focus

import (
	"time"

	"meshfocus/internal/unit"
)

// When the speaker changes. Who listens wants neither a cough nor an "mhm" to take
// the picture, nor to miss the first sentence of an answer: the numbers are lengths
// of words (300 ms is two syllables) and a difference of level that everybody hears
// (6 dB is twice the pressure).
const (
	// takeOver is how long somebody has to speak where the speaker is silent, and
	// outVoice where the speaker goes on, and then louder by margin.
	takeOver = 300 * time.Millisecond
	outVoice = 900 * time.Millisecond
	margin   = 6
	// breath is the pause within which a speaker still has the floor, and a
	// challenger's time goes on: between two words, not between two sentences.
	breath = 400 * time.Millisecond
	// quietest is the level from which on sound counts as speech: 30 dB below what
	// clients with gain control speak at (about -20 dBov).
	quietest = 50
)

// voice is how loud a party is now.
type voice struct {
	Party string
	Level int8 // in -dBov, smoothed
	// Speaks: the sender says that it is speech (RFC 6464, the V bit), or does not
	// tell such things.
	Speaks bool
}

// speaker says which party of a session is the one that speaks. It has no clock: it
// is asked every now and then, at least once in breath. The zero speaker has heard
// nobody yet. It keeps the last one who spoke while nobody does.
type speaker struct {
	present string
	heard   unit.Instant // the present one, last
	// challenges are those who might take over, since when they speak.
	challenges map[string]challenge
}

type challenge struct {
	since, heard unit.Instant
	louder       unit.Instant // since when louder than the present one, Never if not
}

// next takes how loud everybody is, one voice for each party, and says who speaks: ""
// if nobody did yet, or who did has left.
func (s *speaker) next(now unit.Instant, voices []voice) string {
	present, there := voice{Level: 127}, false
	for _, v := range voices {
		if v.Party == s.present && s.present != "" {
			present, there = v, true
		}
	}
	if !there {
		s.present, s.heard = "", unit.Never
	}
	if present.loud() {
		s.heard = now
	}
	silent := s.heard == unit.Never || now.Sub(s.heard) > breath
	s.listen(now, voices, present)
	if winner := s.strongest(now, voices, silent); winner != "" {
		s.present, s.heard = winner, now
		clear(s.challenges)
	}
	return s.present
}

// loud reports whether somebody says something.
func (v voice) loud() bool { return v.Speaks && v.Level <= quietest }

// listen keeps the challenges: who has been silent for longer than a breath, or has
// left, begins anew.
func (s *speaker) listen(now unit.Instant, voices []voice, present voice) {
	if s.challenges == nil {
		s.challenges = make(map[string]challenge)
	}
	for _, v := range voices {
		c, known := s.challenges[v.Party]
		if !v.loud() || v.Party == s.present {
			continue
		}
		if !known || now.Sub(c.heard) > breath {
			c = challenge{since: now}
		}
		c.heard = now
		switch louder := !present.loud() || int(v.Level)+margin <= int(present.Level); {
		case !louder:
			c.louder = unit.Never
		case c.louder == unit.Never:
			c.louder = now
		}
		s.challenges[v.Party] = c
	}
	for party, c := range s.challenges {
		if now.Sub(c.heard) > breath {
			delete(s.challenges, party)
		}
	}
}

// strongest gives who takes over, "" for nobody: of those whose time has come the
// loudest, and of two the one whose key sorts first, so that all order is the same.
func (s *speaker) strongest(now unit.Instant, voices []voice, silent bool) string {
	best := voice{}
	for _, v := range voices {
		c, speaks := s.challenges[v.Party]
		due := speaks && c.heard == now &&
			(silent && now.Sub(c.since) >= takeOver || c.louder != unit.Never && now.Sub(c.louder) >= outVoice)
		if due && (best.Party == "" || v.Level < best.Level || v.Level == best.Level && v.Party < best.Party) {
			best = v
		}
	}
	return best.Party
}
