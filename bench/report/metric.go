package report

import (
	"fmt"
	"slices"
)

// Metric is a figure of a round, as files name it. Units stand in the names.
type Metric string

// The metrics. Parts are of 1.
const (
	Seconds   Metric = "seconds"   // measured
	Sent      Metric = "sent"      // packets of all publishers
	Forwarded Metric = "forwarded" // packets, as subscribers got them
	Loss      Metric = "loss"      // part that did not arrive

	// Of servers that forward.
	CPUMicros    Metric = "cpu_us"    // processor time of a forwarded packet
	UserMicros   Metric = "user_us"   // of it outside of the kernel
	SystemMicros Metric = "system_us" // of it in the kernel, to the receiver's socket
	MemoryKB     Metric = "memory_kB" // resident, 1000 bytes, of one subscriber
	Allocations  Metric = "allocations"
	PerSecond    Metric = "packets_per_second" // the most that arrive without loss
	Repaired     Metric = "repaired"           // part of what was asked for that came again
	Feedback     Metric = "feedback_per_second"
	EnterSeconds Metric = "entered_s" // of a crowd, from the first asking until all of it receive

	// Latency, one way, of whatever a scenario sends: packets, messages.
	P50Micros  Metric = "p50_us"
	P95Micros  Metric = "p95_us"
	P99Micros  Metric = "p99_us"
	P999Micros Metric = "p999_us"
	// RoundTrip is median, over connections, to the server and back.
	RoundTrip Metric = "rtt_us"

	// Of who joins and looks.
	JoinMillis       Metric = "join_ms"        // median from asking to media that can flow
	FirstFrameMillis Metric = "first_frame_ms" // median from asking to the first picture
	SwitchMillis     Metric = "switch_ms"      // median from somebody's beginning to speak until their large picture
	Freezes          Metric = "freezes_per_minute"
	Frozen           Metric = "frozen"    // part of the time
	Layer            Metric = "layer"     // mean of what was shown, 0 the smallest
	Concealed        Metric = "concealed" // part of the sound that a receiver had to make up

	// Of meshes.
	ConnectedMillis Metric = "connected_ms" // from the first join until all pairs are
	PairMillis      Metric = "pair_ms"      // median from seeing a member to its connection
	Messages        Metric = "messages_per_pair"
	MessageBytes    Metric = "bytes_per_pair"
	PartyMB         Metric = "party_MB" // heap and stacks of a participant
	PartyCPU        Metric = "party_cpu"

	// Of homeservers.
	Delivered     Metric = "messages_per_second"
	MessageMicros Metric = "message_cpu_us"  // processor time of a message that arrived
	HomeMB        Metric = "homeserver_MB"   // resident
	Limited       Metric = "limited"         // part of the requests that came too soon, as it said
	Failed        Metric = "failed_requests" // how many were answered by other errors, and came again
	Present       Metric = "present"         // part of those who joined at once that were let in and saw all others who were

	// Of two machines: how far the clock of subscribers was ahead of that of publishers,
	// and by how much latencies may be wrong by that, either way.
	ClockOffsetMillis Metric = "clock_offset_ms"
	ClockBoundMillis  Metric = "clock_bound_ms"

	// How the generator did, and what the servers' cores did besides.
	LateMicros      Metric = "generator_late_p99_us"
	GeneratorMicros Metric = "generator_cpu_us" // processor time of the generator, of a packet that subscribers got
	Skipped         Metric = "generator_skipped"
	GeneratorCPU    Metric = "generator_cpu" // part of the time of its cores
	Overflowed      Metric = "generator_overflowed"
	GeneratorKB     Metric = "generator_kB" // resident, 1000 bytes, of one subscriber on the generator's side
	Others          Metric = "core_others"
	Steal           Metric = "core_steal"
	Load            Metric = "machine_load" // processes that ran or waited to, over the last minute
)

// Meaning says how a Metric is shown.
type Meaning struct {
	Metric Metric
	Says   string // in a table: "p99 ms"
	// Times is what a value is multiplied with to be shown, Digits those behind its point.
	Times  float64
	Digits int
	// Better tells which way is better, Neither where none is.
	Better Better
}

// Better is which way a figure is to go.
type Better int8

// The ways.
const (
	Neither Better = iota
	Less
	More
)

// meanings is in the order in which tables show them.
var meanings = []Meaning{
	{JoinMillis, "join ms", 1, 0, Less},
	{FirstFrameMillis, "first frame ms", 1, 0, Less},
	{SwitchMillis, "switch ms", 1, 0, Less},
	{ConnectedMillis, "all connected ms", 1, 0, Less},
	{PairMillis, "pair ms", 1, 0, Less},
	{Messages, "messages/pair", 1, 1, Less},
	{MessageBytes, "kB/pair", 1e-3, 1, Less},
	{Delivered, "messages/s", 1, 0, More},
	{MessageMicros, "CPU µs/message", 1, 0, Less},
	{CPUMicros, "CPU µs/packet", 1, 2, Less},
	{UserMicros, "user µs/packet", 1, 2, Neither}, // a sample of 250 a second divides the two
	{SystemMicros, "system µs/packet", 1, 2, Neither},
	{P50Micros, "p50 ms", 1e-3, 2, Less},
	{P95Micros, "p95 ms", 1e-3, 2, Less},
	{P99Micros, "p99 ms", 1e-3, 2, Less},
	{P999Micros, "p99.9 ms", 1e-3, 2, Less},
	{RoundTrip, "server RTT ms", 1e-3, 2, Less},
	{ClockBoundMillis, "latency known to ± ms", 1, 3, Less},
	{Loss, "loss %", 100, 3, Less},
	{Repaired, "repaired %", 100, 0, More},
	{Freezes, "freezes/min", 1, 2, Less},
	{Frozen, "frozen %", 100, 2, Less},
	{Layer, "layer shown", 1, 2, More},
	{Concealed, "sound missing %", 100, 2, Less},
	{PerSecond, "most packets/s", 1, 0, More},
	{MemoryKB, "kB/subscriber", 1, 0, Less},
	{PartyMB, "MB/party", 1, 1, Less},
	{PartyCPU, "core %/party", 100, 1, Less},
	{HomeMB, "homeserver MB", 1, 0, Less},
	{Present, "came in %", 100, 0, More},
	{Limited, "refused as too soon %", 100, 1, Less},
	{Failed, "failed requests", 1, 0, Less},
	{Allocations, "allocations/packet", 1, 3, Less},
	{EnterSeconds, "all in s", 1, 1, Neither}, // handshakes are the generator's work as well
	{Sent, "sent", 1, 0, Neither},
	{Forwarded, "forwarded", 1, 0, Neither},
	{Feedback, "feedback/s", 1, 0, Neither},
	{Seconds, "measured s", 1, 1, Neither},
	{ClockOffsetMillis, "clocks apart ms", 1, 3, Neither},
	{LateMicros, "generator late p99 ms", 1e-3, 2, Neither},
	{GeneratorMicros, "generator CPU µs/packet", 1, 2, Neither},
	{Skipped, "generator skipped", 1, 0, Neither},
	{GeneratorCPU, "generator's cores %", 100, 0, Neither},
	{Overflowed, "generator overflowed", 1, 0, Neither},
	{GeneratorKB, "generator kB/subscriber", 1, 0, Neither},
	{Others, "others on the core %", 100, 1, Neither},
	{Steal, "steal %", 100, 1, Neither},
	{Load, "load of the machine", 1, 1, Neither},
}

// Meanings gives all of them, in the order of tables.
func Meanings() []Meaning { return slices.Clone(meanings) }

// MeaningOf gives that of a metric; of one that is unknown, its name.
func MeaningOf(m Metric) Meaning {
	for _, meaning := range meanings {
		if meaning.Metric == m {
			return meaning
		}
	}
	return Meaning{Metric: m, Says: string(m), Times: 1, Digits: 2}
}

// known: this version has a meaning for a metric.
func known(m Metric) bool {
	return slices.ContainsFunc(meanings, func(meaning Meaning) bool { return meaning.Metric == m })
}

// Show writes a value as it is shown, without its unit.
func (m Meaning) Show(value float64) string { return fmt.Sprintf("%.*f", m.Digits, value*m.Times) }
