package table

import (
	"fmt"
	"io"

	"meshfocus/bench/congestion"
)

// New counts the bars that ours has lost and that are not known to be lost
// (congestion.KnownLost), and says of each lost bar which it is, and of each known one
// that is held now that it is to come off the list.
func New(w io.Writer, rows []Row) (count int, err error) {
	say := func(format string, arguments ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", arguments...)
		}
	}
	for i := range rows {
		r := &rows[i]
		known := congestion.FindKnown(r.Goal, r.Varied)
		switch lost := r.Verdicts[0].Word() == "LOST"; {
		case lost && known == nil:
			count++
			say("newly lost: %s %s, %s", r.Title(), r.Metric, r.Verdicts[0].Figures())
		case lost:
			say("lost, known since %s: %s %s: %s", known.Since, r.Title(), r.Metric, known.Why)
		case known != nil:
			say("held, and to be taken off the list of known ones: %s %s", r.Title(), r.Metric)
		}
	}
	return count, err
}
