package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meshfocus.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func serveFlags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestLoad_TakesDefaultsFileEnvironmentFlagsInRisingOrder(t *testing.T) {
	file := writeConfig(t, "media:\n  port: 1111\n  max_members: 5\nlobby: {name: Hall}\nlisten: 127.0.0.1:1\n")
	environ := []string{"MESHFOCUS_MEDIA_PORT=2222", "MESHFOCUS_LISTEN=127.0.0.1:2", "HOME=/nowhere"}
	l, err := load(file, environ, serveFlags(t, "--listen", "127.0.0.1:3", "--turn-uri", "stun:a:1,stun:b:2"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Homeserver.ServerName != "localhost" || l.Lobby.Name != "Hall" || l.Media.MaxMembers != 5 ||
		l.Media.Port != 2222 || l.Listen != "127.0.0.1:3" || len(l.TURN.URIs) != 2 {
		t.Fatalf("effective configuration is %+v", l.Config)
	}
	for key, want := range map[string]origin{
		"homeserver.server_name": "default", "media.max_members": origin("file " + file),
		"media.port": "environment MESHFOCUS_MEDIA_PORT", "listen": "flag --listen",
	} {
		if l.origins[key] != want {
			t.Errorf("%s comes from %q, want %q", key, l.origins[key], want)
		}
	}
}

func TestLoad_SaysWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		want    []string
	}{
		"unknown key, with its line and the nearest one": {file: "listen: :1\nmedia:\n  prot: 3\n", want: []string{"line 3", `"media.prot"`, `did you mean "media.port"`}},
		"several faults at once":                         {file: "log: {level: loud}\nmedia: {port: 99999}\n", want: []string{"debug, info, warn, error", "1 to 65535"}},
		"a value of another type":                        {file: "media: {port: many}\n", want: []string{"media.port"}},
		"a list where a group belongs":                   {file: "media: [1]\n", want: []string{"line 1", `"media"`}},
		"not YAML":                                       {file: "media: {port: 1\n", want: []string{"is not YAML"}},
		"an environment variable that sets nothing":      {environ: []string{"MESHFOCUS_LISTN=:1"}, want: []string{"MESHFOCUS_LISTN", `did you mean "MESHFOCUS_LISTEN"`}},
		"TURN without credentials":                       {file: "turn: {uris: ['turn:a:3478']}\n", want: []string{"turn.username"}},
		"two TURN servers of different credentials":      {file: "turn: {uris: ['turn:a:3478'], username: u, password: p}\nrelay: {listen: ':3478'}\n", want: []string{"turn:a:3478", "leave it out of turn.uris"}},
		"a relay at no address":                          {file: "relay: {listen: example.org}\n", want: []string{"203.0.113.5:3478"}},
		"ports of a relay that are none":                 {file: "relay: {listen: ':3478', ports: '9-8'}\n", want: []string{"49152-65535"}},
		"a network of peers that is none":                {file: "relay: {listen: ':3478', allow: [home]}\n", want: []string{"relay.allow", "10.0.0.0/8"}},
		"a relay for nobody":                             {file: "relay: {listen: ':3478', max_per_user: 0}\n", want: []string{"1 or more"}},
		"a relay in front of another homeserver":         {file: "homeserver: {data: d}\nupstream: {url: 'http://a'}\nrelay: {listen: ':3478'}\n", want: []string{"meshfocus relay"}},
		"an address that is none":                        {file: "listen: everywhere\n", want: []string{"host:port"}},
		"a rate limit of no class":                       {file: "homeserver: {rate_limits: ['logn=1/5', 'login=often']}\n", want: []string{"logn", "to_device", "login=0.5/20"}},
		"plain HTTP where others reach it":               {file: "listen: 0.0.0.0:8008\n", want: []string{"listen (from file", "--self-signed", "--insecure-http"}},
		"a certificate without its key":                  {file: "tls: {cert: a.pem}\n", want: []string{"--tls-key"}},
		"two sources of certificates":                    {file: "tls: {cert: a, key: b, self_signed: true}\n", want: []string{"choose one"}},
		"ACME without a place to keep certificates":      {file: "tls: {acme: [call.example.org]}\n", want: []string{"--data"}},
		"ACME for an address":                            {file: "homeserver: {data: d}\ntls: {acme: ['https://call.example.org']}\n", want: []string{"call.example.org", "not a domain"}},
		"an ACME directory that is none":                 {file: "tls: {acme_directory: letsencrypt}\n", want: []string{"https://"}},
		"an address for challenges that is none":         {file: "tls: {acme_http: '80'}\n", want: []string{"write :80"}},
		"a proxy that is none":                           {file: "trusted_proxies: [proxy]\n", want: []string{"10.0.0.0/8"}},
		"an origin with a path":                          {file: "call: {origins: ['https://a.example/x']}\n", want: []string{"without a path"}},
		"no calls":                                       {file: "call: {max_calls: 0}\n", want: []string{"call.new"}},
		"no sockets":                                     {file: "call: {max_sockets: 0}\n", want: []string{"1 or more"}},
		"no grace":                                       {file: "call: {grace: 0s}\n", want: []string{"1s to 1h"}},
		"links that end at once":                         {file: "call: {keep: 1s}\n", want: []string{"at least 1m"}},
		"an upstream that is no address":                 {file: "homeserver: {data: d}\nupstream: {url: 'matrix.example.org'}\n", want: []string{"http://127.0.0.1:8008"}},
		"an upstream without data":                       {file: "upstream: {url: 'http://127.0.0.1:8008'}\n", want: []string{"--data DIR"}},
		"a transport that is none":                       {file: "upstream: {transports: ['livekit']}\n", want: []string{"transport 1", "full_mesh"}},
		"no delayed events":                              {file: "upstream: {max_delayed: 0}\n", want: []string{"1 or more"}},
		"a duration that is none":                        {file: "homeserver: {max_delay: soon}\n", want: []string{"max_delay"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(writeConfig(t, c.file), c.environ, nil)
			if err == nil {
				t.Fatal("nothing was found wrong")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestExample_IsItselfAValidFileWithEveryDefault(t *testing.T) {
	var example bytes.Buffer
	if err := writeExample(&example); err != nil {
		t.Fatal(err)
	}
	l, err := load(writeConfig(t, example.String()), nil, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, example.String())
	}
	defaults, err := load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	l.origins, defaults.origins = nil, nil
	if l.writeEffective(&a) != nil || defaults.writeEffective(&b) != nil || a.String() != b.String() {
		t.Fatalf("the example changes something:\n%s\nwant\n%s", a.String(), b.String())
	}
}

func TestPrint_HidesSecrets(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"config", "print"}, streams{out: &out, err: &errs, environ: []string{
		"MESHFOCUS_TURN_PASSWORD=hunter2", "MESHFOCUS_HOMESERVER_REGISTRATION_TOKENS=come-in"}})
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "come-in") || !strings.Contains(out.String(), "(hidden)") {
		t.Fatalf("a secret is shown or not marked:\n%s", out.String())
	}
}

func TestRun_AnswersWithDocumentedExitCodes(t *testing.T) {
	bad := writeConfig(t, "nonsense: 1\n")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"version":         {[]string{"version"}, exitOK, "meshfocus "},
		"help":            {[]string{"--help"}, exitOK, "Exit codes"},
		"config check":    {[]string{"config", "check"}, exitOK, "fine"},
		"bad config":      {[]string{"config", "check", "--config", bad}, exitUsage, `unknown key "nonsense"`},
		"unknown verb":    {[]string{"srve"}, exitUsage, "verbs are serve"},
		"unknown flag":    {[]string{"serve", "--nope"}, exitUsage, "--help"},
		"no such profile": {[]string{"serve", "--membership-profile", "both"}, exitUsage, "use session, sticky"},
		"join, no room":   {[]string{"join"}, exitUsage, "ROOM"},
		"missing config":  {[]string{"serve", "--config", "/does/not/exist"}, exitUsage, "no such file"},
		"plan":            {[]string{"plan", "--people", "6"}, exitOK, "A focus wins"},
		"plan of one":     {[]string{"plan", "--people", "1"}, exitUsage, "2 to 50"},
		"completion":      {[]string{"completion", "bash"}, exitOK, "meshfocus"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, streams{out: &out, err: &errs}); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String()+errs.String(), c.says) {
				t.Errorf("does not say %q:\n%s%s", c.says, out.String(), errs.String())
			}
		})
	}
}

// docs/config.md is written by this test with UPDATE_DOCS=1 and compared without.
func TestDocs_ListEverySetting(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "config.md")
	want := configPage()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Fatal("docs/config.md is not what the table of settings says; run UPDATE_DOCS=1 go test ./cmd/meshfocus -run Docs")
	}
}

// configPage writes docs/config.md from the table of settings.
func configPage() string {
	var out strings.Builder
	out.WriteString("# Settings of `meshfocus serve`\n\nNone is needed. Layers in rising order: defaults, the YAML file of `--config` (or `MESHFOCUS_CONFIG`),\n" +
		"environment, flags. `meshfocus config example` prints a commented file, `config check` says what is wrong,\n`config print` what is in force and where it came from.\n\n" +
		"| key | default | environment | flag | meaning |\n|---|---|---|---|---|\n")
	for _, s := range settings() {
		flag := "–"
		if s.flag != "" {
			flag = "`--" + s.flag + "`"
		}
		out.WriteString("| `" + s.key + "` | `" + yamlValue(s.def) + "` | `" + s.environment() + "` | " + flag + " | " + s.about + " |\n")
	}
	return out.String()
}
