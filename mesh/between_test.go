package mesh

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// betweenCase is one of testdata/between.json, which the library of the call page
// reads too. The others of a pair are connected.
type betweenCase struct {
	Name    string
	Members []struct {
		ID, Via, Focus string
		Forwards       bool
		Joined         int64 // seconds; 0 is with the others, after all who say
	}
	Forwarder map[string]string // by who asks; "" is nobody
	Between   [][3]string       // pair and focus
}

func (c betweenCase) session() membership.Session {
	var s membership.Session
	for _, m := range c.Members {
		member := membership.Member{Party: who(m.ID), Mesh: m.Focus == "", CreatedAt: time.Unix(cmp.Or(m.Joined, 100), 0)}
		if member.Forwards = m.Forwards; m.Via != "" {
			member.Via = who(m.Via)
		}
		s.Members = append(s.Members, member)
	}
	slices.SortStableFunc(s.Members, func(a, b membership.Member) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return s
}

func TestBetween_AgreesWithTheVectorsForOtherReaders(t *testing.T) {
	text, err := os.ReadFile("testdata/between.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []betweenCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			session, want := c.session(), map[[2]string]string{}
			for _, b := range c.Between {
				want[[2]string{b[0], b[1]}], want[[2]string{b[1], b[0]}] = b[2], b[2]
			}
			for _, a := range c.Members {
				for _, b := range c.Members {
					focus, found := Between(session, who(a.ID), who(b.ID))
					if is := want[[2]string{a.ID, b.ID}]; found != (is != "") || found && focus != who(is) {
						t.Errorf("between %s and %s is %q, want %q", a.ID, b.ID, focus, is)
					}
				}
			}
			for id, is := range c.Forwarder {
				focus, found := Forwarder(session, who(id))
				if found != (is != "") || found && focus != who(is) {
					t.Errorf("%s takes %q, want %q", id, focus, is)
				}
			}
		})
	}
}

// Whatever members say, a pair answers alike from both ends, who is between is
// neither of them and is met by both, and who says nothing is met by all.
func TestBetween_HoldsForAnySession(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		session := membership.Session{Members: members("a", "b", "c", "d", "e")}
		for i := range session.Members {
			m := &session.Members[i]
			m.Mesh, m.Forwards = random.IntN(5) > 0, random.IntN(2) > 0
			if n := random.IntN(8); n < 6 {
				m.Via = who(string(rune('a' + n)))
			}
		}
		for _, a := range session.Members {
			for _, b := range session.Members {
				focus, found := Between(session, a.Party, b.Party)
				if again, also := Between(session, b.Party, a.Party); again != focus || also != found {
					t.Fatalf("between %s and %s is %s, the other way round %s", a.Party, b.Party, focus, again)
				}
				if !found {
					continue
				}
				_, first := Between(session, a.Party, focus)
				_, second := Between(session, b.Party, focus)
				by := find(session, focus)
				if focus == a.Party || focus == b.Party || by == nil || !by.Forwards || !by.Mesh || a.Via != focus || b.Via != focus || first || second {
					t.Fatalf("between %+v and %+v is %s", a, b, focus)
				}
			}
		}
		if _, found := Between(session, who("a"), message.Party{}); found {
			t.Fatal("something is between somebody and nobody")
		}
	}
}
