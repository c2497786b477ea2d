package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// sample is what a family says of one thing: a value, or a histogram.
type sample struct {
	labels    []string // name, value, …
	value     float64
	histogram *histogram
}

// histogram counts by upper bounds in seconds; the last class has none.
type histogram struct {
	bounds  []float64
	classes []uint64
	sum     time.Duration
}

// family is one metric with all its samples, in Prometheus' text format, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
type family struct {
	name, kind, help string
	samples          []sample
}

// writeFamilies writes those that have samples.
func writeFamilies(w io.Writer, families []family) error {
	var out strings.Builder
	for _, f := range families {
		if len(f.samples) == 0 {
			continue
		}
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", f.name, strings.ReplaceAll(f.help, "\n", " "), f.name, f.kind)
		for _, s := range f.samples {
			if s.histogram != nil {
				s.writeHistogram(&out, f.name)
				continue
			}
			fmt.Fprintf(&out, "%s%s %s\n", f.name, labels(s.labels), number(s.value))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// writeHistogram writes cumulative buckets, sum and count.
func (s sample) writeHistogram(out *strings.Builder, name string) {
	h, count := s.histogram, uint64(0)
	for i, n := range h.classes {
		count += n
		bound := "+Inf"
		if i < len(h.bounds) {
			bound = number(h.bounds[i])
		}
		fmt.Fprintf(out, "%s_bucket%s %d\n", name, labels(append(s.labels[:len(s.labels):len(s.labels)], "le", bound)), count)
	}
	fmt.Fprintf(out, "%s_sum%s %s\n%s_count%s %d\n", name, labels(s.labels), number(h.sum.Seconds()), name, labels(s.labels), count)
}

// labels writes names and values, "" without any.
func labels(pairs []string) string {
	if len(pairs) == 0 {
		return ""
	}
	var written []string
	for i := 0; i+1 < len(pairs); i += 2 {
		written = append(written, pairs[i]+`="`+labelEscapes.Replace(pairs[i+1])+`"`)
	}
	return "{" + strings.Join(written, ",") + "}"
}

// labelEscapes are all that the format has.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
