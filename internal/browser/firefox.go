package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Firefox is a headless Firefox with one page, which evaluates what it is told:
// it asks for the next expression and answers with its value, so that no driver
// is needed. Firefox has to be in the PATH.
type Firefox struct {
	t    testing.TB
	next chan string
	said chan said
}

// said is what became of an expression.
type said struct {
	Value json.RawMessage
	Error string
}

// foxPage asks for expressions until there is nobody to ask.
const foxPage = `<!doctype html><title>page</title><link rel=icon href="data:,"><script>
(async () => {
	for (;;) {
		const next = await fetch('/next');
		if (next.status === 204) continue;
		const told = await next.text();
		let said;
		try {
			said = {value: await (0, eval)(told)};
		} catch (e) {
			said = {error: String(e)};
		}
		await fetch('/said', {method: 'POST', body: JSON.stringify(said)});
	}
})();
</script>`

// foxPrefs: a fake camera and microphone without questions, addresses in
// candidates as they are, and no talk with Mozilla.
const foxPrefs = `user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
`

// StartFirefox starts one with an empty page; both end with the test. Where it
// is missing the test fails.
func StartFirefox(t testing.TB) *Firefox {
	t.Helper()
	binary, err := exec.LookPath("firefox")
	if err != nil {
		t.Fatal("firefox is missing: apt-get install firefox-esr")
	}
	f := &Firefox{t: t, next: make(chan string), said: make(chan said)}
	over := make(chan struct{})
	server := httptest.NewServer(f.pages(over))
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(foxPrefs), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "--headless", "--no-remote", "--profile", profile, server.URL)
	ownGroup(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tell(command.Process.Pid, kill) // with its content processes
		_ = command.Wait()
		close(over)
		server.CloseClientConnections()
		server.Close()
	})
	return f
}

// pages is the page and the two ends of the talk with it.
func (f *Firefox) pages(over <-chan struct{}) http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, foxPage)
	})
	pages.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case expression := <-f.next:
			_, _ = io.WriteString(w, expression)
		case <-time.After(10 * time.Second): // before Firefox gives up a request
			w.WriteHeader(http.StatusNoContent)
		case <-over:
		case <-r.Context().Done():
		}
	})
	pages.HandleFunc("POST /said", func(_ http.ResponseWriter, r *http.Request) {
		var what said
		if err := json.NewDecoder(r.Body).Decode(&what); err != nil {
			what.Error = err.Error()
		}
		select {
		case f.said <- what:
		case <-over:
		}
	})
	return pages
}

// Eval evaluates an expression in the page, waits for the promise if it is one,
// and stores its value. The page's global variables stay from one to the next.
// result may be nil. An error ends the test.
func (f *Firefox) Eval(expression string, result any) {
	f.t.Helper()
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	select {
	case f.next <- expression:
	case <-patience.C:
		f.t.Fatalf("firefox asked for nothing within %s", Patience)
	}
	select {
	case what := <-f.said:
		if what.Error != "" {
			f.t.Fatalf("firefox: %s", what.Error)
		}
		if result != nil {
			if err := json.Unmarshal(what.Value, result); err != nil {
				f.t.Fatal(fmt.Errorf("firefox: %w", err))
			}
		}
	case <-patience.C:
		f.t.Fatalf("firefox answered nothing within %s", Patience)
	}
}

// Eventually waits until an expression is true; what is named for the error.
func (f *Firefox) Eventually(within time.Duration, what, expression string) {
	f.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		var holds bool
		f.Eval("!!("+expression+")", &holds)
		if holds {
			return
		}
		if time.Now().After(end) {
			f.t.Fatalf("firefox: %s: not within %s", what, within)
		}
	}
}
