//go:build interop

package lib

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Firefox encrypts and opens what it sends to itself, over two real
// connections; with others it meets in internal/endtoend.
func TestInterop_FramesInFirefox(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(".")))
	t.Cleanup(server.Close)
	command := exec.Command("node", "testdata/firefox.mjs", server.URL+"/testdata/")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble strings.Builder
	command.Stderr = &trouble
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(90*time.Second, func() { _ = command.Process.Kill() })
	defer kill.Stop()
	flows, last := false, ""
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct {
			Error, Agent string
			Flows        bool
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.Error != "" {
			t.Errorf("the page said: %s", line.Error)
		}
		if last = lines.Text(); line.Flows && !flows {
			flows = true
			t.Log(line.Agent)
			_ = input.Close()
		}
	}
	if err := command.Wait(); err != nil && !flows {
		t.Errorf("firefox.mjs: %v\n%s", err, trouble.String())
	}
	if !flows {
		t.Errorf("pictures do not flow: %s", last)
	}
}
