package table

import (
	"cmp"
	"slices"

	"meshfocus/bench/congestion"
)

// Ours is the name of what is judged; the others are there to compare.
const Ours = "ours"

// Run is one run of one controller.
type Run struct {
	Controller string `json:"controller"`
	congestion.Result
}

// Row is one goal and what controllers came to, in the order of Controllers.
type Row struct {
	congestion.Goal
	Varied   bool
	Verdicts []Verdict
}

// Verdict is what one controller came to; Seeds is 0 if it was not played.
type Verdict struct{ congestion.Verdict }

// Word names the verdict; there is none where nothing is demanded.
func (v Verdict) Word() string {
	switch {
	case v.Seeds == 0 || v.Median < 0 && v.Worst < 0:
		return ""
	case !v.Held:
		return "LOST"
	case !v.Reached:
		return "above worst"
	}
	return "goal"
}

// Controllers gives who was played, ours first, the others as they came.
func Controllers(runs []Run) (names []string) {
	for i := range runs {
		if !slices.Contains(names, runs[i].Controller) {
			names = append(names, runs[i].Controller)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return names
}

func rank(controller string) int {
	if controller == Ours {
		return 0
	}
	return 1
}

// Rows judges runs: all goals of the cases that were played, case by case, and
// behind the plain schedule the varied ones.
func Rows(runs []Run) (rows []Row) {
	names := Controllers(runs)
	for at, controller := range names {
		for _, varied := range []bool{false, true} {
			for _, v := range congestion.Judge(of(runs, controller, varied)) {
				i := slices.IndexFunc(rows, func(r Row) bool { return r.Goal == v.Goal && r.Varied == varied })
				if i < 0 {
					i = len(rows)
					rows = append(rows, Row{Goal: v.Goal, Varied: varied, Verdicts: make([]Verdict, len(names))})
				}
				rows[i].Verdicts[at] = Verdict{v}
			}
		}
	}
	var cases []string
	for i := range rows {
		if !slices.Contains(cases, rows[i].Case) {
			cases = append(cases, rows[i].Case)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(slices.Index(cases, a.Case), slices.Index(cases, b.Case)), cmp.Compare(truth(a.Varied), truth(b.Varied)))
	})
	return rows
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// of gives the results of a controller on plain or on varied schedules.
func of(runs []Run, controller string, varied bool) (results []congestion.Result) {
	for i := range runs {
		if runs[i].Controller == controller && runs[i].Varied == varied {
			results = append(results, runs[i].Result)
		}
	}
	return results
}

// Tally counts the rows of a controller by verdict.
type Tally struct{ Goal, Above, Lost int }

// Count gives the tally of the controller at a place among Controllers.
func Count(rows []Row, at int) (t Tally) {
	for i := range rows {
		switch rows[i].Verdicts[at].Word() {
		case "goal":
			t.Goal++
		case "above worst":
			t.Above++
		case "LOST":
			t.Lost++
		}
	}
	return t
}
