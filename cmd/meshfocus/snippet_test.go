package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// snippetOf prints a snippet.
func snippetOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"snippet"}, args...), streams{out: &out, err: &errs}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String()
}

func TestSnippet_OfSynapseIsYAMLWithTheTransportsInOrder(t *testing.T) {
	text := snippetOf(t, "synapse", "--livekit", "https://sfu.example.org", "--transport", `{"type":"full_mesh","max_participants":6}`)
	var config struct {
		Experimental map[string]bool `yaml:"experimental_features"`
		MaxDelay     string          `yaml:"max_event_delay_duration"`
		RTC          struct {
			Transports []map[string]any `yaml:"transports"`
		} `yaml:"matrix_rtc"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	list := config.RTC.Transports
	if !config.Experimental["msc4143_enabled"] || config.MaxDelay != "24h" || len(list) != 2 ||
		list[0]["livekit_service_url"] != "https://sfu.example.org" || list[1]["type"] != "full_mesh" {
		t.Errorf("it says %+v", config)
	}
}

func TestSnippet_OfDendriteIsYAMLThatNamesTheAddressInFront(t *testing.T) {
	text := snippetOf(t, "dendrite", "--domain", "matrix.example.org", "--server-name", "example.org", "--homeserver", "http://10.0.0.5:8008")
	var config struct {
		Global struct {
			ServerName string `yaml:"server_name"`
			WellKnown  string `yaml:"well_known_client_name"`
		} `yaml:"global"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if config.Global.ServerName != "example.org" || config.Global.WellKnown != "https://matrix.example.org" ||
		!strings.Contains(text, "--upstream http://10.0.0.5:8008 --listen 127.0.0.1:8009") {
		t.Errorf("it says\n%s", text)
	}
}

func TestSnippet_OfTraefikIsYAMLWithARuleForWhatIsAdded(t *testing.T) {
	var config struct {
		HTTP struct {
			Routers map[string]struct {
				Rule    string `yaml:"rule"`
				Service string `yaml:"service"`
			} `yaml:"routers"`
			Services map[string]any `yaml:"services"`
		} `yaml:"http"`
	}
	for _, beside := range []string{"--beside", "--beside=false"} {
		text := snippetOf(t, "traefik", "--domain", "m.example.org", beside)
		if err := yaml.Unmarshal([]byte(text), &config); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		rule := config.HTTP.Routers["meshfocus"].Rule
		if want := "Host(`m.example.org`)"; !strings.HasPrefix(rule, want) || strings.Contains(rule, addedPaths) != (beside == "--beside") {
			t.Errorf("%s: the rule is %s", beside, rule)
		}
		for name, router := range config.HTTP.Routers {
			if config.HTTP.Services[router.Service] == nil {
				t.Errorf("%s: router %s has no service", beside, name)
			}
		}
	}
}

func TestSnippet_PrintsAPartAlone(t *testing.T) {
	for program, parts := range snippetParts {
		for _, part := range parts {
			var alone, whole map[string]any
			text := snippetOf(t, program, "--part", part)
			if err := yaml.Unmarshal([]byte(text), &alone); err != nil || len(alone) == 0 {
				t.Fatalf("%s, %s: %v in\n%s", program, part, err, text)
			}
			if err := yaml.Unmarshal([]byte(snippetOf(t, program, "--turn", exampleTurn)), &whole); err != nil || len(whole) <= len(alone) {
				t.Errorf("%s, %s: %v, %v are all of it", program, part, err, alone)
			}
			for key := range alone {
				if _, there := whole[key]; !there {
					t.Errorf("%s: %s has %s, the whole has not", program, part, key)
				}
			}
		}
	}
	if text := snippetOf(t, "synapse"); strings.Contains(text, "turn_uris") {
		t.Errorf("a relay that nobody asked for:\n%s", text)
	}
}

func TestSnippet_OfAProxyIsForAHomeserverAloneToo(t *testing.T) {
	for _, program := range []string{"caddy", "nginx", "traefik"} {
		text := snippetOf(t, program, "--meshfocus", "none", "--homeserver", "http://10.0.0.5:8008")
		if strings.Contains(text, "meshfocus") || !strings.Contains(text, "http://10.0.0.5:8008") {
			t.Errorf("%s:\n%s", program, text)
		}
	}
}

// pathsAdded and pathsNot are what addedPaths has to tell apart.
var (
	pathsAdded = []string{
		"/_matrix/client/versions", "/_matrix/client/v1/rtc/transports", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports",
		"/_matrix/client/unstable/org.matrix.msc4140/delayed_events", "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/x/restart",
		"/_matrix/client/v3/rooms/!a:b/state/t/k", "/_matrix/client/r0/rooms/!a/b:c/send/t/x", "/_matrix/client/v3/rooms/!a:b/state/t/",
		"/_matrix/client/unstable/org.matrix.msc4140/rooms/!a:b/delayed_event/t/x", "/_matrix/client/v3/rooms/!a:b/delayed_event/t/x",
		"/_matrix/client/v1/delayed_events/x", "/_matrix/client/v1/delayed_events/x/send", "/_matrix/client/v3/capabilities",
		"/_matrix/client/v3/logout/all", "/.well-known/matrix/client",
	}
	pathsNot = []string{
		"/_matrix/client/v3/sync", "/_matrix/media/v3/upload", "/_matrix/client/v3/rooms/!a:b/state", "/_matrix/client/v3/rooms/!a:b/messages",
		"/_matrix/client/v3/capabilities/x", "/_matrix/client/v1/delayed_events",
		"/.well-known/matrix/server", "/_matrix/federation/v1/send/1", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports/x",
	}
)

func TestSnippet_SendsOnlyWhatIsAddedThroughUs(t *testing.T) {
	paths := regexp.MustCompile(addedPaths)
	for _, path := range pathsAdded {
		if !paths.MatchString(path) {
			t.Errorf("%s does not come through us", path)
		}
	}
	for _, path := range pathsNot {
		if paths.MatchString(path) {
			t.Errorf("%s comes through us without need", path)
		}
	}
}

func TestSnippet_RefusesWhatWouldEndAStringOfTheConfiguration(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown program":     {"apache"},
		"domain with braces":  {"nginx", "--domain", "a.org { return 200; }"},
		"empty domain":        {"nginx", "--domain", ""},
		"server name, quoted": {"dendrite", "--server-name", `a"b`},
		"address with a path": {"caddy", "--homeserver", "http://127.0.0.1:8008/x"},
		"address, two lines":  {"caddy", "--meshfocus", "http://127.0.0.1:8008\nroot *"},
		"address, variables":  {"nginx", "--meshfocus", "http://$host"},
		"transport of none":   {"synapse", "--transport", "livekit"},
		"relay with quotes":   {"synapse", "--turn", `a"b`},
		"unknown part":        {"synapse", "--part", "calls"},
		"part of a whole":     {"caddy", "--part", "turn"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), append([]string{"snippet"}, args...), streams{out: &out, err: &errs}); code != exitUsage {
				t.Errorf("exit code %d, printed %s%s", code, out.String(), errs.String())
			}
		})
	}
}

func TestSnippet_IsPrintedAsJSON(t *testing.T) {
	for program := range snippets {
		var answer map[string]string
		if err := json.Unmarshal([]byte(snippetOf(t, program, "--json")), &answer); err != nil || answer["program"] != program ||
			answer["text"] != snippetOf(t, program) || strings.Contains(answer["text"], "<no value>") {
			t.Errorf("%s: %v in %v", program, err, answer)
		}
	}
}
