package inspect

import (
	"fmt"
	"strings"

	"meshfocus/signalling/message"
)

// Snippets are complete enough to paste; their first line says where.

// homeserver is what to paste into the homeserver's configuration for a part
// of calls ("transports", "delayed", "limits", "turn"). One that cannot be told
// is taken for Synapse; what others lack, `serve --upstream` adds.
func (i *Inspector) homeserver(part string) []string {
	lacking := part == "transports" || part == "delayed"
	domain := []string{"--domain", i.base.Hostname()}
	switch {
	case i.software == "" || i.software == "Synapse":
		return []string{"synapse", "--part", part}
	case i.software == "Dendrite" && lacking:
		return append([]string{"dendrite", "--part", "front"}, domain...)
	case i.software == "Dendrite":
		return []string{"dendrite", "--part", part}
	case lacking:
		return append([]string{"nginx"}, domain...)
	}
	return nil
}

// switchOn is how the homeserver comes by something that it may lack.
func (i *Inspector) switchOn(what string) string {
	switch i.software {
	case "Synapse":
		return "switch " + what + " on; before 1.156 some of it needs an update"
	case "":
		return "switch " + what + " on; homeservers that lack it are helped by meshfocus serve --upstream"
	}
	return "put meshfocus serve --upstream before it, which adds what " + i.software + " lacks (docs/upstream.md)"
}

// proxy is the configuration of a reverse proxy for a homeserver alone.
func proxy(program, host string) []string {
	return []string{program, "--domain", host, "--meshfocus", "none"}
}

const snippetRestartRoute = `# nginx, before the locations of workers
location /_matrix/client/unstable/org.matrix.msc4140/ {
    proxy_pass http://127.0.0.1:8008;
}`

func snippetBothPaths(host string) string {
	return fmt.Sprintf(`# nginx, in the server block of %s
location = %s {
    rewrite ^ %s break;
    proxy_pass http://127.0.0.1:8008;
}`, host, message.PathTransports, pathTransportsStable)
}

func snippetWellKnown(server string) string {
	return fmt.Sprintf(`# Caddyfile, in the site of %s; put your homeserver's address in
header /.well-known/matrix/client Access-Control-Allow-Origin *
header /.well-known/matrix/client Content-Type application/json
respond /.well-known/matrix/client `+"`"+`{"m.homeserver":{"base_url":"https://matrix.example.org"}}`+"`", server)
}

// snippetPower are the entries that let everybody take part in calls.
func snippetPower(encrypted bool) string {
	var lines []string
	for _, w := range writtenTypes(encrypted) {
		if w.level >= Warning {
			lines = append(lines, fmt.Sprintf("    %q: 0", w.kind))
		}
	}
	return "m.room.power_levels, to be merged\n{\n  \"events\": {\n" + strings.Join(lines, ",\n") + "\n  }\n}"
}
