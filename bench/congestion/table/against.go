package table

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"

	"meshfocus/bench/plot"
)

// Held is a case of which two or more ways to play it are held against each other.
type Held struct {
	Name, About string
	// Notes are words beside the figures.
	Notes []string
	Rows  []HeldRow
	// Word is the verdict; Lost: it is a bad one.
	Word string
	Lost bool
}

// HeldRow is one figure: a cell for each of the names, and what is thought of it.
type HeldRow struct {
	Title string
	Cells []string
	Word  string
	Lost  bool
}

//go:embed against.html
var againstText string

var against = template.Must(template.New("against").Parse(againstText))

// Against writes a page about cases: rows, and the curves of the runs, whose Controller is one
// of names and whose Case that of a Held.
func Against(w io.Writer, names []string, held []Held, runs []Run, made string) error {
	curves, err := json.Marshal(charts(runs, names))
	if err != nil {
		return err
	}
	return against.Execute(w, map[string]any{
		"Names": names, "Held": held, "Made": made,
		// All of it is ours or vendored; JSON has < escaped.
		"Style": plot.Style(), "Plot": plot.Script(), "Script": template.JS(pageScript),
		"Curves": template.JS(curves), "Licence": plot.Licence(),
	})
}
