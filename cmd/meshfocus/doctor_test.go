package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshfocus/focus/probe"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/inspect"
)

const (
	doctorPassword   = "a password that nobody sees"
	doctorTurnSecret = "turn-password-that-nobody-sees"
)

// surgery starts a homeserver with one user and a broken or a good TURN list.
func surgery(t *testing.T, change func(*homeserver.Config)) (address, token string) {
	t.Helper()
	config := homeserver.Config{
		ServerName: "surgery.test", Transports: []json.RawMessage{json.RawMessage(`{"type":"full_mesh"}`)},
	}
	if change != nil {
		change(&config)
	}
	server, err := homeserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		web.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err := server.EnsureUser("pat", doctorPassword); err != nil {
		t.Fatal(err)
	}
	if token, err = server.IssueToken("pat", "PATIENT", ""); err != nil {
		t.Fatal(err)
	}
	return web.URL, token
}

// consult runs the verb.
func consult(t *testing.T, environ []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"doctor"}, args...), streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: environ})
	return code, stdout.String(), stderr.String()
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDoctor_SaysByItsExitCodeHowBadItIs(t *testing.T) {
	good, token := surgery(t, nil)
	broken, brokenToken := surgery(t, func(c *homeserver.Config) {
		c.Turn = &homeserver.TurnServers{URIs: []string{"turn.surgery.test"}, Username: "u", Password: doctorTurnSecret}
	})
	for _, c := range []struct {
		name string
		code int
		args []string
		says string
	}{
		{"nothing wrong with what strangers see", exitOK, []string{good}, "Nothing is wrong with what was tried."},
		{"no TURN server", exitDoctorWarning, []string{good, "--token", token}, `Begin with "turn.server"`},
		{"a TURN address that cannot be read", exitDoctorBroken, []string{broken, "--token", brokenToken}, `Begin with "turn.server"`},
		{"nobody there", exitDoctorBroken, []string{"http://127.0.0.1:1"}, `Begin with "connect"`},
		{"no homeserver given", exitDoctorUnable, nil, "wants one HOMESERVER"},
		{"an unknown flag", exitDoctorUnable, []string{good, "--tokenn", "x"}, "unknown flag"},
		{"a file that is not there", exitDoctorUnable, []string{good, "--token-file", "/nowhere"}, "--token-file"},
		{"a user without a password", exitDoctorUnable, []string{good, "--user", "pat"}, "needs a password"},
		{"a room without an account", exitDoctorUnable, []string{good, "--room", "!r:surgery.test"}, "needs an account"},
		{"a port that nobody knocks at", exitDoctorUnable, []string{good, "--media-port", "40000"}, "meshfocus vantage"},
		{"a file without certificates", exitDoctorUnable, []string{good, "--ca", secretFile(t, "no PEM")}, "no certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := consult(t, nil, c.args...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}

func TestDoctor_CouldNotRunWhenItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"doctor", "http://127.0.0.1:1"}, streams{out: &out, err: &errs}); code != exitDoctorUnable || !strings.Contains(out.String(), "Stopped before the end.") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
}

func TestDoctor_TellsNoSecret(t *testing.T) {
	address, token := surgery(t, func(c *homeserver.Config) {
		c.Turn = &homeserver.TurnServers{URIs: []string{"turn:127.0.0.1:1?transport=tcp"}, Username: "u", Password: doctorTurnSecret}
	})
	chatty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // repeats what it is told
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		if strings.HasSuffix(r.URL.Path, "/versions") {
			_, _ = w.Write([]byte(`{"versions":["v1.12"]}`))
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(r.Header.Get("Authorization") + body.String()))
	}))
	t.Cleanup(chatty.Close)
	tokenFile, passwordFile := secretFile(t, token), secretFile(t, doctorPassword)
	for name, args := range map[string][]string{
		"token":                         {address, "--token", token},
		"token from a file, as JSON":    {address, "--token-file", tokenFile, "--json"},
		"password":                      {address, "--user", "pat", "--password-file", passwordFile, "--all"},
		"token, repeated by the server": {chatty.URL, "--token", token},
		"password, repeated":            {chatty.URL, "--user", "pat", "--password-file", passwordFile, "--json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, out, errs := consult(t, nil, args...)
			for _, secret := range []string{token, doctorPassword, doctorTurnSecret} {
				if strings.Contains(out+errs, secret) {
					t.Errorf("%q is told:\n%s%s", secret, out, errs)
				}
			}
			if strings.Count(out, "\n") < 10 {
				t.Errorf("that is not much:\n%s", out)
			}
		})
	}
}

func TestDoctor_WritesALineOfJSONForEachFinding(t *testing.T) {
	address, token := surgery(t, nil)
	code, out, _ := consult(t, []string{"MESHFOCUS_TOKEN=" + token}, address, "--json")
	var checks []string
	var verdict map[string]any
	for line := range strings.Lines(out) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if fields["event"] == "verdict" {
			verdict = fields
			continue
		}
		checks = append(checks, fields["check"].(string))
	}
	if want := append(inspect.Checks(), "turn"); !slices.Equal(checks, want) {
		t.Errorf("checks %v, want %v", checks, want)
	}
	if verdict["exit_code"] != float64(code) || verdict["check"] != "turn.server" || verdict["level"] != "warning" {
		t.Errorf("verdict %v, exit code %d", verdict, code)
	}
}

// What is to be pasted stands in one place: the snippets.
func TestDoctor_NamesTheCommandThatPrintsWhatToPaste(t *testing.T) {
	address, token := surgery(t, nil)
	site := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(site.Close)
	for command, args := range map[string][]string{
		"synapse --part turn":                       {address, "--token", token},
		"nginx --domain 127.0.0.1 --meshfocus none": {site.URL},
	} {
		t.Run(command, func(t *testing.T) {
			_, out, _ := consult(t, nil, args...)
			for line := range strings.Lines(snippetOf(t, strings.Fields(command)...)) {
				if !strings.Contains(out, "│ "+line) {
					t.Errorf("%q is not shown", line)
				}
			}
			if !strings.Contains(out, "from   meshfocus snippet "+command+"\n") {
				t.Errorf("the command is not named:\n%s", out)
			}
		})
	}
	if snippet, command := pasteOf(inspect.Finding{Command: []string{"nginx", "--domain", "$(reboot)"}}); snippet+command != "" {
		t.Errorf("a server's word is for pasting into a shell: %s", command)
	}
}

func TestDoctorView_ShowsOneLineForAllThatWasNotTriedForOneReason(t *testing.T) {
	var out bytes.Buffer
	v := newDoctorView(streams{out: &out}, doctorOptions{})
	v.finding(inspect.Finding{Check: "a", Level: inspect.Broken, Found: "gone"})
	for _, name := range []string{"b", "c"} {
		v.finding(inspect.Finding{Check: name, Level: inspect.Skipped, Found: `needs "a"`})
	}
	v.verdict(nil, exitDoctorBroken)
	if got := out.String(); !strings.Contains(got, `needs "a": b, c`) || strings.Count(got, "needs") != 1 || strings.Contains(got, "\x1b") {
		t.Errorf("shown:\n%s", got)
	}
}

func TestDoctorView_SaysOnATerminalWhatIsBeingTried(t *testing.T) {
	var screen bytes.Buffer
	v := newDoctorView(streams{out: &screen}, doctorOptions{})
	v.progress("nobody looks")
	v.status = &screen
	v.progress("turn.udp: " + strings.Repeat("x", statusWidth))
	v.finding(inspect.Finding{Check: "turn.udp", Found: "good"})
	v.verdict(nil, exitOK)
	shown := strings.Split(screen.String(), clearLine)
	if len(shown) != 3 || !strings.HasSuffix(shown[1], "x…") || len([]rune(shown[1])) != statusWidth+1 || !strings.HasPrefix(shown[2], "fine") {
		t.Errorf("%q", shown)
	}
}

func TestMerge_KeepsEveryLevelAndTheReasonOfASkip(t *testing.T) {
	for _, level := range []probe.Level{probe.Fine, probe.Note, probe.Warning, probe.Broken, probe.Skipped} {
		got := merge(probe.Finding{Check: "turn", Level: level, Cause: "because"})
		if got.Level.String() != level.String() {
			t.Errorf("%s became %s", level, got.Level)
		}
		if level == probe.Skipped && got.Found != "because" {
			t.Errorf("the reason is lost: %+v", got)
		}
	}
}
