package table

import (
	"math"

	"meshfocus/bench/congestion"
)

// glance is one case in the page's first table.
type glance struct {
	Name, About string
	Each        []seen // in the order of Controllers
}

// seen is what one controller did in a case, without its varied schedules: medians of
// what tells most at once, and its worst verdict.
type seen struct {
	Used, Waited string // "–" where the case does not measure it
	Share        int    // of what can be used, 0 to 100, for a bar
	Class, Word  string
}

// glances gives a line for each case.
func glances(runs []Run, rows []Row, about map[string]string) (found []glance) {
	names := Controllers(runs)
	for _, s := range sections(rows, about) {
		g := glance{Name: s.Name, About: s.About, Each: make([]seen, len(names))}
		for at, name := range names {
			g.Each[at] = look(runs, s.Name, name)
			g.Each[at].judge(s.Rows, at)
		}
		found = append(found, g)
	}
	return found
}

// look takes the medians of a controller's runs.
func look(runs []Run, name, controller string) seen {
	s := seen{Used: "–", Waited: "–"}
	for i := range runs {
		r := &runs[i]
		if r.Case != name || r.Controller != controller || r.Varied {
			continue
		}
		if used := median(runs, r, congestion.Utilisation); !math.IsNaN(used) {
			s.Used, s.Share = figureText(used), int(math.Round(100*min(max(used, 0), 1)))
		}
		if waited := median(runs, r, congestion.Queue95); !math.IsNaN(waited) {
			s.Waited = figureText(waited) + " ms"
		}
		break
	}
	return s
}

// judge takes the worst verdict of a case's rows.
func (s *seen) judge(rows []Row, at int) {
	for i := range rows {
		switch v := rows[i].Verdicts[at]; v.Class() {
		case "lost":
			s.Class, s.Word = v.Class(), v.Word()
			return
		case "above":
			s.Class, s.Word = v.Class(), v.Word()
		case "goal":
			if s.Class == "" {
				s.Class, s.Word = v.Class(), v.Word()
			}
		}
	}
}
