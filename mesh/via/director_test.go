package via

import (
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func who(name string) message.Party {
	return message.Party{UserID: "@" + name + ":hs", DeviceID: strings.ToUpper(name)}
}

// scene is a call as anna sees it, and what her director makes of it.
type scene struct {
	t        *testing.T
	now      time.Time
	facts    Facts
	director *Director
	is       Decision
}

func newScene(t *testing.T) *scene {
	return &scene{
		t: t, now: time.Unix(1795188800, 0), director: NewDirector(who("anna"), Limits{}),
		facts: Facts{Focus: map[message.Party]Connection{}, Direct: map[message.Party]bool{}, Sessions: []membership.Session{{}}},
	}
}

// member adds one, or puts another in its place: "forwards", or the name of a focus.
func (s *scene) member(name, route string) {
	m := membership.Member{Party: who(name), Mesh: true}
	switch route {
	case "":
	case "forwards":
		m.Forwards = true
	default:
		m.Via = who(route)
	}
	s.gone(name)
	s.facts.Sessions[0].Members = append(s.facts.Sessions[0].Members, m)
}

func (s *scene) gone(name string) {
	var rest []membership.Member
	for _, m := range s.facts.Sessions[0].Members {
		if m.Party != who(name) {
			rest = append(rest, m)
		}
	}
	s.facts.Sessions[0].Members = rest
}

// up has the connection with a focus come up, with a channel that flows.
func (s *scene) up(name string) {
	s.facts.Focus[who(name)] = Connection{Up: true, Since: s.now, Open: true, Flows: s.now}
}

// flows has it be well until now.
func (s *scene) flows(name string) {
	c := s.facts.Focus[who(name)]
	c.Flows = s.now
	s.facts.Focus[who(name)] = c
}

// after lets time pass, and expects what is decided then.
func (s *scene) after(passes time.Duration, focus, via string, want ...string) {
	s.t.Helper()
	s.now = s.now.Add(passes)
	s.is = s.director.Decide(s.facts, s.now)
	name := func(p message.Party) string { return strings.TrimSuffix(strings.TrimPrefix(p.UserID, "@"), ":hs") }
	if name(s.is.Focus) != focus || name(s.is.Via) != via {
		s.t.Errorf("the focus is %q, said is %q, want %q and %q (%s)", name(s.is.Focus), name(s.is.Via), focus, via, s.is.Words)
	}
	wrong := len(want) != len(s.is.Want)
	for _, owner := range want {
		wrong = wrong || !s.is.Want[who(owner)]
	}
	if wrong {
		s.t.Errorf("wanted are %v, want %q", s.is.Want, want)
	}
}

func (s *scene) words(want string) {
	s.t.Helper()
	if !strings.Contains(s.is.Words, want) {
		s.t.Errorf("the words are %q, want %q in them", s.is.Words, want)
	}
}

func TestDirector_SaysItWhenTheChannelIsOpen(t *testing.T) {
	s := newScene(t)
	s.member("anna", "")
	s.member("bert", "focus")
	s.after(0, "", "")
	s.words("nobody in the call forwards")
	s.member("focus", "forwards")
	s.member("later", "forwards")
	s.after(time.Second, "focus", "")
	s.words("connecting to @focus:hs/FOCUS")
	s.facts.Focus[who("focus")] = Connection{Up: true, Since: s.now, Flows: s.now}
	s.after(time.Second, "focus", "")
	s.words("waiting for its data channel")
	s.up("focus")
	s.member("carl", "")
	s.member("dora", "later")
	s.after(time.Second, "focus", "focus", "bert")
	s.words("everything comes by @focus:hs/FOCUS")
}

func TestDirector_TakesItBack(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*scene)
		stands  time.Duration // it is still said then
		over    time.Duration // and then not
		focus   string        // is the focus then
		words   string
		mended  func(*scene)
		resting time.Duration
	}{
		"when it leaves": {
			spoil: func(s *scene) { s.gone("focus") }, over: time.Millisecond, words: "nobody in the call forwards",
			mended: func(s *scene) { s.member("focus", "forwards"); s.up("focus") },
		},
		"when it does not forward any more": {
			spoil: func(s *scene) { s.member("focus", "") }, over: time.Millisecond, words: "nobody in the call forwards",
			mended: func(s *scene) { s.member("focus", "forwards"); s.up("focus") },
		},
		"when it is out of reach for five seconds": {
			spoil:  func(s *scene) { s.facts.Focus[who("focus")] = Connection{Since: s.now, Open: true, Flows: s.now} },
			stands: outage - time.Millisecond, over: time.Millisecond, focus: "focus", words: "has failed us: it is out of reach",
			mended: func(s *scene) { s.up("focus") }, resting: firstRest,
		},
		"when its channel is closed for as long": {
			spoil: func(s *scene) {
				s.facts.Focus[who("focus")] = Connection{Up: true, Since: s.now.Add(-time.Hour), Flows: s.now}
			},
			stands: outage - time.Millisecond, over: time.Millisecond, focus: "focus", words: "its data channel is closed",
			mended: func(s *scene) { s.up("focus") }, resting: firstRest,
		},
		"when nothing comes": {
			spoil: func(s *scene) { s.flows("focus") }, stands: drought - time.Millisecond, over: time.Millisecond,
			focus: "focus", words: "nothing comes from it",
			mended: func(s *scene) { s.up("focus") }, resting: firstRest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.member("anna", "focus")
			s.member("bert", "focus")
			s.member("focus", "forwards")
			s.up("focus")
			s.after(0, "focus", "focus", "bert")
			c.spoil(s)
			if c.stands > 0 {
				s.after(c.stands, "focus", "focus", "bert")
			}
			if c.focus == "" {
				s.after(c.over, "", "")
			} else {
				s.after(c.over, c.focus, "", "bert") // until he is connected
				s.facts.Direct[who("bert")] = true
				s.after(time.Second, c.focus, "")
				s.facts.Direct[who("bert")] = false
			}
			s.words(c.words)
			c.mended(s)
			if c.resting > 0 {
				s.after(c.resting-2*time.Second, "focus", "")
				s.words("has failed us")
				s.flows("focus")
			}
			s.after(2*time.Second, "focus", "focus", "bert")
		})
	}
}

func TestDirector_LeavesAloneForLongerWhatFailsAgain(t *testing.T) {
	s := newScene(t)
	s.member("bert", "")
	s.member("focus", "forwards")
	want := firstRest
	for range 8 {
		s.up("focus")
		s.after(0, "focus", "focus")
		s.after(drought, "focus", "")
		s.now = s.now.Add(want - time.Millisecond)
		s.up("focus")
		s.after(0, "focus", "")
		s.now = s.now.Add(time.Millisecond)
		want = min(2*want, lastRest)
	}
	s.up("focus")
	s.after(0, "focus", "focus")
	s.now = s.now.Add(calm)
	s.flows("focus")
	s.after(0, "focus", "focus")
	s.after(drought, "focus", "") // after a long time without trouble
	s.now = s.now.Add(firstRest)
	s.up("focus")
	s.after(0, "focus", "focus")
}

func TestDirector_TakesTheNextIfTheFirstHasFailed(t *testing.T) {
	s := newScene(t)
	s.member("focus", "forwards")
	s.member("other", "forwards")
	s.member("bert", "other")
	s.up("focus")
	s.up("other")
	s.after(0, "focus", "focus")
	s.facts.Focus[who("focus")] = Connection{Since: s.now}
	s.after(outage, "focus", "")
	s.up("other")
	s.after(time.Millisecond, "other", "other", "bert")
	s.up("focus")
	s.flows("other")
	s.after(time.Second, "other", "other", "bert") // it stays there
}

// Who is got by a focus is got by it until there is a connection.
func TestDirector_KeepsWhatItGetsUntilThereIsAConnection(t *testing.T) {
	s := newScene(t)
	s.member("anna", "focus")
	s.member("bert", "focus")
	s.member("focus", "forwards")
	s.up("focus")
	s.after(0, "focus", "focus", "bert")
	s.member("bert", "")
	s.after(time.Second, "focus", "focus", "bert")
	s.facts.Direct[who("bert")] = true
	s.after(time.Second, "focus", "focus")
	s.facts.Direct[who("bert")] = false // and not again when that breaks
	s.after(time.Second, "focus", "focus")
	s.member("bert", "focus")
	s.after(time.Second, "focus", "focus", "bert")
	s.gone("bert")
	s.after(time.Second, "focus", "focus")
}
