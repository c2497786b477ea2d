//go:build interop

package endtoend

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/browser"
)

// fox is a Firefox with the call page, as firefox.mjs tells of it.
type fox struct {
	mu     sync.Mutex
	state  string          // guarded by mu
	agent  string          // guarded by mu
	peers  map[string]peer // guarded by mu
	errors []string        // guarded by mu
}

func startFirefox(t *testing.T, address, name string) *fox {
	t.Helper()
	command := exec.Command("node", "firefox.mjs", address, name)
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
	f := &fox{}
	var reading sync.WaitGroup
	reading.Go(func() { f.read(output) })
	t.Cleanup(func() {
		_ = input.Close()
		kill := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
		reading.Wait()
		if err := command.Wait(); err != nil {
			t.Errorf("firefox.mjs: %v\n%s", err, trouble.String())
		}
		kill.Stop()
	})
	return f
}

func (f *fox) read(output io.Reader) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct {
			Error, State, Agent string
			Peers               []peer
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		f.mu.Lock()
		if line.Error != "" {
			f.errors = append(f.errors, line.Error)
		} else {
			f.state, f.agent, f.peers = line.State, line.Agent, map[string]peer{}
			for _, p := range line.Peers {
				f.peers[p.Name] = p
			}
		}
		f.mu.Unlock()
	}
}

// decodes says whether pictures of all these have been decoded.
func (f *fox) decodes(others ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range others {
		if p := f.peers[name]; p.State != "connected" || p.Stats == nil || p.Stats.FramesDecoded < 20 {
			return false
		}
	}
	return true
}

// reads says whether there is nothing to say of anybody.
func (f *fox) reads() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.peers {
		if p.Words != "" {
			return false
		}
	}
	return len(f.peers) > 0
}

func (f *fox) describe() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, _ := json.Marshal(f.peers)
	return f.state + " " + string(text) + "\n" + strings.Join(f.errors, "\n")
}

func TestInterop_FirefoxMeetsChromiumAndTheTestCard(t *testing.T) { firefoxMeetsOthers(t) }

// The same with frames that are encrypted once more: three implementations of
// two programs open each other's.
func TestInterop_FirefoxMeetsThemWithFramesEncrypted(t *testing.T) {
	firefoxMeetsOthers(t, "--media-encryption", "on")
}

func firefoxMeetsOthers(t *testing.T, args ...string) {
	t.Helper()
	d := serve(t, "127.0.0.1", args...)
	ann := join(t, browser.Start(t), d.base(), "lobby", "Ann")
	f := startFirefox(t, d.base()+"/c/lobby", "Fox")
	until(t, joinLimit, "Firefox decodes the others", func() bool { return f.decodes("Ann", "Test card") }, f.describe)
	ann.sees(t, joinLimit, "Fox")
	until(t, joinLimit, "nobody says that frames cannot be read", func() bool { return f.reads() }, f.describe)
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Log(f.agent)
	if len(f.errors) > 0 {
		t.Errorf("the page said in Firefox:\n%s", strings.Join(f.errors, "\n"))
	}
}

// Pictures go both ways by way of a member that forwards: to Firefox, which answers its
// offers on the data channel, and from it.
func TestInterop_FirefoxByWayOfAFocus(t *testing.T) {
	d := serve(t, "127.0.0.1", "--forward")
	ann := join(t, browser.Start(t), d.base(), "lobby?via=focus", "Ann")
	f := startFirefox(t, d.base()+"/c/lobby?via=focus", "Fox")
	forwarded := func(p peer) bool {
		return p.Via.Name == "Focus" && p.State == "connected" && p.Words == "" && p.Stats != nil && p.Stats.FramesDecoded > 20
	}
	until(t, joinLimit, "Firefox decodes Ann's picture, which comes by the focus", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return forwarded(f.peers["Ann"])
	}, f.describe)
	until(t, joinLimit, "and Ann its", func() bool {
		peers, err := ann.tryPeers()
		return err == nil && forwarded(peers["Fox"])
	}, f.describe)
	until(t, joinLimit, "Firefox decodes the test card, which is met directly", func() bool { return f.decodes("Test card") }, f.describe)
}
