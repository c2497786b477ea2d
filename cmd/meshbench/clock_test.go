package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/clock"
	"meshfocus/bench/offset"
)

// TestClock_SaysHowFarAnotherIsAhead, how well that is known, and how it drifts.
func TestClock_SaysHowFarAnotherIsAhead(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- clock.Serve(ctx, conn, offset.Clock{Ahead: 30*time.Hour + 500*time.Millisecond}) }()
	var out strings.Builder
	if err := askClock(t.Context(), &out, conn.LocalAddr().String(), 1200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"offset   ahead of ours by 108000", "± ", "ms\ndrift    gains ", " ppm on ours\nanswers  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestClock_SaysWhatIsWrong(t *testing.T) {
	for want, arguments := range map[string][]string{
		"say either whom to ask":                {"clock"},
		"to answer":                             {"clock", "--listen", ":0", "127.0.0.1:1"},
		"cannot be asked about the time":        {"clock", "nowhere"},
		"no answer about the time by 127.0.0.1": {"clock", "127.0.0.1:1", "--for", "100ms"},
		"it has to be longer":                   {"clock", "127.0.0.1:1", "--for", "0s"},
		"listen udp":                            {"clock", "--listen", "no address"},
	} {
		if err := run(t.Context(), arguments); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
	}
}
