package pion

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mouth is what an interceptor says.
type mouth struct {
	mu   sync.Mutex
	said []rtcp.Packet
}

func (m *mouth) Write(packets []rtcp.Packet, _ interceptor.Attributes) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, packets...)
	return 0, nil
}

// take gives what was said since the last time.
func (m *mouth) take() []rtcp.Packet {
	m.mu.Lock()
	defer m.mu.Unlock()
	said := m.said
	m.said = nil
	return said
}

// bind binds a stream, and gives what has a packet arrive on it.
func bind(t *testing.T, i interceptor.Interceptor, info *interceptor.StreamInfo) func(header rtp.Header, payload []byte) {
	var next []byte
	reader := i.BindRemoteStream(info, interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(b, next), a, nil
	}))
	buffer := make([]byte, 1500)
	return func(header rtp.Header, payload []byte) {
		t.Helper()
		header.Version, header.SSRC = 2, info.SSRC
		packet := rtp.Packet{Header: header, Payload: payload}
		var err error
		if next, err = packet.Marshal(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := reader.Read(buffer, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func lost(said []rtcp.Packet) (numbers []uint16) {
	for _, packet := range said {
		if nack, ok := packet.(*rtcp.TransportLayerNack); ok {
			for _, pair := range nack.Nacks {
				numbers = append(numbers, pair.PacketList()...)
			}
		}
	}
	return numbers
}

func TestNacks_AskAtOnceAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, err := Nacks{}.NewInterceptor("")
		if err != nil {
			t.Fatal(err)
		}
		var m mouth
		i.BindRTCPWriter(&m)
		video := bind(t, i, &interceptor.StreamInfo{SSRC: camera, MimeType: "video/VP8", RTCPFeedback: []interceptor.RTCPFeedback{{Type: "nack"}}})
		again := bind(t, i, &interceptor.StreamInfo{SSRC: repairs, MimeType: "video/rtx"})
		for _, sequence := range []uint16{65533, 65534, 1, 2} { // two are missing
			video(rtp.Header{SequenceNumber: sequence}, make([]byte, 1000))
		}
		time.Sleep(15 * time.Millisecond)
		synctest.Wait()
		if got := lost(m.take()); len(got) != 2 || got[0] != 65535 || got[1] != 0 {
			t.Fatalf("asked for %v after 15 ms", got)
		}
		again(rtp.Header{SequenceNumber: 7}, append([]byte{0xff, 0xff}, make([]byte, 1000)...))
		again(rtp.Header{SequenceNumber: 8, Padding: true, PaddingSize: 200}, nil) // a probe
		time.Sleep(10 * time.Second)
		synctest.Wait()
		asked := lost(m.take())
		for _, number := range asked {
			if number != 0 {
				t.Fatalf("%d was repaired, and asked for again", number)
			}
		}
		if len(asked) == 0 || len(asked) > 10 {
			t.Errorf("asked %d times again", len(asked))
		}
		i.UnbindRemoteStream(&interceptor.StreamInfo{SSRC: camera})
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNacks_LeaveAloneWhoDidNotAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := Nacks{}.NewInterceptor("")
		var m mouth
		i.BindRTCPWriter(&m)
		video := bind(t, i, &interceptor.StreamInfo{SSRC: camera, MimeType: "video/VP8", RTCPFeedback: []interceptor.RTCPFeedback{{Type: "nack", Parameter: "pli"}}})
		video(rtp.Header{SequenceNumber: 1}, nil)
		video(rtp.Header{SequenceNumber: 9}, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if said := m.take(); len(said) > 0 {
			t.Errorf("said %v", said)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestArrivals_ReportEveryFiftyMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, err := Arrivals{}.NewInterceptor("")
		if err != nil {
			t.Fatal(err)
		}
		var m mouth
		i.BindRTCPWriter(&m)
		video := bind(t, i, &interceptor.StreamInfo{SSRC: camera, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: sdp.TransportCCURI, ID: number}}})
		other := bind(t, i, &interceptor.StreamInfo{SSRC: speech})
		for n := range uint16(100) {
			header := rtp.Header{SequenceNumber: n}
			if err := header.SetExtension(number, []byte{0, byte(n)}); err != nil {
				t.Fatal(err)
			}
			video(header, make([]byte, 100))
			other(rtp.Header{SequenceNumber: n}, nil) // without a number
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		reports, packets := 0, 0
		for _, said := range m.take() {
			raw, err := said.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			read, err := rtcp.Unmarshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, packet := range read {
				report := packet.(*rtcp.TransportLayerCC)
				reports++
				packets += len(report.RecvDeltas)
				if report.MediaSSRC != camera {
					t.Fatalf("it is about %d", report.MediaSSRC)
				}
			}
		}
		if reports < 18 || reports > 22 || packets != 100 {
			t.Errorf("%d reports of %d packets", reports, packets)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
}
