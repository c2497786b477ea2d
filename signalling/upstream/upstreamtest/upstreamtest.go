// Package upstreamtest puts a server of signalling/upstream in front of a
// homeserver for the time of a test, as net/http/httptest does with handlers.
// It is for tests of other packages, with homeservers that others wrote.
package upstreamtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"

	"meshfocus/signalling/upstream"
)

// Dendrite is the base URL of the homeserver without delayed events that
// internal/scripts/interop has started.
func Dendrite(t testing.TB) string {
	t.Helper()
	base := os.Getenv("MESHFOCUS_INTEROP_DENDRITE")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_DENDRITE is not set: run make interop, which starts a Dendrite")
	}
	return base
}

// InFrontOf runs a server in front of a homeserver until the test ends, and
// gives its base URL.
func InFrontOf(t testing.TB, homeserver string) (server *upstream.Server, base string) {
	t.Helper()
	server, err := upstream.New(upstream.Config{URL: homeserver, DataDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	served := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		served.CloseClientConnections() // long polls
		served.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server, served.URL
}
