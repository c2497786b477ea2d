package main

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/lane"
)

// scrape reads /metrics: each line's value by all that is before it.
func scrape(t *testing.T, address string) map[string]float64 {
	t.Helper()
	response, err := client().Get(address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return parseMetrics(t, response.Body)
}

// metricLine is a sample of the text format.
var metricLine = regexp.MustCompile(`^([a-z_:][a-z0-9_:]*(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$`)

func parseMetrics(t *testing.T, from io.Reader) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		found := metricLine.FindStringSubmatch(lines.Text())
		if found == nil {
			t.Fatalf("%q is no sample", lines.Text())
		}
		value, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := values[found[1]]; twice {
			t.Errorf("%s is told twice", found[1])
		}
		values[found[1]] = value
	}
	return values
}

// took adds up what a side's stages took in all lanes, and what it took as a whole.
func took(values map[string]float64, side lane.Side) (stages, whole float64) {
	for name, value := range values {
		if !strings.Contains(name, `side="`+side.String()+`"`) {
			continue
		}
		switch {
		case strings.HasPrefix(name, "meshfocus_lane_stage_seconds_sum"):
			stages += value
		case strings.HasPrefix(name, "meshfocus_lane_side_seconds_sum"):
			whole += value
		}
	}
	return stages, whole
}

// In a daemon that runs, what the stages of a packet's way take adds up to what it
// takes as a whole. A machine that is busy may take a core away between two stages, so
// it is what was timed since the last look that has to add up, at some look.
func TestMetrics_StagesAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	address, stop := startServe(t, "--forward")
	before := map[string]float64{}
	for side := range lane.Sides {
		eventually(t, time.Minute, "the stages of "+side.String()+" add up", func() bool {
			now := scrape(t, address)
			stages, whole := took(now, side)
			earlierStages, earlierWhole := took(before, side)
			stages, whole = stages-earlierStages, whole-earlierWhole
			if whole > 0 {
				t.Logf("%s: %.1f of %.1f µs", side, 1e6*stages, 1e6*whole)
				before = now
			}
			return whole > 0 && math.Abs(stages-whole) < whole/10
		}, func() string { return "" })
		before = map[string]float64{}
	}
	forwardsTheCard(t, address)
	stop()
}

// forwardsTheCard looks at what the status says of a daemon that forwards the lobby.
func forwardsTheCard(t *testing.T, address string) {
	t.Helper()
	why := func() string { text, _ := json.Marshal(getStatus(t, address)); return string(text) }
	eventually(t, time.Minute, "the status shows the card's picture and sound", func() bool {
		status, kinds := getStatus(t, address), map[string]bool{}
		for _, session := range status.Forwarding.Sessions {
			for _, party := range session.Parties {
				for _, track := range party.Sends {
					arrives := party.State == "connected" && track.ArrivesBitsPerSecond > 10_000 && len(track.Layers) == 1
					kinds[track.Kind] = kinds[track.Kind] || arrives
				}
			}
		}
		for _, party := range status.Parties {
			for _, link := range party.Links {
				kinds["link"] = kinds["link"] || party.Role == focusUser && link.InBitsPerSecond > 10_000 && len(link.Media) == 2
			}
		}
		return kinds["audio"] && kinds["video"] && kinds["link"]
	}, why)
	if values := scrape(t, address); values["meshfocus_forward_tracks"] != 2 || values["meshfocus_forward_sessions"] < 1 {
		t.Errorf("tracks %v, sessions %v", values["meshfocus_forward_tracks"], values["meshfocus_forward_sessions"])
	}
}

func TestMetrics_AreInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	address, stop := startServe(t, "--forward", "--lobby=false", "--relay-listen", "127.0.0.1:0")
	defer stop()
	name := regexp.MustCompile(`^meshfocus_[a-z_]*[a-z]`)
	told := map[string]bool{}
	for sample := range scrape(t, address) {
		family := name.FindString(sample)
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			family = strings.TrimSuffix(family, suffix)
		}
		told[family] = true
		if !strings.Contains(string(page), "`"+family+"`") {
			t.Errorf("docs/metrics.md does not say what %s is", family)
		}
	}
	for _, family := range regexp.MustCompile("`(meshfocus_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !told[family[1]] {
			t.Errorf("docs/metrics.md speaks of %s, which nobody tells", family[1])
		}
	}
}

func TestHistogram_IsCumulativeAndEscaped(t *testing.T) {
	var out strings.Builder
	err := writeFamilies(&out, []family{
		{"a_seconds", "histogram", "What it\ntakes.", []sample{{labels: []string{"of", "\"x\\\n"}, histogram: &histogram{
			bounds: []float64{0.5, 1}, classes: []uint64{1, 2, 4}, sum: 3 * time.Second,
		}}}},
		{"nothing", "gauge", "Is not told.", nil},
	})
	const want = "# HELP a_seconds What it takes.\n# TYPE a_seconds histogram\n" +
		`a_seconds_bucket{of="\"x\\\n",le="0.5"} 1` + "\n" + `a_seconds_bucket{of="\"x\\\n",le="1"} 3` + "\n" +
		`a_seconds_bucket{of="\"x\\\n",le="+Inf"} 7` + "\n" + `a_seconds_sum{of="\"x\\\n"} 3` + "\n" + `a_seconds_count{of="\"x\\\n"} 7` + "\n"
	if err != nil || out.String() != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, out.String(), want)
	}
}
