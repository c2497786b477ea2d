package upstream

import "testing"

func TestStats_TellWhatTheHomeserverLacksOnceSomebodyAsked(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	if got := f.Stats(); got != (Stats{}) {
		t.Errorf("before anything there is %+v", got)
	}
	f.ask("GET", pathVersions, "", "")
	if got, want := f.Stats(), (Stats{Looked: true, Answers: true, AddsDelayed: true, AddsTransports: true}); got != want {
		t.Errorf("afterwards there is %+v, want %+v", got, want)
	}
}

func TestStats_TellThatTheHomeserverNeverAnswered(t *testing.T) {
	home := newFake(t)
	home.down = true
	f := start(t, home, inMemory)
	f.ask("GET", unstableRTC, "", "")
	if got, want := f.Stats(), (Stats{Looked: true}); got != want {
		t.Errorf("there is %+v, want %+v", got, want)
	}
}
