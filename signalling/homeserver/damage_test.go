package homeserver

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzDamage plays three seeds after each other, of which the dice have
// replaced members of the body, segments of the path or values of the query by
// something else. It gets behind the JSON parser, where bytes flipped at
// random rarely come.
func FuzzDamage(f *testing.F) {
	for which := range seeds {
		f.Add(uint16(which), uint64(which))
	}
	f.Fuzz(func(t *testing.T, which uint16, dice uint64) {
		d := damager{rand.New(rand.NewPCG(dice, uint64(which)))}
		newStage(t, Config{}).perform(strings.Join([]string{
			d.damage(seeds[int(which)%len(seeds)]), d.damage(d.seed()), d.damage(d.seed()),
		}, "\n"))
	})
}

type damager struct{ dice *rand.Rand }

func (d damager) seed() string { return seeds[d.dice.IntN(len(seeds))] }

// damage changes one to three things of a line.
func (d damager) damage(line string) string {
	method, rest, _ := strings.Cut(line, " ")
	target, body, _ := strings.Cut(rest, " ")
	for range 1 + d.dice.IntN(3) {
		switch d.dice.IntN(8) {
		case 0:
			target = d.path(target)
		case 1, 2:
			target = d.query(target)
		default:
			body = d.body(body)
		}
	}
	return method + " " + target + " " + body
}

// queries are parameters that some route knows.
var queries = []string{
	"since", "timeout", "filter", "full_state", "from", "to", "dir", "limit", "at", "membership",
	"org.matrix.msc4140.delay", "org.matrix.msc4354.sticky_duration_ms", "format", "kind",
	"delay_id", "status", "recurse", "use_state_after", "username", "access_token",
}

func (d damager) query(target string) string {
	path, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		values = url.Values{}
	}
	// Words as $room are replaced later and must stay as they are.
	values.Set(d.choose(queries), d.choose(texts))
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(name)
		if !strings.HasPrefix(value, "$") {
			value = url.QueryEscape(value)
		}
		pairs = append(pairs, url.QueryEscape(name)+"="+value)
	}
	return path + "?" + strings.Join(pairs, "&")
}

func (d damager) path(target string) string {
	path, query, _ := strings.Cut(target, "?")
	segments := strings.Split(path, "/")
	text := d.choose(texts)
	if !strings.HasPrefix(text, "$") {
		text = url.PathEscape(text)
	}
	segments[d.dice.IntN(len(segments))] = text
	path = "/" + strings.TrimPrefix(strings.Join(segments, "/"), "/")
	if query == "" {
		return path
	}
	return path + "?" + query
}

func (d damager) body(body string) string {
	var content any
	if body != "" && json.Unmarshal([]byte(body), &content) != nil {
		return body
	}
	data, err := json.Marshal(d.replace(content, 0))
	if err != nil {
		panic(err) // it is made of JSON
	}
	return strings.ReplaceAll(string(data), "\n", " ")
}

// replace changes one value of a document, or adds or takes one.
func (d damager) replace(content any, depth int) any {
	if d.dice.IntN(4) == 0 {
		return d.value(depth)
	}
	switch content := content.(type) {
	case map[string]any:
		names := append(slices.Sorted(maps.Keys(content)), d.choose(texts))
		name := d.choose(names)
		switch d.dice.IntN(8) {
		case 0:
			delete(content, name)
		case 1:
			content[d.choose(texts)] = content[name]
		default:
			content[name] = d.replace(content[name], depth+1)
		}
		return content
	case []any:
		if len(content) == 0 {
			return []any{d.value(depth)}
		}
		at := d.dice.IntN(len(content))
		content[at] = d.replace(content[at], depth+1)
		return content
	}
	return d.value(depth)
}

// texts are strings that mean something to somebody, and some that should not.
var texts = []string{
	"", " ", "x", "0", "-1", "1", "9223372036854775807", "1e9", "true", "null", "*", "b", "f", "t0", "{}",
	"{\"room\":{\"timeline\":{\"limit\":-1}}}", "..", "../../etc/passwd", "a/b", "%2e%2e", "\x00", "ключ", "\u2028",
	"@:", "@a:", "!", "!x:example.org", "#", "#x:elsewhere", "$", "$nothing", strings.Repeat("long", 100),
	"$alice", "$bob", "$carol", "$room", "$private", "$event", "$foreign", "$delay", "$since", "$device",
	"m.room.member", "m.room.power_levels", "m.room.create", "m.room.join_rules", "m.room.redaction",
	"m.room.history_visibility", "join", "invite", "ban", "leave", "knock", "public", "restricted",
	"m.login.password", "m.login.dummy", "signed_curve25519", "restart", "cancel", "send", "10", "11",
	"users", "events", "membership", "user_id", "device_id", "type", "content", "state_key", "limit", "types",
}

func (d damager) choose(from []string) string { return from[d.dice.IntN(len(from))] }

func (d damager) value(depth int) any {
	switch d.dice.IntN(12) {
	case 0:
		return nil
	case 1:
		return d.dice.IntN(2) == 0
	case 2:
		return []float64{0, -1, 1, 0.5, 100, 1 << 53, 1 << 63, -1 << 63, 1e300}[d.dice.IntN(9)]
	case 3:
		return []any{}
	case 4:
		return map[string]any{}
	case 5:
		if depth < 4 {
			return []any{d.value(depth + 1), d.value(depth + 1)}
		}
	case 6:
		if depth < 4 {
			return map[string]any{d.choose(texts): d.value(depth + 1)}
		}
	case 7:
		return strings.Repeat("large", d.dice.IntN(20_000))
	}
	return d.choose(texts)
}
