package appservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"testing"
)

func TestService_MakesADeviceForAGuestAndTakesItBack(t *testing.T) {
	for name, noLogin := range map[string]bool{"by login": false, "by MSC4190": true} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t)
			f.noLogin = noLogin
			s := open(t, f)
			roomID, err := s.CreateRoom(t.Context(), "Tea")
			if err != nil {
				t.Fatal(err)
			}
			first, err := s.Issue(t.Context(), "web-abcdefgh", "WEBABCDEF", "guest")
			if err != nil {
				t.Fatal(err)
			}
			if first.UserID != "@web-abcdefgh:example.org" || (first.Transport != nil) != noLogin {
				t.Errorf("credentials %+v", first)
			}
			if got := whoami(t, f, first); got != "@web-abcdefgh:example.org WEBABCDEF" {
				t.Errorf("the homeserver takes the guest for %q", got)
			}
			if err := s.Bring(t.Context(), roomID, first); err != nil || !f.rooms[roomID][first.UserID] {
				t.Errorf("the guest is not in the room: %v", err)
			}
			again, err := s.Issue(t.Context(), "web-abcdefgh", "WEBABCDEF", "guest")
			if err != nil || whoami(t, f, again) != "@web-abcdefgh:example.org WEBABCDEF" {
				t.Errorf("the same names do not give the same device again: %v", err)
			}
			if err := s.Bring(t.Context(), roomID, again); err != nil {
				t.Errorf("who is in the room is not brought there again: %v", err)
			}
			if err := s.Retire(t.Context(), roomID, again); err != nil {
				t.Fatal(err)
			}
			if len(f.devices) != 0 || f.rooms[roomID][first.UserID] {
				t.Errorf("left behind: %v, %v", f.devices, f.rooms)
			}
		})
	}
}

func TestService_MakesRoomsInWhichGuestsMayCall(t *testing.T) {
	f := startFake(t)
	if _, err := open(t, f).CreateRoom(t.Context(), "Tea"); err != nil {
		t.Fatal(err)
	}
	events := f.created["power_level_content_override"].(object)["events"].(object)
	for _, event := range callEvents {
		if level, ok := events[event]; !ok || level != 0.0 {
			t.Errorf("%s needs level %v", event, level)
		}
	}
	if f.created["preset"] != "private_chat" {
		t.Errorf("the room is %v", f.created["preset"])
	}
}

func TestOpen_SaysWhatIsWrongWithTheRegistration(t *testing.T) {
	f := startFake(t)
	for name, change := range map[string]func(*Config){
		"another token":       func(c *Config) { c.ASToken = "wrong" },
		"another sender":      func(c *Config) { c.SenderLocalpart = "someone" },
		"another server name": func(c *Config) { c.ServerName = "example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			config := f.config()
			change(&config)
			if _, err := Open(t.Context(), config); !errors.Is(err, ErrRegistration) {
				t.Errorf("error %v, want ErrRegistration", err)
			}
		})
	}
	for name, change := range map[string]func(*Config){
		"no address": func(c *Config) { c.Homeserver = "example.org" },
		"no token":   func(c *Config) { c.ASToken = "" },
		"one token":  func(c *Config) { c.HSToken = c.ASToken },
		"bad prefix": func(c *Config) { c.UserPrefix = "Web " },
	} {
		t.Run(name, func(t *testing.T) {
			config := f.config()
			change(&config)
			if _, err := Open(t.Context(), config); err == nil || errors.Is(err, ErrRegistration) {
				t.Errorf("error %v, want one about the configuration", err)
			}
		})
	}
}

func TestIssue_RefusesNamesThatAreNotOurs(t *testing.T) {
	s := open(t, startFake(t))
	for _, local := range []string{"ann", "", "web-A", "web-x:evil.org", "web-/../x y"} {
		if _, err := s.Issue(t.Context(), local, "D", ""); err == nil {
			t.Errorf("%q was made", local)
		}
	}
}

func TestService_WaitsOutARateLimit(t *testing.T) {
	f := startFake(t)
	s := open(t, f)
	f.limited = 3
	if _, err := s.Issue(t.Context(), "web-abcdefgh", "D", ""); err != nil {
		t.Error(err)
	}
	f.limited = patience
	if _, err := s.CreateRoom(t.Context(), ""); !isCode(err, "M_LIMIT_EXCEEDED") {
		t.Errorf("error %v, want that of the limit", err)
	}
}

// samples are the registrations that testdata holds and tests with Synapse
// load, by file.
func samples() map[string]Config {
	logIn := Config{ServerName: "interop.test", ASToken: "as-token-for-tests-only", HSToken: "hs-token-for-tests-only"}
	makeDevices := Config{
		ServerName: "interop.test", ASToken: "as-token-for-tests-only-2", HSToken: "hs-token-for-tests-only-2",
		ID: "meshfocus-devices", SenderLocalpart: "meshfocus-devices", UserPrefix: "made-", CreateDevices: true,
	}
	return map[string]Config{"testdata/registration.yaml": logIn, "testdata/registration-devices.yaml": makeDevices}
}

var update = flag.Bool("update", false, "write the registrations in testdata")

func TestRegistration_IsTheFileThatSynapseLoads(t *testing.T) {
	for file, config := range samples() {
		got, err := Registration(config)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s holds\n%s\nshould be\n%s", file, want, got)
		}
	}
}

// sample is one to change.
func sample() Config { return samples()["testdata/registration.yaml"] }

func TestRegistration_QuotesAndRefuses(t *testing.T) {
	config := sample()
	config.HSToken = "with \"quotes\"\nand: lines"
	config.CreateDevices = true
	text, err := Registration(config)
	if err != nil || !bytes.Contains(text, []byte(`hs_token: "with \"quotes\"\nand: lines"`)) || !bytes.Contains(text, []byte("io.element.msc4190: true")) {
		t.Errorf("%s %v", text, err)
	}
	for name, change := range map[string]func(*Config){
		"no server name": func(c *Config) { c.ServerName = "" },
		"no hs_token":    func(c *Config) { c.HSToken = "" },
		"one token":      func(c *Config) { c.HSToken = c.ASToken },
		"odd sender":     func(c *Config) { c.SenderLocalpart = "Mesh focus" },
	} {
		config := sample()
		change(&config)
		if _, err := Registration(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func open(t *testing.T, f *fake) *Service {
	t.Helper()
	s, err := Open(t.Context(), f.config())
	if err != nil {
		t.Fatal(err)
	}
	if s.ServerName() != "example.org" {
		t.Errorf("server name %q", s.ServerName())
	}
	return s
}

// whoami asks as the guest's own client would.
func whoami(t *testing.T, f *fake, c Credentials) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Homeserver+"/_matrix/client/v3/account/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	answer, err := (&http.Client{Transport: c.Transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var who struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&who); err != nil {
		t.Fatal(err)
	}
	return who.UserID + " " + who.DeviceID
}
