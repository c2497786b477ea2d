package focus

import (
	"context"
	"errors"
	"testing"
)

func TestEvents_KeepOrderAndMergeWhatIsOutOfDate(t *testing.T) {
	e := newEvents()
	e.put(NegotiationNeeded{})
	e.put(SpeakerChanged{"a"})
	e.put(ChannelReady{"talk"})
	e.put(SpeakerChanged{"b"})
	e.put(NegotiationNeeded{})
	for _, want := range []Event{ChannelReady{"talk"}, SpeakerChanged{"b"}, NegotiationNeeded{}} {
		if got, err := e.next(t.Context()); err != nil || got != want {
			t.Errorf("it is %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestEvents_EndBehindTheLast(t *testing.T) {
	e := newEvents()
	e.put(ChannelReady{"talk"})
	e.close()
	e.close()
	e.put(ChannelReady{"too late"})
	if got, err := e.next(t.Context()); err != nil || got != (ChannelReady{"talk"}) {
		t.Errorf("it is %+v, %v", got, err)
	}
	if got, err := e.next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("behind the end is %+v, %v", got, err)
	}
}

func TestEvents_WaitNoLongerThanTheirReader(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newEvents().next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestEvents_WhoDoesNotReadLosesTheOldest(t *testing.T) {
	e := newEvents()
	for range mostEvents + 10 {
		e.put(ChannelReady{"old"})
	}
	e.put(ChannelReady{"new"})
	if len(e.waiting) != mostEvents || e.forgotten != 11 || e.waiting[mostEvents-1] != (ChannelReady{"new"}) {
		t.Errorf("%d wait, %d are forgotten", len(e.waiting), e.forgotten)
	}
}
