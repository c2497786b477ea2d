package lane

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/trace"
	"meshfocus/internal/unit"
)

// Traces are turned on in the middle of a call, while its link falls and comes back.
// What was kept gives the same decisions when it is told again, and is the same to the
// last byte; and the call goes on as it would have.
func TestKeep_ReplaysTheMiddleOfACall(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "traces")
	store := trace.New(trace.Config{Folder: folder})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = store.Run(ctx) }()
	defer func() { stop(); <-done }()

	s, plain := newStreet(t, 11), newStreet(t, 11)
	s.lane.config.Traces = store
	each := func(capacity unit.BitRate, d time.Duration) {
		for _, s := range []*street{s, plain} {
			s.capacity = capacity
			s.run(d)
		}
	}
	each(3*unit.Megabit, 4*time.Second)
	if s.end.out.way.keeping.tape != nil {
		t.Fatal("nobody wants traces yet")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if tape := store.Begin(99); tape != nil { // the folder has been found
			tape.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the folder is not found")
		}
	}
	each(3*unit.Megabit, 2*time.Second)
	each(700*unit.Kilobit, 3*time.Second)
	each(3*unit.Megabit, 4*time.Second)
	if a, b := s.end.out.way.path.Estimate(), plain.end.out.way.path.Estimate(); a != b || len(s.numbers) != len(plain.numbers) {
		t.Errorf("being traced makes a difference: %d packets and %+v, not %d and %+v", len(s.numbers), a, len(plain.numbers), b)
	}
	s.close(false)
	plain.close(false)
	stop()
	<-done
	names, _ := filepath.Glob(filepath.Join(folder, "*.trace.gz"))
	if len(names) != 1 {
		t.Fatalf("there are %v", names)
	}
	replayed(t, names[0])
}

func replayed(t *testing.T, name string) {
	t.Helper()
	packed, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	reports, probes, chosen := 0, 0, 0
	reasons := make(map[bwe.Reason]bool)
	for step, err := range bwe.Replay(bytes.NewReader(kept)) {
		if err != nil {
			t.Fatal(err)
		}
		if names := step.Differs(); len(names) > 0 || step.Strange {
			t.Fatalf("line %d: %s: %v", step.Line, step.Do, names)
		}
		if step.Do == "report" {
			reports++
		}
		if step.Probe.Rate > 0 {
			probes++
		}
		chosen += len(step.Chosen)
		reasons[step.Now.Reason] = true
	}
	if reports < 150 || probes == 0 || chosen < 2 || !reasons[bwe.Cut] || !reasons[bwe.Proved] {
		t.Errorf("%d reports, %d probes, %d layers, %v", reports, probes, chosen, reasons)
	}
	var again bytes.Buffer
	if err := bwe.Again(&again, bytes.NewReader(kept)); err != nil || !bytes.Equal(again.Bytes(), kept) {
		t.Errorf("told again it is another trace: %v", err)
	}
}
