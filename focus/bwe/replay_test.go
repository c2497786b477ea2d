package bwe

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// recorded has an estimator on a path of 1 Mbit/s for some seconds, with a fall
// to half in between, and gives what was noted from a moment on.
func recorded(t testing.TB, from time.Duration) []byte {
	t.Helper()
	e, r := New(Config{Weight: 2}), &Recorder{}
	begin := unit.Instant(time.Hour).Add(from)
	if from == 0 {
		e.Record(r)
	}
	e.Demand(2 * unit.Megabit)
	var (
		trace   bytes.Buffer
		flying  []Acknowledged
		free    unit.Instant
		tag     uint8
		left    int
		rate    = unit.Megabit
		capable = rate
	)
	reported := unit.Instant(time.Hour)
	for now := reported; now < unit.Instant(time.Hour+8*time.Second); now = now.Add(5 * time.Millisecond) {
		if now == begin && from > 0 {
			e.Record(r)
		}
		if now > unit.Instant(time.Hour+4*time.Second) {
			capable = rate / 2
		}
		if !now.Before(e.Next()) {
			e.Tick(now)
		}
		if probe, ok := e.Probe(now); ok {
			tag, left = probe.Tag, probe.Bytes
		}
		for budget := e.Estimate().Pace.Bytes(5 * time.Millisecond); budget > 0; budget -= 600 {
			e.Backlog(budget)
			e.Sent(600, tag, now)
			free = max(free, now).Add(capable.Duration(600))
			flying = append(flying, Acknowledged{Number: int64(len(flying)), Left: now, At: time.Duration(free) + 50*time.Millisecond, Size: 600, Tag: tag, Fate: history.Received})
			if left -= 600; left <= 0 {
				tag = 0
			}
		}
		if now.Sub(reported) >= 50*time.Millisecond {
			reported = now
			came := 0
			for came < len(flying) && flying[came].At < time.Duration(now) {
				flying[came].Number = int64(trace.Len()) + int64(came) // they only have to rise
				came++
			}
			e.Report(flying[:came], now)
			flying = flying[came:]
			trace.Write(r.Take())
		}
	}
	end := unit.Instant(time.Hour + 8*time.Second)
	e.Moved(end)
	e.Couple(e.Estimate().Rate/2, e.Estimate().Rate, end)
	r.Chose([]Choice{{Key: 7, Spatial: 1, Temporal: 2, Rate: 500 * unit.Kilobit, Reason: "unproven"}, {Key: 8, Spatial: -1, Temporal: -1, Reason: "paused"}}, end)
	trace.Write(r.Take())
	return trace.Bytes()
}

func TestReplay_DecidesTheSameAgain(t *testing.T) {
	for from, least := range map[time.Duration]int{0: 100, 3 * time.Second: 60} {
		trace := recorded(t, from)
		reports, changes, probes := 0, 0, 0
		var last Step
		for step, err := range Replay(bytes.NewReader(trace)) {
			if err != nil {
				t.Fatal(err)
			}
			if names := step.Differs(); len(names) > 0 || step.Strange {
				t.Fatalf("line %d, %s: %v: %+v, was %+v", step.Line, step.Do, names, step.Now, step.Recorded)
			}
			if step.Do == "report" {
				reports++
			}
			if step.Changed {
				changes++
			}
			if step.Probe.Rate > 0 {
				probes++
			}
			last = step
		}
		if reports < least || changes < 50 || probes == 0 {
			t.Errorf("from %v: %d reports, %d changes, %d probes", from, reports, changes, probes)
		}
		if last.Do != "chose" || len(last.Chosen) != 2 || last.Chosen[0].Reason != "unproven" || last.Chosen[1].Spatial != -1 {
			t.Errorf("from %v: the last is %+v", from, last)
		}
		var again bytes.Buffer
		if err := Again(&again, bytes.NewReader(trace)); err != nil || !bytes.Equal(again.Bytes(), trace) {
			t.Errorf("from %v: told again it is another trace: %v", from, err)
		}
	}
}

// An estimator is made of what a trace can say: numbers, truths and arrays of them.
// Each of its fields comes back.
func TestState_IsWhole(t *testing.T) {
	e := New(Config{})
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(open(v.Field(i)))
			}
		case reflect.Array:
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Float64:
			v.SetFloat(1 / float64(n))
		case reflect.Uint8:
			v.SetUint(uint64(n % 200))
		case reflect.Int, reflect.Int8, reflect.Int64:
			v.SetInt(int64(n) - 40)
		default:
			t.Fatalf("a trace cannot say a %v", v.Kind())
		}
	}
	e.parts(func(_ string, v reflect.Value) { fill(v) })
	state := appendState(nil, e)
	text, sums, _ := bytes.Cut(bytes.TrimPrefix(state, []byte(`,"state":`)), []byte(`,"shape":`))
	_, sum, _ := bytes.Cut(sums, []byte(`,"sum":`))
	number, err := strconv.ParseInt(string(sum), 10, 64)
	if err != nil {
		t.Fatalf("%v in %s", err, state)
	}
	back := New(Config{})
	if err := back.restore(text, number); err != nil {
		t.Fatal(err)
	}
	if *back != *e {
		t.Errorf("%+v came back of\n%+v", *back, *e)
	}
	if err := back.restore(text, number+1); err == nil {
		t.Error("a state was taken whose sum is wrong")
	}
}

// A trace of another make of estimator goes on as far as the two have the same fields.
func TestReplay_TakesTheStateOfAnotherMake(t *testing.T) {
	trace := string(recorded(t, 3*time.Second))
	begin, rest, _ := strings.Cut(trace, "\n")
	state := begin[strings.Index(begin, `"state":`)+len(`"state":`) : strings.Index(begin, `,"shape":`)]
	other := strings.Replace(state, `{"demand":`, `{"mood":[1,{"good":true}],"base":5,"demand":`, 1)
	if other == state {
		t.Fatal(begin)
	}
	begin = fmt.Sprintf(`{"do":"begin","version":2,"start":300000,"least":30000,"most":2000000,"weight":1,"state":%s,"shape":1,"sum":%d}`,
		other, crc32.ChecksumIEEE([]byte(other)))
	strange := 0
	for step, err := range Replay(strings.NewReader(begin + "\n" + rest)) {
		if err != nil {
			t.Fatal(err)
		}
		if step.Strange {
			strange++
		}
	}
	if lines := strings.Count(trace, "\n"); strange != lines {
		t.Errorf("%d of %d steps are strange", strange, lines)
	}
}

// Another decision than the recorded one is named, and where.
func TestReplay_NamesWhatDiffers(t *testing.T) {
	trace := bytes.ReplaceAll(recorded(t, 0), []byte(`,600,0,1,0]`), []byte(`,300,0,1,0]`))
	for step, err := range Replay(bytes.NewReader(trace)) {
		if err != nil {
			t.Fatal(err)
		}
		if names := step.Differs(); len(names) > 0 {
			return
		}
	}
	t.Error("half of what came makes no difference")
}

func TestReplay_SaysWhatIsWrongWithALine(t *testing.T) {
	begin := `{"do":"begin","version":1,"start":300000,"least":30000,"most":2000000,"weight":1}` + "\n"
	for trace, want := range map[string]string{
		"":               "the trace is empty",
		"\n":             "line 1: EOF",
		"hello\n":        "line 1: invalid character",
		begin + begin:    `line 2: "begin" is out of place`,
		`{"do":"tick"}`:  `line 1: "tick" is out of place`,
		`{"do":"begin"}`: "line 1: the trace is of version 0; this reads 1 to 2",
		`{"do":"begin","version":2,"state":{"demand":1},"sum":5}`:    "line 1: the state has been changed",
		begin + `{"do":"tick","t":5}` + "\n" + `{"do":"tick","t":4}`: "line 3: the instant 4 is before the line above",
		begin + `{"do":"jump","t":5}`:                                `line 2: nobody does "jump"`,
		begin + `{"do":"tick","t":5,"more":1}`:                       `line 2: json: unknown field "more"`,
		begin + `{"do":"tick","t":5} {}`:                             "line 2: there is more than one value",
		begin + `{"do":"sent","t":5,"size":-1}`:                      "line 2: a size, a tag, a rate",
		begin + `{"do":"report","t":5,"told":[[0,9,0,0,0,1,0]]}`:     "line 2: what was told of packet 1",
		begin + `{"do":"tick","t":5,"decided":{"reason":"luck"}}`:    `line 2: nothing is decided because of "luck"`,
	} {
		var got error
		for _, err := range Replay(strings.NewReader(trace)) {
			got = err
		}
		if got == nil || !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%q: %v, want %q", trace, got, want)
		}
	}
}

func TestRecorder_CostsNothingWhenItIsNotThere(t *testing.T) {
	e := New(Config{})
	now := unit.Instant(time.Hour)
	if allocated := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		e.Backlog(int64(now % 7))
		e.Sent(1000, 0, now)
		e.Tick(now)
	}); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// Whatever a trace says, it is read to its end or refused; nothing else happens,
// and an estimate stays between its bounds.
func FuzzReplay(f *testing.F) {
	// Some lines of each kind out of a trace, behind its beginning, with and without
	// what was known by then; whole ones, for a fuzzer hardly finds the end of one.
	for _, from := range []time.Duration{0, 3 * time.Second} {
		lines := bytes.SplitAfter(recorded(f, from), []byte("\n"))
		begin := lines[0]
		f.Add(bytes.Join(lines[:30], nil))
		f.Add(bytes.Join(append([][]byte{begin}, lines[len(lines)/2:len(lines)/2+30]...), nil))
		f.Add(bytes.Join(append([][]byte{begin}, lines[len(lines)-8:]...), nil))
		short := []byte(`{"do":"begin","version":1,"start":300000,"least":30000,"most":2000000,"weight":1}` + "\n")
		f.Add(bytes.Join(append([][]byte{short}, lines[len(lines)-8:]...), nil))
	}
	f.Add([]byte(`{"do":"begin","version":1,"start":300000,"least":30000,"most":2000000,"weight":1}
{"do":"report","t":3600000000000,"told":[[0,3599999999999,5,1200,0,1,0],[1,3599999999999,0,1200,0,3,1]]}
{"do":"moved","t":3600000000001}
`))
	f.Fuzz(func(t *testing.T, trace []byte) {
		lines := bytes.Count(trace, []byte("\n")) + 1
		for step, err := range Replay(bytes.NewReader(trace)) {
			if step.Line > lines {
				t.Fatalf("line %d of %d", step.Line, lines)
			}
			if err == nil && (step.Now.Rate < 0 || step.Now.Loss != step.Now.Loss) {
				t.Fatalf("line %d: %+v", step.Line, step.Now)
			}
		}
		// What can be told is told the same once more: what Again writes is what it reads.
		var once, twice bytes.Buffer
		if err := Again(&once, bytes.NewReader(trace)); err != nil {
			return
		}
		if err := Again(&twice, bytes.NewReader(once.Bytes())); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("told again it is another trace: %v\n%s\n%s", err, once.Bytes(), twice.Bytes())
		}
	})
}
