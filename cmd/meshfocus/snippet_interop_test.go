//go:build interop

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInterop_SnippetsLoad asks each program that Debian has about what we say.
func TestInterop_SnippetsLoad(t *testing.T) {
	for _, beside := range []string{"--beside", "--beside=false", "--meshfocus=none"} {
		t.Run("caddy "+beside, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "Caddyfile")
			write(t, file, snippetOf(t, "caddy", beside))
			execute(t, "caddy", "validate", "--adapter", "caddyfile", "--config", file)
		})
		t.Run("nginx "+beside, func(t *testing.T) {
			execute(t, "nginx", "-t", "-p", t.TempDir(), "-c", nginxConfig(t, "127.0.0.1:1", snippetOf(t, "nginx", beside)))
		})
	}
}

// nginxConfig puts a snippet into the server block that its users have.
func nginxConfig(t *testing.T, listen, snippet string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    %[3]s
  }
}
`, dir, listen, snippet))
	return file
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir())
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestInterop_NginxSendsEachPathWhereItBelongs runs nginx with the snippet, in
// front of two servers that say who they are and what they were asked.
func TestInterop_NginxSendsEachPathWhereItBelongs(t *testing.T) {
	server := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s %s %s", name, r.RequestURI, r.Host, r.Header.Get("X-Forwarded-For"))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	address := free(t)
	config := nginxConfig(t, address, snippetOf(t, "nginx", "--meshfocus", server("meshfocus"), "--homeserver", server("homeserver")))
	nginx := exec.Command("nginx", "-p", t.TempDir(), "-c", config)
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nginx.Process.Kill(); _ = nginx.Wait() })
	await(t, address)

	ask := func(path string) string {
		r, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "matrix.example.org"
		r.Header.Set("X-Forwarded-For", "192.0.2.1") // a lie
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text := make([]byte, 4096)
		n, _ := response.Body.Read(text)
		return string(text[:n])
	}
	escaped := "/_matrix/client/v3/rooms/%21a%2Fb%3Ax/state/t/_%40u%3Ax?org.matrix.msc4140.delay=5"
	for _, path := range append(pathsAdded, escaped) {
		if got, want := ask(path), "meshfocus "+path+" matrix.example.org 127.0.0.1"; got != want {
			t.Errorf("nginx answers %q, want %q", got, want)
		}
	}
	for _, path := range pathsNot {
		if strings.HasPrefix(path, "/.well-known") {
			continue // is the operator's own
		}
		if got, want := ask(path), "homeserver "+path+" matrix.example.org 127.0.0.1"; got != want {
			t.Errorf("nginx answers %q, want %q", got, want)
		}
	}
}

// TestInterop_DelayedEventsWorkBehindNginx goes the whole way.
func TestInterop_DelayedEventsWorkBehindNginx(t *testing.T) {
	home := lacking(t)
	address := free(t)
	front := serving(t, "--upstream", home, "--data", t.TempDir(), "--trusted-proxy", "127.0.0.1")
	nginx := exec.Command("nginx", "-p", t.TempDir(), "-c", nginxConfig(t, address, snippetOf(t, "nginx", "--meshfocus", front, "--homeserver", home)))
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nginx.Process.Kill(); _ = nginx.Wait() })
	await(t, address)
	r, err := http.NewRequest(http.MethodPut, "http://"+address+"/_matrix/client/v3/rooms/%21a%3Ax/state/t/k?org.matrix.msc4140.delay=60000", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("scheduling answered %s", response.Status)
	}
	if _, text := fetchText(t, "http://"+address+"/_matrix/client/unstable/org.matrix.msc4140/delayed_events", "t"); !strings.Contains(text, `"room_id":"!a:x"`) {
		t.Errorf("the list is %s", text)
	}
}

// await waits until somebody listens.
func await(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			connection.Close()
			return
		}
		<-time.After(20 * time.Millisecond) // it is another process: there is nothing else to wait for
	}
	t.Fatalf("nobody listens on %s", address)
}
