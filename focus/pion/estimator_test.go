package pion

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

const (
	number  = 5 // of the extension
	camera  = 20
	repairs = 21
	speech  = 30
)

// departed is one packet on the wire.
type departed struct {
	at     time.Duration
	header rtp.Header
	size   int
}

func (d departed) number() uint16 { return binary.BigEndian.Uint16(d.header.GetExtension(number)) }

// wire notes what leaves.
type wire struct {
	began time.Time
	mu    sync.Mutex
	noted []departed
}

// left gives what has left so far, once all are idle.
func (w *wire) left() []departed {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.noted
}

func (w *wire) Write(header *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noted = append(w.noted, departed{time.Since(w.began), header.Clone(), len(payload)})
	return len(payload), nil
}

// sending is an estimator with a camera and a microphone, in a bubble.
func sending(c Config) (e *Estimator, w *wire, video, sound interceptor.RTPWriter) {
	e, w = NewEstimator(c), &wire{began: time.Now()}
	extensions := []interceptor.RTPHeaderExtension{{URI: sdp.TransportCCURI, ID: number}}
	video = e.AddStream(&interceptor.StreamInfo{
		SSRC: camera, SSRCRetransmission: repairs, PayloadTypeRetransmission: 97, MimeType: "video/VP8", RTPHeaderExtensions: extensions,
	}, w)
	sound = e.AddStream(&interceptor.StreamInfo{SSRC: speech, MimeType: "audio/opus", RTPHeaderExtensions: extensions}, w)
	return e, w, video, sound
}

func write(t *testing.T, to interceptor.RTPWriter, ssrc uint32, sequence uint16, size int) {
	t.Helper()
	if _, err := to.Write(&rtp.Header{Version: 2, SSRC: ssrc, SequenceNumber: sequence}, make([]byte, size), nil); err != nil {
		t.Fatal(err)
	}
}

func TestEstimator_PacesVideoAndLetsSoundPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, w, video, sound := sending(Config{})
		for i := range uint16(20) {
			write(t, video, camera, i, 1000)
		}
		if early := len(w.left()); early == 0 || early > 5 {
			t.Errorf("%d packets of video left at once", early)
		}
		write(t, sound, speech, 0, 100)
		left := w.left()
		if last := left[len(left)-1]; last.header.SSRC != speech || last.at > 2*time.Millisecond {
			t.Errorf("sound has to wait: the last is of %d after %v", last.header.SSRC, last.at)
		}
		time.Sleep(5 * time.Second)
		media := 0
		for i, d := range w.left() {
			if d.number() != uint16(i) {
				t.Fatalf("number %d is %d-th", d.number(), i)
			}
			if d.header.SSRC == camera {
				media++
			}
		}
		if media != 20 {
			t.Errorf("%d packets of video left", media)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if _, err := video.Write(&rtp.Header{}, nil, nil); err != ErrClosed {
			t.Errorf("a closed one answers %v", err)
		}
		if err := e.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerCC{PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{}}}}, nil); err != ErrClosed {
			t.Errorf("a closed one answers feedback with %v", err)
		}
	})
}

// A peer that agreed to numbers for pictures alone misses none of sound.
func TestEstimator_NumbersNoSoundThatIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, w, video, _ := sending(Config{})
		sound := e.AddStream(&interceptor.StreamInfo{SSRC: speech, MimeType: "audio/opus"}, w)
		for i := range uint16(20) {
			write(t, video, camera, i, 300)
			write(t, sound, speech, i, 100)
			time.Sleep(50 * time.Millisecond)
		}
		next, said := uint16(0), 0
		for _, d := range w.left() {
			if d.header.SSRC == speech {
				said++
				continue
			}
			if d.number() != next {
				t.Fatalf("number %d follows %d", d.number(), next-1)
			}
			next++
		}
		if next < 20 || said != 20 {
			t.Errorf("%d packets have numbers, %d of sound left", next, said)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What Pion's responder sends again has numbers of its own, and so has our
// padding, on one stream: the receiver is to see one row of numbers.
func TestEstimator_NumbersRetransmissionsAndPaddingTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trace bytes.Buffer
		e, w, video, _ := sending(Config{Most: 2 * unit.Megabit, Trace: &trace})
		arrivals, at := feedback.NewArrivals(), newClock()
		seen := 0
		var told int
		e.OnTargetBitrateChange(func(bitrate int) { told = bitrate })
		begin := e.GetTargetBitrate()
		for i := range uint16(300) {
			write(t, video, camera, i, 1000)
			if i%10 == 9 {
				write(t, video, repairs, 1000+i, 500)
			}
			time.Sleep(10 * time.Millisecond)
			for left := w.left(); seen < len(left); seen++ {
				arrivals.Arrived(left[seen].number(), at.now())
			}
			if datagram := arrivals.Append(nil, 1, camera, at.now()); len(datagram) > 0 {
				packets, err := rtcp.Unmarshal(datagram)
				if err != nil {
					t.Fatal(err)
				}
				if err := e.WriteRTCP(packets, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		var next uint16
		padding, again := 0, 0
		for _, d := range w.left() {
			if d.header.SSRC != repairs {
				continue
			}
			if d.header.SequenceNumber != next {
				t.Fatalf("%d follows %d", d.header.SequenceNumber, next-1)
			}
			next++
			if d.header.Padding {
				padding++
				if d.header.PaddingSize == 0 || d.size != 0 || d.header.PayloadType != 97 {
					t.Fatalf("padding is %+v with %d bytes", d.header, d.size)
				}
			} else {
				again++
			}
		}
		if padding == 0 || again != 30 {
			t.Errorf("%d packets of padding, %d retransmissions", padding, again)
		}
		if told <= begin || e.GetTargetBitrate() < told/2 {
			t.Errorf("the target began at %d; %d was told", begin, told)
		}
		if stats := e.GetStats(); stats["reports"].(int64) == 0 || stats["targetBitrate"].(int) != e.GetTargetBitrate() {
			t.Errorf("%v", stats)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		reports := 0
		for step, err := range bwe.Replay(&trace) {
			if names := step.Differs(); err != nil || len(names) > 0 {
				t.Fatalf("its trace, line %d: %v, %v", step.Line, err, names)
			}
			if step.Do == "report" {
				reports++
			}
		}
		if reports < 40 {
			t.Errorf("%d reports are in its trace", reports)
		}
	})
}
