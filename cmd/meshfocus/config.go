package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// origin says where the effective value of a setting came from.
type origin string

const originDefault origin = "default"

// loaded is the effective configuration and, per key, where it came from.
type loaded struct {
	Config
	values  *koanf.Koanf
	origins map[string]origin
}

// load reads the layers in rising order: defaults, the YAML file at path (none
// when path is empty), environment ("NAME=value" strings), flags that were
// given. It reports every fault it finds, not only the first.
func load(path string, environ []string, flags *pflag.FlagSet) (loaded, error) {
	l := loaded{values: koanf.New("."), origins: map[string]origin{}}
	var faults []error
	layer := func(values map[string]any, from func(key string) origin) {
		for key := range values {
			l.origins[key] = from(key)
		}
		if err := l.values.Load(confmap.Provider(values, "."), nil); err != nil {
			faults = append(faults, err)
		}
	}

	defaults := map[string]any{}
	for _, s := range settings() {
		defaults[s.key] = s.def
	}
	layer(defaults, func(string) origin { return originDefault })

	if path != "" {
		values, err := readFile(path)
		if err != nil {
			faults = append(faults, err)
		}
		layer(values, func(string) origin { return origin("file " + path) })
	}
	values, err := readEnvironment(environ)
	if err != nil {
		faults = append(faults, err)
	}
	layer(values, func(key string) origin { return origin("environment " + known(key).environment()) })
	layer(readFlags(flags), func(key string) origin { return origin("flag --" + known(key).flag) })

	if err := l.values.Unmarshal("", &l.Config); err != nil {
		return l, errors.Join(append(faults, fmt.Errorf("configuration: %s", plain(err)))...)
	}
	for _, s := range settings() {
		if s.check == nil {
			continue
		}
		if err := s.check(l.Config); err != nil {
			faults = append(faults, fmt.Errorf("%s (from %s): %w", s.key, l.origins[s.key], err))
		}
	}
	return l, errors.Join(faults...)
}

// plain makes one line of the decoder's list of faults.
func plain(err error) string {
	lines := strings.Split(err.Error(), "\n")
	var out []string
	for _, line := range lines {
		if line = strings.Trim(line, " *"); line != "" && !strings.HasSuffix(line, "error(s) decoding:") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}

// known finds a setting by key; the zero setting when there is none.
func known(key string) setting {
	for _, s := range settings() {
		if s.key == key {
			return s
		}
	}
	return setting{}
}

// readFile reads the YAML file. Unknown keys are faults with their line and
// the nearest key that exists.
func readFile(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("configuration file %s is not YAML: %s", path, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	values := map[string]any{}
	var faults []error
	for _, document := range file.Docs {
		faults = append(faults, flatten(document.Body, "", values)...)
	}
	for i, fault := range faults {
		faults[i] = fmt.Errorf("configuration file %s: %w", path, fault)
	}
	return values, errors.Join(faults...)
}

// flatten walks a YAML mapping into dotted keys and reports keys that no
// setting has.
func flatten(node ast.Node, prefix string, into map[string]any) []error {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return []error{fmt.Errorf("line %d: %q should be a group of settings (key: value)", node.GetToken().Position.Line, strings.TrimSuffix(prefix, "."))}
	}
	var faults []error
	for _, pair := range pairs {
		key := prefix + strings.Trim(pair.Key.String(), `"'`)
		line := pair.Key.GetToken().Position.Line
		switch {
		case known(key).key != "":
			var value any
			if err := yaml.NodeToValue(pair.Value, &value); err != nil {
				faults = append(faults, fmt.Errorf("line %d: %s: %w", line, key, err))
				continue
			}
			if value != nil {
				into[key] = value
			}
		case isGroup(key):
			faults = append(faults, flatten(pair.Value, key+".", into)...)
		default:
			faults = append(faults, fmt.Errorf("line %d: unknown key %q%s", line, key, suggestion(key, keys())))
		}
	}
	return faults
}

func isGroup(key string) bool {
	for _, s := range settings() {
		if strings.HasPrefix(s.key, key+".") {
			return true
		}
	}
	return false
}

func keys() []string {
	var out []string
	for _, s := range settings() {
		out = append(out, s.key)
	}
	return out
}

// environmentOfJoin are variables with our prefix that only `join` reads.
var environmentOfJoin = []string{"MESHFOCUS_TOKEN", "MESHFOCUS_PASSWORD", "MESHFOCUS_CONFIG"}

// readEnvironment takes the variables with our prefix; one that sets nothing
// is a fault, because it was meant to set something.
func readEnvironment(environ []string) (map[string]any, error) {
	byName := map[string]string{}
	names := append([]string{}, environmentOfJoin...)
	for _, s := range settings() {
		byName[s.environment()] = s.key
		names = append(names, s.environment())
	}
	values := map[string]any{}
	var faults []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, environmentPrefix) {
			continue
		}
		key, found := byName[name]
		switch {
		case found:
			values[key] = listOr(key, value)
		case oneOf(name, environmentOfJoin...) != nil:
			faults = append(faults, fmt.Errorf("environment variable %s sets nothing%s", name, suggestion(name, names)))
		}
	}
	return values, errors.Join(faults...)
}

// listOr splits value at commas when the setting is a list.
func listOr(key, value string) any {
	if _, isList := known(key).def.([]string); !isList {
		return value
	}
	out := []string{}
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// readFlags takes the flags that were given on the command line.
func readFlags(flags *pflag.FlagSet) map[string]any {
	values := map[string]any{}
	if flags == nil {
		return values
	}
	for _, s := range settings() {
		if s.flag == "" || !flags.Changed(s.flag) {
			continue
		}
		if list, err := flags.GetStringSlice(s.flag); err == nil {
			values[s.key] = list
			continue
		}
		values[s.key] = flags.Lookup(s.flag).Value.String()
	}
	return values
}

// addFlags gives flags one flag per setting that has one.
func addFlags(flags *pflag.FlagSet) { addSomeFlags(flags, func(setting) bool { return true }) }

// addSomeFlags is addFlags for the settings that a verb takes.
func addSomeFlags(flags *pflag.FlagSet, takes func(setting) bool) {
	for _, s := range settings() {
		if s.flag == "" || !takes(s) {
			continue
		}
		about := firstSentence(s.about)
		switch def := s.def.(type) {
		case string:
			flags.String(s.flag, def, about)
		case bool:
			flags.Bool(s.flag, def, about)
		case int:
			flags.Int(s.flag, def, about)
		case []string:
			flags.StringSlice(s.flag, def, about)
		}
	}
}

// firstSentence cuts about for a flag's one line.
func firstSentence(about string) string {
	first, _, _ := strings.Cut(about, ". ")
	return strings.TrimSuffix(first, ".")
}

// suggestion names the candidate nearest to word, if one is near.
func suggestion(word string, candidates []string) string {
	best, distance := "", 1+len(word)/2
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return "; `meshfocus config print` lists what there is"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance counts the insertions, deletions and replacements between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
