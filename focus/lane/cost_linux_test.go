package lane

import (
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"

	"meshfocus/focus/transport/srtp"
)

func TestForward_AllocatesNothing(t *testing.T) {
	if raceful {
		t.Skip("the race detector allocates")
	}
	r := newRig(t, 20, srtp.AES128GCM)
	const warm, measured, burst = 400, 200, 8
	r.prepare(true, 1, burst)
	r.prepare(false, warm+measured, burst)
	for range warm + 1 {
		r.turn(1)
	}
	r.drain()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range measured {
		r.turn(1)
	}
	runtime.ReadMemStats(&after)
	packets := measured * burst * len(r.watchers)
	if sent := r.lane.Stats().Packets; sent < uint64(packets) {
		t.Fatalf("only %d packets left", sent)
	}
	// The runtime's own goroutines may allocate now and then.
	if mallocs := after.Mallocs - before.Mallocs; mallocs > 20 {
		t.Errorf("%d allocations for %d packets", mallocs, packets)
	}
}

// TestEnd_IsSmall counts what a subscriber of one video track costs, with all it
// needs to send again and to match feedback.
func TestEnd_IsSmall(t *testing.T) {
	if raceful {
		t.Skip("the race detector takes memory")
	}
	r := newRig(t, 0, srtp.AES128GCM)
	before := inUse()
	const watchers, most = 100, 375_000
	for i := range watchers {
		r.watch(srtp.AES128GCM, i)
	}
	r.prepare(true, 1, 8)
	r.prepare(false, 300, 8)
	for range 301 {
		r.turn(1)
	}
	r.prepared = nil
	if each := (inUse() - before) / watchers; each > most {
		t.Errorf("a subscriber takes %d bytes", each)
	} else {
		t.Logf("a subscriber takes %d bytes", each)
	}
	runtime.KeepAlive(r)
}

func inUse() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

func TestLeaving_IsSmall(t *testing.T) {
	if size := unsafe.Sizeof(leaving{}); size > 24 {
		t.Errorf("%d bytes", size)
	}
}
