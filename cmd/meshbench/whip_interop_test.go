//go:build interop

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/internal/freeport"
)

// mediaMTXProgram builds it, once.
func mediaMTXProgram(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	script := exec.Command("../../internal/scripts/mediamtx", filepath.Join(cache, "meshfocus", "interop"))
	script.Stderr = os.Stderr
	program, err := script.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(program))
}

// mediaMTX starts a MediaMTX that lets in who has the token "bench:dough", and gives where
// it answers, and its process.
func mediaMTX(t *testing.T) (address string, process int) {
	t.Helper()
	program := mediaMTXProgram(t)
	address = freeport.Address(t, "127.0.0.1")
	settings := filepath.Join(t.TempDir(), "mediamtx.yml")
	text := fmt.Sprintf(`{rtsp: no, rtmp: no, hls: no, srt: no, webrtcAddress: %q, webrtcLocalUDPAddress: "127.0.0.1:%d",
webrtcIPsFromInterfaces: no, webrtcAdditionalHosts: [127.0.0.1], webrtcTrackGatherTimeout: 1s, paths: {all_others: {}},
authInternalUsers: [{user: bench, pass: dough, permissions: [{action: publish}, {action: read}]}]}`, address, freeport.Port(t))
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, settings)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return address, server.Process.Pid
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// TestInterop_Run_MeasuresMediaMTX by WHIP and WHEP: what a publisher sends is seen and
// heard, one round after the other, and a wrong token is refused in a line.
func TestInterop_Run_MeasuresMediaMTX(t *testing.T) {
	address, process := mediaMTX(t)
	folder := t.TempDir()
	book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\npublishers: 1\nsubscribers: 3\nkind: call\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	measure := func(token string) error {
		return run(t.Context(), []string{
			"run", book, "--whip", "http://" + address + "/stage/whip", "--whep", "http://" + address + "/stage/whep", "--bearer", token,
			"--whip-process", strconv.Itoa(process), "--rounds", "2", "--warm", "200ms", "--measure", "2s", "--folder", folder, "--out", out,
		})
	}
	if err := measure("bench:dough"); err != nil {
		t.Fatal(err)
	}
	tells(t, out)
	if err := measure("bench:wrong"); err == nil || !strings.Contains(err.Error(), "authentication failed") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a wrong token: %v", err)
	}
}

// TestInterop_Run_StartsMediaMTX by its name, in each round anew.
func TestInterop_Run_StartsMediaMTX(t *testing.T) {
	program, folder := mediaMTXProgram(t), t.TempDir()
	book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\npublishers: 1\nsubscribers: 3\nkind: call\nrivals: [mediamtx]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{
		"run", book, "--targets", "mediamtx", "--mediamtx", program, "--rounds", "2", "--warm", "200ms", "--measure", "2s", "--folder", folder, "--out", out,
	})
	if err != nil {
		t.Fatal(err)
	}
	tells(t, out)
}

// tells checks that two rounds have the figures of a call.
func tells(t *testing.T, out string) {
	t.Helper()
	_, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 2 {
		t.Fatalf("%v, %v", rounds, err)
	}
	for _, r := range rounds {
		if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") {
			t.Error(r.Invalid)
		}
		for _, m := range []report.Metric{report.FirstFrameMillis, report.P50Micros, report.CPUMicros, report.Forwarded} {
			if value, ok := r.Has(m); !ok || value <= 0 {
				t.Errorf("%s is %v", m, value)
			}
		}
		t.Logf("%s: first frame %.0f ms, p50 %.0f µs, %.1f µs/packet", r.Version, r.Figures[report.FirstFrameMillis], r.Figures[report.P50Micros], r.Figures[report.CPUMicros])
	}
}
