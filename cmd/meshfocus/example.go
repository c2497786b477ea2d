package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// writeYAML writes every setting as YAML, in the order of the table, with what
// note says of it as comment above and value as value.
func writeYAML(w io.Writer, note func(setting) string, value func(setting) string) error {
	var out strings.Builder
	group := ""
	for _, s := range settings() {
		name, indent := s.key, ""
		if g, rest, nested := strings.Cut(s.key, "."); nested {
			if g != group {
				fmt.Fprintf(&out, "\n%s:\n", g)
				group = g
			}
			name, indent = rest, "  "
		}
		for line := range strings.SplitSeq(wrap(note(s), 76-len(indent)), "\n") {
			fmt.Fprintf(&out, "%s# %s\n", indent, line)
		}
		fmt.Fprintf(&out, "%s%s: %s\n", indent, name, value(s))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// writeExample writes the commented example file: every setting, its default.
func writeExample(w io.Writer) error {
	fmt.Fprint(w, "# Every setting of meshfocus with its default. Nothing here is needed: an empty\n# file, or none, runs. Environment variables go before this file, flags before both.\n\n")
	return writeYAML(w,
		func(s setting) string { return s.about + " Environment: " + s.environment() + "." },
		func(s setting) string { return yamlValue(s.def) })
}

// writeEffective writes what is in force, where each value came from, and
// hides secrets.
func (l loaded) writeEffective(w io.Writer) error {
	return writeYAML(w,
		func(s setting) string { return "from " + string(l.origins[s.key]) },
		func(s setting) string {
			value := l.values.Get(s.key)
			if s.secret && yamlValue(value) != `""` && yamlValue(value) != "[]" {
				return "(hidden)"
			}
			return yamlValue(value)
		})
}

// yamlValue writes a scalar or a list of strings in flow form.
func yamlValue(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case []any:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = fmt.Sprintf("%q", fmt.Sprint(s))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// wrap breaks text at spaces into lines of at most width characters.
func wrap(text string, width int) string {
	var out strings.Builder
	length := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case length+1+utf8.RuneCountInString(word) > width:
			out.WriteByte('\n')
			length = 0
		default:
			out.WriteByte(' ')
			length++
		}
		out.WriteString(word)
		length += utf8.RuneCountInString(word)
	}
	return out.String()
}
