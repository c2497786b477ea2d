package pion

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// Arrivals is a factory of interceptors that tell the sender when its packets
// came, by transport-wide numbers and every 50 ms, in place of Pion's
// twcc.SenderInterceptor.
type Arrivals struct{}

// NewInterceptor makes one for a connection.
func (Arrivals) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &arrivals{clock: newClock(), came: feedback.NewArrivals(), wake: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// arrivals notes what comes on one connection.
type arrivals struct {
	interceptor.NoOp
	clock clock
	wake  chan struct{} // something came after a silence
	done  chan struct{}
	once  sync.Once
	loops sync.WaitGroup

	mu    sync.Mutex // guards all below
	came  *feedback.Arrivals
	media uint32 // a stream of the sender's
}

// extensionOf gives the number of the extension for transport-wide numbers, 0 if
// it was not agreed to.
func extensionOf(info *interceptor.StreamInfo) uint8 {
	for _, e := range info.RTPHeaderExtensions {
		if e.URI == sdp.TransportCCURI {
			return uint8(e.ID)
		}
	}
	return 0
}

// BindRemoteStream notes the packets of a stream that has transport-wide numbers.
func (t *arrivals) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	extension := extensionOf(info)
	if extension == 0 {
		return reader
	}
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		size, header, a, err := read(reader, b, a)
		if err != nil {
			return 0, nil, err
		}
		if number := header.GetExtension(extension); len(number) >= 2 {
			t.arrived(binary.BigEndian.Uint16(number), header.SSRC)
		}
		return size, a, nil
	})
}

// read reads a packet, and its header once for all interceptors.
func read(reader interceptor.RTPReader, b []byte, a interceptor.Attributes) (int, *rtp.Header, interceptor.Attributes, error) {
	size, a, err := reader.Read(b, a)
	if err != nil {
		return 0, nil, nil, err
	}
	if a == nil {
		a = make(interceptor.Attributes)
	}
	header, err := a.GetRTPHeader(b[:size])
	return size, header, a, err
}

func (t *arrivals) arrived(number uint16, media uint32) {
	now := t.clock.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	silent := t.came.Next() == unit.Far
	t.came.Arrived(number, now)
	t.media = media
	if silent {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// BindRTCPWriter begins to report.
func (t *arrivals) BindRTCPWriter(writer interceptor.RTCPWriter) interceptor.RTCPWriter {
	t.loops.Go(func() { t.run(writer) })
	return writer
}

// Close ends the loop.
func (t *arrivals) Close() error {
	t.once.Do(func() { close(t.done) })
	t.loops.Wait()
	return nil
}

// run reports what is due, until Close.
func (t *arrivals) run(writer interceptor.RTCPWriter) {
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	sender := rand.Uint32()
	var datagram []byte
	for {
		var rest time.Duration
		datagram, rest = t.due(datagram[:0], sender)
		if len(datagram) > 0 {
			// As bytes: Pion's own type would be made of them only to be bytes again.
			raw := rtcp.RawPacket(datagram)
			_, _ = writer.Write([]rtcp.Packet{&raw}, interceptor.Attributes{})
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-t.wake:
		case <-t.done:
			return
		}
	}
}

func (t *arrivals) due(dst []byte, sender uint32) ([]byte, time.Duration) {
	now := t.clock.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	dst = t.came.Append(dst, sender, t.media, now)
	return dst, t.clock.until(t.came.Next())
}
