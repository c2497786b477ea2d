package table

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"meshfocus/bench/congestion"
)

func TestDraw_IsAPictureOfAllFlows(t *testing.T) {
	r := Run{Controller: Ours, Result: congestion.Result{Case: "5.4", Seed: 7}}
	for flow := range 3 {
		c := congestion.Curve{Flow: flow}
		for k := range 600 {
			c.Points = append(c.Points, congestion.Point{T: float64(k) / 10, Capacity: 2000, Achievable: 700, Received: 650, Queue: 30, Dropped: k / 599})
		}
		r.Curves = append(r.Curves, c)
	}
	var out bytes.Buffer
	if err := Draw(&out, "loss < 1 & \"more\"", &r); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for part, want := range map[string]int{
		"loss &lt; 1 &amp;": 2, ">flow 1<": 1, ">flow 3<": 1, "<polyline": 3 + 3, // flows; link, achievable and queue
		"achievable\" points": 1, ">60 s<": 0, ">50 s<": 1, "2.4 Mbit/s": 1,
	} {
		if got := strings.Count(text, part); got != want {
			t.Errorf("%q stands there %d times, want %d", part, got, want)
		}
	}
	for words := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := words.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if strings.Contains(text, "ZgotmplZ") {
		t.Error("the template left something out")
	}
}

func TestDraw_RefusesARunWithoutCurves(t *testing.T) {
	err := Draw(io.Discard, "", &Run{Result: congestion.Result{Case: "5.1", Seed: 3}})
	if err == nil || !strings.Contains(err.Error(), "5.1, seed 3, has no curves") {
		t.Errorf("it says %v", err)
	}
}
