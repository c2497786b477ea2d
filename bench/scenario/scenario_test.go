package scenario

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSelect_GivesThoseThatAreNamed(t *testing.T) {
	if got, err := Select(""); err != nil || len(got) != len(All()) {
		t.Errorf("without names: %d, %v", len(got), err)
	}
	got, err := Select("core, even")
	if err != nil || len(got) != 2 || got[0].Name != "core" || got[1].Name != "even" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Select("even,odd"); err == nil {
		t.Error("a case that does not exist was found")
	}
}

func TestAll_IsWhatTheTargetsSpeakOf(t *testing.T) {
	for _, s := range All() {
		total := s.Total()
		want := map[string]float64{"even": 100_000, "bursts": 100_000, "slow": 12_500, "meeting": 16_000, "cm": 100_000}[s.Name]
		if want != 0 && total != want {
			t.Errorf("%s: %v packets a second altogether, want %v", s.Name, total, want)
		}
		if s.Sample&(s.Sample-1) != 0 || s.Says == "" || s.Lanes < 1 || !s.Profile.Known() {
			t.Errorf("%+v cannot be", s)
		}
	}
}

// TestSearch_FindsWhatAServerKeepsUpWith: of a server that keeps up with
// anything up to a rate, that rate to 3 %, from wherever the search begins.
func TestSearch_FindsWhatAServerKeepsUpWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.Float64Range(1, 1e6).Draw(t, "capacity")
		search := NewSearch(rapid.Float64Range(1, 1e6).Draw(t, "start"))
		for tries := 0; ; tries++ {
			rate, more := search.Next()
			if !more {
				break
			}
			if tries > 100 {
				t.Fatal("it does not end")
			}
			search = search.Tried(rate <= capacity)
		}
		if found := search.Found(); found > capacity || found < capacity/fine*0.999 {
			t.Fatalf("found %v of %v", found, capacity)
		}
	})
}

// TestSearch_GoesOnFromWhatWasTooMuch for once only.
func TestSearch_GoesOnFromWhatWasTooMuch(t *testing.T) {
	search := NewSearch(100)
	for rate, more := search.Next(); more; rate, more = search.Next() {
		search = search.Tried(rate < 50) // something else was going on
	}
	if search.TooMuch() < 50 {
		t.Fatalf("too much is %v", search.TooMuch())
	}
	search = search.Reopened()
	for rate, more := search.Next(); more; rate, more = search.Next() {
		search = search.Tried(rate < 1000)
	}
	if found := search.Found(); found < 1000/fine || found > 1000 {
		t.Errorf("found %v of 1000", found)
	}
}

func TestSearch_EndsWithAServerThatDoesNothing(t *testing.T) {
	search := NewSearch(1000)
	for tries := 0; ; tries++ {
		if _, more := search.Next(); !more {
			break
		}
		if tries > 100 {
			t.Fatal("it does not end")
		}
		search = search.Tried(false)
	}
	if search.Found() != 0 {
		t.Errorf("found %v", search.Found())
	}
}
