package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

//go:embed snippets
var snippetFiles embed.FS

// snippets are the programs that there is something to paste for.
var snippets = map[string]string{
	"synapse": "synapse.yaml", "dendrite": "dendrite.yaml",
	"caddy": "Caddyfile", "nginx": "nginx.conf", "traefik": "traefik.yaml",
}

// snippetParts are those that one can have alone, of the programs with parts.
var snippetParts = map[string][]string{
	"synapse":  {"transports", "sticky", "delayed", "limits", "turn"},
	"dendrite": {"front", "limits", "turn"},
}

// exampleTurn is named when a relay is asked for by --part alone.
const exampleTurn = "turn.example.org"

// addedPaths are those that `serve --upstream` adds something to, as a regular
// expression (docs/upstream.md). Rooms are matched as widely as a proxy might
// decode them.
const addedPaths = `^/(\.well-known/matrix/client$|_matrix/client/(versions$|(unstable/org\.matrix\.msc4143|v1)/rtc/transports$|` +
	`(unstable/org\.matrix\.msc4140|v1/delayed_events)/|` +
	`(r0|v1|v3|unstable)/(capabilities$|logout|rooms/.+/(state|send|delayed_event)/)))`

// snippetValues are filled into a snippet.
type snippetValues struct {
	Domain     string   // what clients connect to
	ServerName string   // part of user IDs behind the colon
	Homeserver string   // base URL, as reached from meshfocus and the proxy
	Meshfocus  string   // base URL, as reached from the proxy; "" for a homeserver alone
	Beside     bool     // only added paths go through meshfocus
	Transports []string // JSON objects
	Turn       string   // host name of the TURN server, "" for none
	Part       string   // what is shown alone, "" for everything
}

// Shows says whether any of some parts is wanted.
func (v snippetValues) Shows(parts ...string) bool {
	return v.Part == "" || slices.Contains(parts, v.Part)
}

// Passes says whether a proxy sends anything past meshfocus.
func (v snippetValues) Passes() bool { return v.Beside || v.Meshfocus == "" }

// PublicURL, ListenAddress and the rest are used by the snippets.
func (v snippetValues) PublicURL() string { return "https://" + v.Domain }

// ListenAddress is Meshfocus as --listen takes it.
func (v snippetValues) ListenAddress() string {
	address, _ := url.Parse(v.Meshfocus) // checked
	if address.Port() == "" {
		return net.JoinHostPort(address.Hostname(), "80")
	}
	return address.Host
}

// Paths, NginxPaths and YAMLPaths are addedPaths as each program quotes them.
func (v snippetValues) Paths() string { return addedPaths }
func (v snippetValues) NginxPaths() string {
	return `"` + strings.ReplaceAll(addedPaths, `\`, `\\`) + `"`
}
func (v snippetValues) YAMLPaths() string { return strings.ReplaceAll(addedPaths, `\`, `\\`) }

// check refuses values that would end a string in somebody's configuration.
func (v snippetValues) check() error {
	hosts := map[string]string{"--domain": v.Domain, "--server-name": v.ServerName}
	if v.Turn != "" {
		hosts["--turn"] = v.Turn
	}
	for what, host := range hosts {
		if host == "" || strings.ContainsFunc(host, func(c rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]", c)
		}) {
			return usage("%s %q is no host name; write matrix.example.org", what, host)
		}
	}
	addresses := map[string]string{"--homeserver": v.Homeserver}
	if v.Meshfocus != "" {
		addresses["--meshfocus"] = v.Meshfocus
	}
	for what, text := range addresses {
		address, err := url.Parse(text)
		if err != nil || originOf(text) != text || strings.ContainsAny(text, "`\"'{}$;\\ #") || address.User != nil {
			return usage("%s %q is no address; write http://127.0.0.1:8008, without a path", what, text)
		}
	}
	config := Config{Upstream: UpstreamConfig{Transports: v.Transports}}
	if err := checkUpstreamTransports(config); err != nil {
		return usage("--transport: %w", err)
	}
	return nil
}

func newSnippet(std streams) *cobra.Command {
	v, livekit, asJSON := snippetValues{}, "", false
	names := slices.Sorted(maps.Keys(snippets))
	c := &cobra.Command{
		Use:   "snippet " + strings.Join(names, "|"),
		Short: "Print configuration to paste, for a homeserver or a reverse proxy",
		Long: `snippet prints what another program needs in its configuration for calls to
work: a homeserver (synapse, dendrite), or a reverse proxy (caddy, nginx,
traefik) with a homeserver behind it, and meshfocus serve --upstream unless
--meshfocus is none. What meshfocus doctor has you paste comes from here.

Parts of synapse are transports, sticky, delayed, limits and turn, parts of
dendrite front (what stands before it), limits and turn.`,
		Example: `  meshfocus snippet nginx --domain matrix.example.org
  meshfocus snippet nginx --domain matrix.example.org --meshfocus none
  meshfocus snippet synapse --part turn --turn turn.example.org
  meshfocus snippet caddy --domain matrix.example.org --beside=false --homeserver http://10.0.0.5:8008
  meshfocus snippet synapse --livekit https://sfu.example.org --transport '{"type":"full_mesh"}'`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			file, known := snippets[args[0]]
			if !known {
				return usage("there is no snippet for %q; there are %s", args[0], strings.Join(names, ", "))
			}
			values, err := v.complete(args[0], livekit)
			if err != nil {
				return err
			}
			text, err := values.fill(file)
			if err != nil {
				return err
			}
			return printSnippet(std.out, asJSON, args[0], file, text)
		},
	}
	flags := c.Flags()
	flags.StringVar(&v.Domain, "domain", "matrix.example.org", "host name that clients connect to")
	flags.StringVar(&v.ServerName, "server-name", "", "server name in user IDs (default: that of --domain)")
	flags.StringVar(&v.Homeserver, "homeserver", "http://127.0.0.1:8008", "the homeserver behind the proxy")
	flags.StringVar(&v.Meshfocus, "meshfocus", "http://127.0.0.1:8009", "meshfocus serve --upstream behind the proxy, or none")
	flags.BoolVar(&v.Beside, "beside", true, "let only what meshfocus adds go through it; =false lets all")
	flags.StringArrayVar(&v.Transports, "transport", nil, `transport to recommend, as JSON (default {"type":"full_mesh"})`)
	flags.StringVar(&livekit, "livekit", "", "LiveKit service to recommend before the others, such as https://sfu.example.org")
	flags.StringVar(&v.Turn, "turn", "", "host `NAME` of the TURN server that the homeserver is to name")
	flags.StringVar(&v.Part, "part", "", "print this `PART` alone")
	flags.BoolVar(&asJSON, "json", false, "print {program, file, text}")
	return c
}

// complete fills in what was left out, puts the LiveKit service in front and
// checks everything.
func (v snippetValues) complete(program, livekit string) (snippetValues, error) {
	if v.ServerName == "" {
		v.ServerName = v.Domain
	}
	if v.Meshfocus == "none" {
		v.Meshfocus = ""
	}
	switch parts := snippetParts[program]; {
	case v.Part == "":
	case len(parts) == 0:
		return v, usage("--part: the snippet for %s has no parts", program)
	case !slices.Contains(parts, v.Part):
		return v, usage("--part: the snippet for %s has no part %q; there are %s", program, v.Part, strings.Join(parts, ", "))
	case v.Part != "turn":
		v.Turn = ""
	case v.Turn == "":
		v.Turn = exampleTurn
	}
	if len(v.Transports) == 0 {
		v.Transports = []string{`{"type":"full_mesh"}`}
	}
	if livekit != "" {
		entry, err := json.Marshal(map[string]string{"type": "livekit", "livekit_service_url": livekit})
		if err != nil {
			return v, err
		}
		v.Transports = append([]string{string(entry)}, v.Transports...)
	}
	return v, v.check()
}

func (v snippetValues) fill(file string) (string, error) {
	text, err := template.ParseFS(snippetFiles, "snippets/"+file)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = text.Execute(&out, v)
	return strings.TrimSpace(out.String()) + "\n", err
}

func printSnippet(w io.Writer, asJSON bool, program, file, text string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]string{"program": program, "file": file, "text": text})
	}
	_, err := fmt.Fprint(w, text)
	return err
}
