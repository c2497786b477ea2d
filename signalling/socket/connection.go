package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	closeNormal = websocket.CloseNormalClosure
	closeAway   = websocket.CloseGoingAway
	closePolicy = websocket.ClosePolicyViolation
	closeSize   = websocket.CloseMessageTooBig
)

const (
	// farewell is how long a socket that is told goodbye may take to answer.
	farewell = time.Second
	// drainMost is what is read of one that does not stop, so that it reads
	// our last words before its connection is reset (RFC 6455 section 7.1.1).
	drainMost = 16 << 20
	// maxStrikes is how many refused frames are borne.
	maxStrikes = 20
	// frameUnit is what a frame may hold for one token of its bucket.
	frameUnit = 4 << 10
)

// Ends of reading: a frame over its bound, one that is not text, and too many
// of those that the library answers.
var (
	errTooLarge = errors.New("frame too large")
	errBinary   = errors.New("frame is not text")
	errTooOften = errors.New("too many pings")
)

// connection is one websocket. Its reader is the goroutine of its HTTP
// request, its writer a second one that the reader waits for.
type connection struct {
	gateway *Gateway
	socket  *websocket.Conn
	address string

	// owned by the reader
	holder  *holder
	budget  bucket
	strikes int

	// owned by the writer, read by holders: the number of the last signal
	// that was written
	written atomic.Uint64

	// guarded by the holder's mu
	asked    int  // enters that were not answered yet
	leaving  bool // the browser has left
	informed bool // it was given all reports once

	wake chan struct{} // has room for one: there is something to write

	mu sync.Mutex // a leaf
	// guarded by mu
	queue   queue
	ending  bool
	code    int // of the close frame, when ending
	reason  string
	dropped bool
}

func newConnection(g *Gateway, socket *websocket.Conn, address string) *connection {
	return &connection{
		gateway: g, socket: socket, address: address, wake: make(chan struct{}, 1),
		// Twice, so that a returning browser's whole backlog and its state fit.
		queue: queue{maxMessages: 2*g.config.QueueMessages + 8, maxBytes: 2 * g.config.QueueBytes},
	}
}

// serve is the reader. It returns when the socket is closed and its writer has
// ended.
func (c *connection) serve() {
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.socket.SetPingHandler(c.pinged)
	c.socket.SetPongHandler(c.ponged)
	if c.hello() {
		for c.next() {
		}
		c.holder.detach(c)
	}
	c.end(closeNormal, "")
	writer.Wait()
	c.drain()
	_ = c.socket.Close()
}

// pinged answers a websocket ping, which costs as much as any frame.
func (c *connection) pinged(data string) error {
	if _, ok := c.budget.take(1, c.gateway.config.FrameRate, c.gateway.config.FrameBurst, time.Now()); !ok {
		return errTooOften
	}
	err := c.socket.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(farewell))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// ponged takes a pong for a sign of life, once there was a hello.
func (c *connection) ponged(string) error {
	if _, ok := c.budget.take(1, c.gateway.config.FrameRate, c.gateway.config.FrameBurst, time.Now()); !ok {
		return errTooOften
	}
	if c.holder != nil {
		c.wait(c.gateway.config.Silence)
	}
	return nil
}

// wait gives the browser time for its next frame; after the goodbye the writer
// has set the last deadline.
func (c *connection) wait(patience time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		_ = c.socket.SetReadDeadline(time.Now().Add(patience))
	}
}

// hello takes the first frame and attaches to a seat, or says why not.
func (c *connection) hello() bool {
	said := c.receive(c.gateway.config.HelloTimeout)
	if said == nil {
		return false
	}
	hello, ok := said.(*helloFrame)
	if !ok {
		c.fail(Refuse(CodeBadMessage, "The first frame has to be a hello."))
		return false
	}
	ctx, cancel := context.WithTimeout(c.gateway.base, c.gateway.config.OpenTimeout)
	defer cancel()
	if refusal := c.gateway.seat(ctx, c, hello); refusal != nil {
		c.fail(refusal)
		return false
	}
	return true
}

// next takes one frame and acts on it; false ends the reader.
func (c *connection) next() bool {
	switch said := c.receive(c.gateway.config.Silence).(type) {
	case nil:
		return false
	case *helloFrame:
		c.fail(Refuse(CodeBadMessage, "There is one hello on a connection, and it was said."))
		return false
	case *enterFrame:
		c.holder.enter(c, said)
	case *signalFrame:
		c.holder.send(c, said)
	case *reportFrame:
		c.holder.setReport(c, said)
	case *leaveFrame:
		c.holder.leave(c)
	case *pingFrame:
		if said.Got != nil {
			c.holder.seen(c, *said.Got)
		}
		c.push(queued{text: encodePong(said.ID)})
	}
	return true
}

// receive gives the next frame that is fine. Refused ones are answered, and
// borne for a while; nil means that the connection is over.
func (c *connection) receive(patience time.Duration) frame {
	for {
		text, err := c.read(patience)
		switch {
		case errors.Is(err, errTooLarge):
			c.gateway.counts.tooLarge.Add(1)
			c.fail(Refuse(CodeTooLarge, "A frame is larger than %d bytes.", c.gateway.config.MaxFrame))
			return nil
		case errors.Is(err, errBinary):
			c.fail(Refuse(CodeBadMessage, "Frames are text."))
			return nil
		case err != nil:
			c.gone(err)
			return nil
		}
		cost := float64(1 + len(text)/frameUnit)
		if wait, ok := c.budget.take(cost, c.gateway.config.FrameRate, c.gateway.config.FrameBurst, time.Now()); !ok {
			c.gateway.counts.tooFast.Add(1)
			c.fail(Refuse(CodeTooFast, "The page sends too much at once.").After(max(wait, time.Second)))
			return nil
		}
		said, refusal := parseFrame(text, c.gateway.config)
		if refusal == nil {
			return said
		}
		if c.strikes++; said == nil || c.strikes > maxStrikes || c.holder == nil {
			c.fail(refusal)
			return nil
		}
		c.answer(said, refusal)
	}
}

// answer tells that a frame was refused.
func (c *connection) answer(said frame, refusal *Refusal) {
	if signal, ok := said.(*signalFrame); ok {
		c.push(queued{text: encodeSent(signal.ID, refusal)})
		return
	}
	c.push(queued{text: encodeError(refusal, false)})
}

// read gives the next frame, of which no more is kept than may be.
func (c *connection) read(patience time.Duration) ([]byte, error) {
	c.wait(patience)
	kind, reader, err := c.socket.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errBinary
	}
	most := c.gateway.config.MaxFrame
	text, err := io.ReadAll(io.LimitReader(reader, int64(most)+1))
	if err == nil && len(text) > most {
		err = errTooLarge
	}
	return text, err
}

// gone counts how a connection ended.
func (c *connection) gone(err error) {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		c.gateway.counts.silent.Add(1)
	}
}

// push queues a frame. A browser that does not read what waits for it loses
// its connection. Any goroutine may call it, also under a holder's mutex.
func (c *connection) push(frame queued) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending, c.dropped:
		return
	case !c.queue.put(frame):
		c.gateway.counts.slow.Add(1)
		c.dropped = true
		_ = c.socket.NetConn().Close() // also ends a write that is stuck
	}
	c.nudge()
}

// waits reports whether a frame of the kind is still to be written.
func (c *connection) waits(of kind) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.queue.frames, func(frame queued) bool { return frame.kind == of })
}

func (c *connection) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// fail tells why the connection ends, and ends it.
func (c *connection) fail(refusal *Refusal) {
	c.push(queued{text: encodeError(refusal, true)})
	code := closePolicy
	if refusal.Code == CodeTooLarge {
		code = closeSize
	}
	c.end(code, string(refusal.Code))
}

// end closes the connection after what is queued. The first reason counts.
func (c *connection) end(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.ending, c.code, c.reason = true, code, reason
		c.nudge()
	}
}

// refuse serves a socket that was not admitted: it is told why, and closed.
func (c *connection) refuse(refusal *Refusal) {
	c.fail(refusal)
	c.write()
	c.drain()
	_ = c.socket.Close()
}
