//go:build interop && traefik

package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterop_TraefikSendsEachPathWhereItBelongs has the decoder and the router
// of Traefik, which internal/scripts/traefik builds, read both snippets.
func TestInterop_TraefikSendsEachPathWhereItBelongs(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), filepath.Join("..", "..", "internal", "scripts", "traefik"), filepath.Join(cache, "meshfocus", "interop"))
	build.Stderr = t.Output()
	program, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	const meshfocus, homeserver = "http://127.0.0.1:8009", "http://127.0.0.1:8008"
	escaped := "/_matrix/client/v3/rooms/%21a%2Fb%3Ax/state/t/_%40u%3Ax?org.matrix.msc4140.delay=5"
	for _, c := range []struct{ beside, rest string }{{"--beside", homeserver}, {"--beside=false", meshfocus}} {
		t.Run(c.beside, func(t *testing.T) {
			file, address := filepath.Join(t.TempDir(), "traefik.yaml"), free(t)
			write(t, file, snippetOf(t, "traefik", c.beside))
			traefik := exec.Command(strings.TrimSpace(string(program)), file, address)
			traefik.Stderr = t.Output()
			if err := traefik.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = traefik.Process.Kill(); _ = traefik.Wait() })
			await(t, address)
			for _, path := range append(pathsAdded, escaped) {
				if got, want := routed(t, address, "matrix.example.org", path), meshfocus+" "+path; got != want {
					t.Errorf("Traefik answers %q, want %q", got, want)
				}
			}
			for _, path := range pathsNot {
				if got, want := routed(t, address, "matrix.example.org", path), c.rest+" "+path; got != want {
					t.Errorf("Traefik answers %q, want %q", got, want)
				}
			}
			if got := routed(t, address, "other.example.org", "/_matrix/client/versions"); strings.Contains(got, "127.0.0.1") {
				t.Errorf("another host is sent to %q", got)
			}
		})
	}
}

func routed(t *testing.T, address, host, path string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.Close = host, true
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
