package scenario

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ErrScenario: a text is not a scenario. The error says where and why.
var ErrScenario = errors.New("not a scenario")

// members of every scenario, and those of each kind: which there have to be, and
// which there may be.
var (
	always = []string{"name", "stands-for", "kind"}
	anyway = []string{"says", "rivals"}
	needed = map[Kind][]string{
		Cost: {"publishers", "subscribers", "rate"}, Capacity: {"publishers", "subscribers", "rate"}, Memory: {"publishers", "subscribers", "rate"},
		Call: {"publishers", "subscribers"}, Mesh: {"parties"}, Messages: {"devices", "rate"}, Storm: {"devices"},
		Relay: {"allocations", "rate"},
	}
	allowed = map[Kind][]string{
		Cost:     {"burst", "cipher", "tick", "lanes", "layers", "lose"},
		Capacity: {"burst", "cipher", "tick", "lanes", "layers", "lose", "sample"},
		Memory:   {"burst", "cipher", "tick", "lanes", "layers", "lose"},
		Call:     {"codec", "source", "sound", "cipher", "lanes", "layers", "scalable", "leave", "change", "speak", "path"},
		Mesh:     {"leave", "delay"},
		Messages: {"delay"}, Storm: {"delay"}, Relay: {"burst"},
	}
)

// Kinds gives all of them.
func Kinds() []Kind { return slices.Sorted(maps.Keys(needed)) }

// Parse reads a scenario. file names the text in errors, which begin with
// file:line:column and are ErrScenario.
func Parse(file string, text []byte) (Scenario, error) {
	s := Scenario{Burst: 1, Lanes: 1, Cipher: GCM}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return s, place(file, err)
	}
	var body ast.Node
	if len(tree.Docs) > 0 {
		body = tree.Docs[0].Body
	}
	document, ok := body.(*ast.MappingNode)
	if !ok {
		return s, fmt.Errorf("%w: %s:1:1: it has to be members such as \"name: mine\"", ErrScenario, file)
	}
	var odd oddities
	if ast.Walk(&odd, document); odd != nil {
		p := odd[0].GetToken().Position
		return s, fmt.Errorf("%w: %s:%d:%d: %s: tags, anchors and aliases have no meaning here", ErrScenario, file, p.Line, p.Column, line(odd[0].String()))
	}
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return s, place(file, err)
	}
	at := make(map[string]*token.Position)
	for _, pair := range document.Values {
		at[pair.Key.String()] = pair.Key.GetToken().Position
	}
	return s, s.check(file, at)
}

// place says where a fault is.
func place(file string, err error) error {
	var fault yaml.Error
	if !errors.As(err, &fault) || fault.GetToken() == nil {
		return fmt.Errorf("%w: %s: %s", ErrScenario, file, line(err.Error()))
	}
	says := line(fault.GetMessage())
	var kind *yaml.TypeError
	if errors.As(err, &kind) && kind.DstType != nil {
		says = fmt.Sprintf("%q is not %s", line(fault.GetToken().Value), called(kind.DstType.Kind()))
	}
	p := fault.GetToken().Position
	return fmt.Errorf("%w: %s:%d:%d: %s", ErrScenario, file, p.Line, p.Column, says)
}

// called says what a value has to be.
func called(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint16, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "members such as \"rate: 10\""
	}
	return "a text"
}

// oddities are what YAML has and scenarios have no use for; the decoder fails on
// some of it in ways of its own.
type oddities []ast.Node

// Visit implements [ast.Visitor].
func (o *oddities) Visit(node ast.Node) ast.Visitor {
	switch node.(type) {
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		*o = append(*o, node)
	}
	return o
}

// line is a text on a line of its own: names of members may be of several.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// check holds what was read against what its kind has, and values against their bounds.
func (s Scenario) check(file string, at map[string]*token.Position) error {
	fail := func(member, format string, arguments ...any) error {
		row, column := 1, 1
		if p := at[member]; p != nil {
			row, column = p.Line, p.Column
		}
		return fmt.Errorf("%w: %s:%d:%d: %s: %s", ErrScenario, file, row, column, member, fmt.Sprintf(format, arguments...))
	}
	if needed[s.Kind] == nil {
		return fail("kind", "%q is none; there are %s", s.Kind, words(Kinds()))
	}
	must := slices.Concat(always, needed[s.Kind])
	for _, member := range must {
		if at[member] == nil {
			return fail(member, "is missing; a scenario of kind %s has %s", s.Kind, words(must))
		}
	}
	may := slices.Concat(must, anyway, allowed[s.Kind])
	for _, member := range slices.Sorted(maps.Keys(at)) {
		if !slices.Contains(may, member) {
			return fail(member, "one of kind %s has none; it may have %s", s.Kind, words(may))
		}
	}
	for _, b := range s.bounds() {
		if at[b.member] != nil && !(b.value >= b.least && b.value <= b.most) {
			return fail(b.member, "%v is not from %v to %v", b.value, b.least, b.most)
		}
	}
	switch {
	case s.Name == "" || strings.ContainsAny(s.Name, " ,/\n"):
		return fail("name", "%q is to be a word without spaces, commas and slashes", s.Name)
	case s.Tick == noTick:
		return fail("tick", "it is a time such as 5ms, or off")
	case s.Sample&(s.Sample-1) != 0:
		return fail("sample", "%d is no power of two", s.Sample)
	case s.Cipher != GCM && s.Cipher != CM:
		return fail("cipher", "%q is none; there are %s and %s", s.Cipher, GCM, CM)
	case s.Speak > 0 && (s.Layers < 3 || s.Publishers < 2 || s.Change > 0 || s.Leave > 0):
		return fail("speak", "it takes two publishers and three layers, and goes with neither change nor leave")
	case s.Source != "" && s.Codec != "":
		return fail("codec", "it is that of the file which source names")
	case s.Scalable && (s.Codec != "vp9" || s.Layers != 3):
		return fail("scalable", "it is three layers of vp9, not %d of %q", s.Layers, s.Codec)
	case s.Source != "" && s.Layers > 1:
		return fail("source", "a file is one layer, not %d", s.Layers)
	case s.Codec != "" && !slices.Contains(codecs, s.Codec):
		return fail("codec", "%q is none; there are %s", s.Codec, words(codecs))
	}
	if err := CheckPath(s.Path); err != nil {
		return fail("path", "%v", err)
	}
	return nil
}

// CheckPath says what of a path cannot be.
func CheckPath(path []Stretch) error {
	for i, p := range path {
		if p.Bandwidth < 0 || p.Delay < 0 || p.Queue < 0 || !(p.Loss >= 0 && p.Loss <= 1) || i > 0 && p.From <= path[i-1].From || i == 0 && p.From != 0 {
			return fmt.Errorf("stretch %d cannot be: the first begins at 0s, each later than the one before, and nothing is below 0", i+1)
		}
	}
	return nil
}

// codecs are those that publishers of a Call have clips of.
var codecs = []string{"vp8", "vp9", "h264", "av1"}

type bound struct {
	member             string
	value, least, most float64
}

// bounds are those of numbers: what a machine can be asked for at all.
func (s Scenario) bounds() []bound {
	seconds := time.Duration.Seconds
	return []bound{
		{"publishers", float64(s.Publishers), 1, 1000}, {"subscribers", float64(s.Subscribers), 1, 100_000},
		{"rate", s.Rate, 0.1, 1e6}, {"burst", float64(s.Burst), 1, 64}, {"lanes", float64(s.Lanes), 1, 1024},
		{"sample", float64(s.Sample), 0, 1 << 16}, {"layers", float64(s.Layers), 1, 3}, {"lose", s.Lose, 0, 0.5},
		{"parties", float64(s.Parties), 2, 50}, {"devices", float64(s.Devices), 1, 100_000},
		{"leave", seconds(s.Leave), 0.1, 3600}, {"change", seconds(s.Change), 0.1, 3600}, {"speak", seconds(s.Speak), 0.1, 3600},
		{"delay", seconds(s.Delay), 0, 60}, {"allocations", float64(s.Allocations), 1, 1000},
	}
}

// noTick is what cannot be read; check says where it stands.
const noTick = math.MinInt64

// UnmarshalYAML reads a time or "off".
func (t *Tick) UnmarshalYAML(text []byte) error {
	if word := strings.Trim(strings.TrimSpace(string(text)), `"'`); word == "off" {
		*t = -1
		return nil
	}
	var d time.Duration
	*t = noTick
	if err := yaml.Unmarshal(text, &d); err == nil && d >= 0 {
		*t = Tick(d)
	}
	return nil
}

func words[T ~string](all []T) string {
	parts := make([]string, len(all))
	for i, one := range all {
		parts[i] = string(one)
	}
	return strings.Join(parts, ", ")
}
