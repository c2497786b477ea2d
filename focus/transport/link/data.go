package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
)

const (
	// maxMessage is the longest message that may be sent to a peer which does
	// not say what it takes (RFC 8841 section 6.1).
	maxMessage = 64 << 10
	// maxChannels is how many data channels the peer may open. Calls have one.
	maxChannels = 16
	// sctpMTU leaves room for DTLS in packets of 1280 bytes, the shortest that
	// IPv6 must carry: 40 of IPv6, 8 of UDP, 37 of DTLS.
	sctpMTU = 1191
)

// dataWay is how data channels come to be: wanted by the caller when both
// descriptions have them, there when SCTP has shaken hands.
type dataWay struct {
	wanted context.Context // ends when data channels are wanted
	want   context.CancelFunc
	there  chan struct{} // closed when association is set
	once   sync.Once

	association *sctp.Association // set before there is closed

	mu   sync.Mutex
	next uint16 // guarded by mu: the number of our next channel
}

func newDataWay() *dataWay {
	d := &dataWay{there: make(chan struct{})}
	d.wanted, d.want = context.WithCancel(context.Background())
	return d
}

// StartData opens the way for data channels, when both descriptions have them:
// it may be called before Connect or at any time after it, and once is enough.
func (l *Link) StartData() { l.data.want() }

// Channel is a data channel, reliable and in order unless the peer opened it
// otherwise. Whoever has one must Read it, or Close it: what is not read stops
// all channels of the Link.
type Channel struct {
	channel *datachannel.DataChannel
}

// Label gives the name that the channel was opened with.
func (c *Channel) Label() string { return c.channel.Label }

// Read waits for a message and says whether it is text. It fails with
// io.ErrShortBuffer when the message does not fit, with io.EOF when the channel
// is closed.
func (c *Channel) Read(message []byte) (n int, text bool, err error) {
	n, text, err = c.channel.ReadDataChannel(message)
	if err != nil && !errors.Is(err, io.ErrShortBuffer) {
		err = io.EOF // Pion has many words for it
	}
	return n, text, err
}

// Write sends a message of up to 64 KiB. It does not wait for it to arrive.
func (c *Channel) Write(message []byte, text bool) error {
	if len(message) > maxMessage {
		return fmt.Errorf("link: message of %d bytes, at most %d may be sent", len(message), maxMessage)
	}
	_, err := c.channel.WriteDataChannel(message, text)
	return err
}

// Buffered gives the bytes that were written and that the peer has not
// acknowledged yet: nobody stops a writer but itself.
func (c *Channel) Buffered() uint64 { return c.channel.BufferedAmount() }

// Close ends the channel.
func (c *Channel) Close() error { return c.channel.Close() }

// OpenChannel opens a data channel. It waits until there can be one: the Link
// is connected and data was started on both sides. Messages may be written at
// once. It fails with the context's error or ErrClosed.
func (l *Link) OpenChannel(ctx context.Context, label string) (*Channel, error) {
	select {
	case <-l.data.there:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.life.Done():
	}
	if l.life.Err() != nil {
		return nil, ErrClosed
	}
	channel, err := datachannel.Dial(l.data.association, l.number(), &datachannel.Config{
		ChannelType: datachannel.ChannelTypeReliable, Label: label, LoggerFactory: l.config.Logs,
	})
	if err != nil {
		return nil, fmt.Errorf("link: channel %q: %w", label, err)
	}
	return &Channel{channel}, nil
}

// number gives the next number for a channel of ours: even ones are the DTLS
// client's (RFC 8832 section 6).
func (l *Link) number() uint16 {
	l.data.mu.Lock()
	defer l.data.mu.Unlock()
	number := l.data.next
	l.data.next += 2
	if !l.peer.Client {
		number++
	}
	return number
}

// drain reads what nobody wants, until data channels are wanted or DTLS ends.
// It reports whether DTLS goes on.
func (l *Link) drain(conn *dtls.Conn) bool {
	wanted, told := l.data.wanted, make(chan struct{})
	stop := context.AfterFunc(wanted, func() {
		defer close(told)
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	var nothing [1]byte // what does not fit is an error that ends nothing
	for {
		_, err := conn.Read(nothing[:])
		switch {
		case err != nil && ended(err):
			return false
		case wanted.Err() != nil:
			<-told // else the deadline might come after it was taken back
			return conn.SetReadDeadline(time.Time{}) == nil
		}
	}
}

// exchange is SCTP from its handshake to its end, which is also that of DTLS.
func (l *Link) exchange(conn *dtls.Conn) {
	association, err := sctp.ClientWithOptions(
		sctp.WithNetConn(conn), sctp.WithLoggerFactory(l.config.Logs),
		sctp.WithMTU(sctpMTU), sctp.WithMaxMessageSize(maxMessage),
	)
	if err != nil {
		return
	}
	l.data.association = association
	l.data.once.Do(func() { close(l.data.there) })
	for opened := 0; ; {
		stream, err := association.AcceptStream()
		if err != nil {
			break
		}
		if opened >= maxChannels || !l.accept(stream) {
			_ = stream.Close()
			continue
		}
		opened++
	}
	_ = association.Close()
}

// accept takes a channel that the peer opens; false if it is none.
func (l *Link) accept(stream *sctp.Stream) bool {
	stream.SetDefaultPayloadType(sctp.PayloadTypeWebRTCBinary)
	channel, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: l.config.Logs})
	if err != nil {
		return false
	}
	l.events.Put(ChannelOpened{&Channel{channel}})
	return true
}

// ended reports whether an error of DTLS is its end.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, dtls.ErrConnClosed)
}
