package discrete

import (
	"encoding/binary"
	"hash/fnv"

	"meshfocus/internal/unit"
)

// Fate is what became of a packet.
type Fate uint8

// The fates.
const (
	Delivered Fate = iota + 1
	Dropped        // the queue was full
	Lost           // behind the bottleneck
)

// Entry is what a link did with one packet.
type Entry struct {
	Entered unit.Instant // came to the queue
	Left    unit.Instant // its last bit left the bottleneck; never if Dropped
	Arrived unit.Instant // at the end of the wire; never unless Delivered
	Number  int64
	Flow    int32
	Size    int32
	Kind    Kind
	Fate    Fate
	Marked  bool
}

// Log is every packet of a link in the order they came to it. A nil Log keeps
// nothing.
type Log struct{ Entries []Entry }

func (l *Log) add(e Entry) {
	if l != nil {
		l.Entries = append(l.Entries, e)
	}
}

// Hash gives one number for everything that happened: two runs with the same are
// the same run.
func (l *Log) Hash() uint64 {
	sum := fnv.New64a()
	var b [44]byte
	for i := range l.Entries {
		e := &l.Entries[i]
		binary.LittleEndian.PutUint64(b[0:], uint64(e.Entered))
		binary.LittleEndian.PutUint64(b[8:], uint64(e.Left))
		binary.LittleEndian.PutUint64(b[16:], uint64(e.Arrived))
		binary.LittleEndian.PutUint64(b[24:], uint64(e.Number))
		binary.LittleEndian.PutUint32(b[32:], uint32(e.Flow))
		binary.LittleEndian.PutUint32(b[36:], uint32(e.Size))
		b[40], b[41], b[42] = uint8(e.Kind), uint8(e.Fate), 0
		if e.Marked {
			b[42] = 1
		}
		sum.Write(b[:])
	}
	return sum.Sum64()
}
