package judge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/av1"
	"meshfocus/simulcast/dependency"
	"meshfocus/simulcast/h264"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

// weather is what happens on the way, as chances in a thousand packets or
// pictures. What is lost comes later, unless it is for good.
type weather struct {
	loss, good, reorder, duplicate, padding int
	aim, pause, report                      int
}

var weathers = map[string]weather{
	"calm":   {aim: 60, report: 30},
	"windy":  {loss: 30, reorder: 30, duplicate: 30, padding: 30, aim: 60, pause: 10, report: 30},
	"stormy": {loss: 150, reorder: 150, duplicate: 150, padding: 100, aim: 100, pause: 20, report: 20},
	"broken": {loss: 100, good: 300, reorder: 50, duplicate: 50, padding: 50, aim: 60, pause: 10, report: 20},
}

// travelling is a packet on its way.
type travelling struct {
	*Packet
	stream uint8
	due    int
}

// fate is what became of the packets of one picture, by spatial layers: so many
// left, and so many were not wanted.
type fate struct {
	*Packet
	left, unwanted [3]int
	timestamp      uint32
}

// complete gives the highest spatial layer up to which the picture left whole, -1
// if nothing did, or parts; sure if no more was wanted of it.
func (f *fate) complete() (top int, sure bool) {
	if f.Packet == nil {
		return -1, false
	}
	top, sure = -1, true
	for layer, parts := range f.Parts {
		sure = sure && f.left[layer]+f.unwanted[layer] == parts
		switch {
		case parts == 0 || f.left[layer] == 0:
		case f.left[layer] < parts:
			return -1, false
		default:
			top = layer
		}
	}
	return top, sure
}

// stay is what left of one stream between two switches.
type stay struct {
	stream uint8
	first  int // number of its first picture
	fates  []fate
}

// encoder is what a trial sends: a Sender or a Player.
type encoder interface {
	Next(ticks uint32) []*Packet
	Padding(ticks uint32) *Packet
}

// trial is a publisher of one or three streams behind a network, a subscriber who changes
// its mind, and who receives what leaves.
type trial struct {
	*rand.Rand
	weather
	take
	senders  []encoder
	numbers  []Numbers // what they began with
	states   [3]dependency.State
	teller   dependency.Teller
	source   *simulcast.Source
	output   *simulcast.Output
	receiver *Receiver
	left     bool   // something has left
	newest   uint16 // of the numbers it left with
	now      unit.Instant
	ticks    uint32
	packets  int
	way      []travelling
	stays    []*stay
	padded   map[[2]int]int // packets of padding under way, by stream and picture
}

// take is what a trial is of.
type take struct {
	codec     simulcast.Codec
	recording string // three spatial layers in one stream
	described bool   // dependency descriptors are sent
	deaf      bool   // but the subscriber has not agreed to them
	short     bool   // picture IDs of the smallest layer have seven bits
}

var takes = map[string]take{
	"VP8":                                {codec: simulcast.VP8},
	"VP8 with IDs of 7 bits":             {codec: simulcast.VP8, short: true},
	"VP8 with descriptor":                {codec: simulcast.VP8, described: true},
	"VP8 with descriptor, not agreed to": {codec: simulcast.VP8, described: true, deaf: true},
	"VP9":                                {codec: simulcast.VP9},
	"H264":                               {codec: simulcast.H264},
	"AV1":                                {codec: simulcast.AV1, described: true},
	"AV1, descriptors not agreed to":     {codec: simulcast.AV1, described: true, deaf: true},
	"AV1 without descriptors":            {codec: simulcast.AV1},

	"VP9 L3T3_KEY":                     {codec: simulcast.VP9, recording: "vp9-l3t3-key.rtp", described: true},
	"VP9 L3T3_KEY without descriptors": {codec: simulcast.VP9, recording: "vp9-l3t3-key.rtp"},
	"AV1 L3T3_KEY":                     {codec: simulcast.AV1, recording: "av1-l3t3-key.rtp", described: true},
	"AV1 L3T3":                         {codec: simulcast.AV1, recording: "av1-l3t3.rtp", described: true},
}

// shelf keeps clips and recordings for all tests.
var shelf struct {
	Clips
	recordings map[string]*Recording // guarded by the mutex of Clips
}

func newTrial(t *testing.T, seed uint64, of take, w weather) *trial {
	r := rand.New(rand.NewPCG(seed, 2))
	s := &trial{
		Rand: r, weather: w, take: of, source: simulcast.NewSource(90_000), receiver: NewReceiver(of.codec),
		output: simulcast.NewOutput(uint16(r.Uint32()), r.Uint32()), now: unit.Instant(time.Hour),
		padded: map[[2]int]int{},
	}
	s.receiver.Whole = w.loss+w.reorder+w.duplicate == 0
	for range 3 {
		s.numbers = append(s.numbers, Numbers{
			SSRC: r.Uint32(), Timestamp: r.Uint32() | 0xfff00000, Sequence: uint16(r.Uint32()) | 0xff00,
			PictureID: uint16(r.Uint32())&0x7fff | 0x7f00, TL0: uint8(r.Uint32()), Frame: uint16(r.Uint32()) | 0xff00,
		})
	}
	s.numbers[0].Short = of.short
	if of.recording != "" {
		recording := record(t, of)
		s.senders = []encoder{&Player{Recording: recording, Numbers: s.numbers[0], Described: of.described}}
	} else {
		recipe := Recipe{of.codec, [3]Size{{128, 72}, {192, 108}, {320, 180}}, 48, 16}
		for i, pictures := range shelf.Make(t, recipe) {
			s.senders = append(s.senders, &Sender{
				Codec: of.codec, Pictures: pictures, Size: recipe.Sizes[i], Described: of.described, Numbers: s.numbers[i],
			})
		}
	}
	s.output.Selector.Aim(simulcast.Layer{Spatial: int8(r.IntN(3)), Temporal: int8(r.IntN(4))})
	return s
}

// record gives the recording of a take.
func record(t *testing.T, of take) *Recording {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if shelf.recordings == nil {
		shelf.recordings = map[string]*Recording{}
	}
	if shelf.recordings[of.recording] == nil {
		shelf.recordings[of.recording] = Load(t, of.recording, of.codec)
	}
	return shelf.recordings[of.recording]
}

func (s *trial) chance(thousandth int) bool { return s.IntN(1000) < thousandth }

// run sends pictures of all layers and lets them travel; what is under way at the
// end arrives.
func (s *trial) run(pictures int) {
	const frameTime = time.Second / 30
	for range pictures {
		s.now = s.now.Add(frameTime)
		s.ticks += 3000
		if s.chance(s.aim) {
			s.output.Selector.Aim(simulcast.Layer{Spatial: int8(s.IntN(3)), Temporal: int8(s.IntN(4))})
		}
		if s.chance(s.pause) {
			s.output.Selector.Aim(simulcast.None)
		}
		for i, sender := range s.senders {
			if s.chance(s.report) {
				s.tell(&s.numbers[i])
			}
			for _, p := range sender.Next(s.ticks) {
				s.post(uint8(i), p)
			}
			if s.chance(s.padding) {
				s.post(uint8(i), sender.Padding(s.ticks))
			}
		}
		s.travel()
	}
	s.packets += 1 << 20
	s.travel()
}

// tell is a sender report.
func (s *trial) tell(sender *Numbers) {
	since := time.Duration(s.now)
	ntp := uint64(since/time.Second)<<32 | uint64(since%time.Second)<<32/uint64(time.Second)
	s.source.Report(sender.SSRC, simulcast.Report{NTP: ntp, Timestamp: sender.Timestamp + s.ticks, At: s.now})
}

// post gives a packet to the network.
func (s *trial) post(stream uint8, p *Packet) {
	s.packets += 10
	if p.Picture == nil {
		s.padded[[2]int{int(stream), p.Turn}]++
	}
	due := s.packets
	if s.chance(s.loss) {
		if s.chance(s.good) {
			return
		}
		due += s.IntN(2000)
	}
	if s.chance(s.reorder) {
		due += s.IntN(100)
	}
	s.way = append(s.way, travelling{p, stream, due})
	if s.chance(s.duplicate) {
		s.way = append(s.way, travelling{p, stream, due + s.IntN(2000)})
	}
}

// travel delivers what has arrived by now.
func (s *trial) travel() {
	slices.SortStableFunc(s.way, func(a, b travelling) int { return a.due - b.due })
	count := 0
	for ; count < len(s.way) && s.way[count].due <= s.packets; count++ {
		s.arrive(s.way[count])
	}
	s.way = append([]travelling(nil), s.way[count:]...)
}

// arrive is what the read loop does with a packet, and the subscriber with what
// leaves.
func (s *trial) arrive(p travelling) {
	told := simulcast.Packet{
		At: s.now, SSRC: p.SSRC, Timestamp: p.Timestamp, Sequence: p.Sequence, Marker: p.Marker, Stream: p.stream,
	}
	if !s.inspect(p, &told) {
		return
	}
	s.source.Observe(&told)
	out := s.output.Next(s.source, &told)
	s.note(p, int(told.Info.Spatial), &out)
	if out.Verdict == simulcast.Drop {
		return
	}
	leaving := Received{Sequence: out.Sequence, Timestamp: out.Timestamp, Marker: out.Marker}
	if out.Verdict != simulcast.Fill {
		leaving.Payload, leaving.Descriptor = s.write(p.Packet, &told, &out)
	}
	s.receiver.Take(leaving)
}

// inspect reads a packet; false if it cannot be.
func (s *trial) inspect(p travelling, told *simulcast.Packet) bool {
	var err error
	info := &told.Info
	switch s.codec {
	case simulcast.VP8:
		err = vp8.Inspect(p.Payload, p.Marker, info)
	case simulcast.VP9:
		err = vp9.Inspect(p.Payload, info)
	case simulcast.AV1:
		err = av1.Inspect(p.Payload, p.Marker, info)
	case simulcast.H264:
		err = h264.Inspect(p.Payload, p.Marker, info)
	}
	if err == nil && p.Descriptor != nil {
		var d dependency.Descriptor
		if err = s.states[p.stream].Parse(p.Descriptor, &d); err == nil {
			d.Apply(info)
		}
		if d.Attached {
			told.Carries |= simulcast.Structure
		}
	}
	return err == nil
}

// write gives payload and descriptor with the numbers they leave with.
func (s *trial) write(p *Packet, told *simulcast.Packet, out *simulcast.Outgoing) (payload, descriptor []byte) {
	payload, descriptor = slices.Clone(p.Payload), slices.Clone(p.Descriptor)
	switch s.codec {
	case simulcast.VP8:
		var d vp8.Descriptor
		if d.Parse(payload) == nil && d.PictureBits < out.PictureBits {
			size := d.Size
			d.PictureID, d.PictureBits, d.TL0 = out.PictureID, out.PictureBits, out.TL0
			payload = append(d.Append(nil), payload[size:]...)
		}
		vp8.Patch(payload, out.PictureID, out.TL0)
	case simulcast.VP9:
		vp9.Patch(payload, out.PictureID, out.TL0)
	}
	if s.deaf {
		return payload, nil
	}
	if descriptor != nil {
		descriptor = s.describe(descriptor, told, out)
	}
	return payload, descriptor
}

// describe gives the descriptor with its number, and with the active decode targets
// where they have to be told.
func (s *trial) describe(descriptor []byte, told *simulcast.Packet, out *simulcast.Outgoing) []byte {
	state := &s.states[told.Stream]
	if out.Verdict == simulcast.Switch {
		s.teller = dependency.Teller{}
	}
	highest, lacking := s.output.Selector.Held()
	late := s.left && int16(out.Sequence-s.newest) < 0
	if !late {
		s.left, s.newest = true, out.Sequence
	}
	active, tell := s.teller.Next(state.Structure(), &told.Info, told.Carries, highest, lacking, late)
	if !tell {
		dependency.PatchNumber(descriptor, uint16(out.FrameNumber))
		return descriptor
	}
	var d dependency.Descriptor
	if err := state.Parse(descriptor, &d); err != nil {
		panic(err) // it was read before
	}
	return d.Append(nil, descriptor, dependency.Rewrite{Number: uint16(out.FrameNumber), HasActive: true, Active: active})
}

// note counts what becomes of the parts of a picture.
func (s *trial) note(p travelling, layer int, out *simulcast.Outgoing) {
	if out.Verdict == simulcast.Switch {
		s.stays = append(s.stays, &stay{stream: p.stream, first: p.Turn})
	}
	if len(s.stays) == 0 || s.output.Selector.Current(s.source) == simulcast.None {
		return
	}
	now := s.stays[len(s.stays)-1]
	if now.stream != p.stream || p.Turn < now.first {
		return
	}
	if p.Picture == nil && (out.Verdict == simulcast.Fill || out.Reason == simulcast.Padded) {
		delete(s.padded, [2]int{int(p.stream), p.Turn})
	}
	if p.Picture == nil {
		return
	}
	for len(now.fates) <= p.Turn-now.first {
		now.fates = append(now.fates, fate{})
	}
	f := &now.fates[p.Turn-now.first]
	f.Packet = p.Packet
	switch {
	case out.Verdict == simulcast.Forward, out.Verdict == simulcast.Switch:
		f.left[layer]++
		f.timestamp = out.Timestamp
	case out.Reason == simulcast.Thinned, out.Reason == simulcast.Higher, out.Reason == simulcast.Lower:
		f.unwanted[layer]++
	}
}

// judge looks at what was received, before it is decoded: what left whole can be
// shown, unless something before it since the last key frame did not. It gives
// what each picture that can be shown has to look like.
func (s *trial) judge() (shown []Shown, looks []string, err error) {
	report := s.receiver.Report()
	if len(report.Faults) > 0 {
		return nil, nil, fmt.Errorf("%d faults, first: %s", len(report.Faults), report.Faults[0])
	}
	whole, owed := map[uint32]string{}, map[uint32]bool{}
	for _, stay := range s.stays {
		s.count(stay, whole, owed)
	}
	for _, picture := range report.Shown {
		if whole[picture.Timestamp] == "" {
			return nil, nil, fmt.Errorf("a picture at %d is shown that did not leave whole: %s", picture.Timestamp, s.tellFate(picture.Timestamp))
		}
		delete(owed, picture.Timestamp)
		looks = append(looks, whole[picture.Timestamp])
	}
	for timestamp := range owed {
		err = fmt.Errorf("%d pictures that left whole are not shown, one at %d", len(owed), timestamp)
	}
	return report.Shown, looks, err
}

// tellFate says what became of the picture that left with a timestamp.
func (s *trial) tellFate(timestamp uint32) string {
	for _, stay := range s.stays {
		for _, f := range stay.fates {
			if f.timestamp == timestamp && f.Packet != nil {
				return fmt.Sprintf("of %v packets %v left, %v were not wanted", f.Parts, f.left, f.unwanted)
			}
		}
	}
	return "unknown"
}

// count adds the pictures that left whole, and of them those that have to be shown.
// Where pictures have no numbers, a packet of padding that did not come may have
// been a picture.
func (s *trial) count(stay *stay, whole map[uint32]string, owed map[uint32]bool) {
	broken := false
	for i := range stay.fates {
		f := &stay.fates[i]
		top, sure := f.complete()
		if top >= 0 {
			whole[f.timestamp] = f.Picture.Hashes[top]
			broken = broken && !(sure && f.Picture.Key)
			if sure && !broken {
				owed[f.timestamp] = true
			}
		}
		broken = broken || !sure
		broken = broken || s.padded[[2]int{int(stay.stream), stay.first + i}] > 0 && !s.numbered()
	}
}

// numbered reports whether pictures have numbers of their own.
func (s *trial) numbered() bool {
	return !s.deaf && (s.described || s.codec == simulcast.VP8 || s.codec == simulcast.VP9)
}
