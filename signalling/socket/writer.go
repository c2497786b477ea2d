package socket

import (
	"io"
	"time"

	"github.com/gorilla/websocket"
)

// write is the writer: it sends what is queued, in order, and at the end a
// close frame. If the connection takes no more it is closed, so that the
// reader ends too. Now and then it pings: a browser answers even for a hidden
// page, whose own timers it holds back for up to a minute.
func (c *connection) write() {
	ping := time.NewTicker(c.gateway.config.Silence / 3)
	defer ping.Stop()
	for alive := true; alive; {
		select {
		case <-c.wake:
			alive = c.flush()
		case <-ping.C:
			_ = c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(farewell))
		}
	}
}

// flush writes what is queued; false ends the writer.
func (c *connection) flush() bool {
	for {
		frame, what := c.draw()
		switch {
		case what == drawNothing:
			return true
		case what == drawEnd:
			c.sayGoodbye()
			return false
		case what == drawDrop || !c.writeFrame(frame):
			_ = c.socket.NetConn().Close()
			return false
		}
	}
}

// drawn says what the writer has to do.
type drawn uint8

const (
	drawNothing drawn = iota
	drawFrame
	drawEnd
	drawDrop
)

func (c *connection) draw() (queued, drawn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped {
		return queued{}, drawDrop
	}
	if frame, ok := c.queue.take(); ok {
		return frame, drawFrame
	}
	if c.ending {
		return queued{}, drawEnd
	}
	return queued{}, drawNothing
}

func (c *connection) writeFrame(frame queued) bool {
	if c.socket.SetWriteDeadline(time.Now().Add(c.gateway.config.WriteTimeout)) != nil {
		return false
	}
	if err := c.socket.WriteMessage(websocket.TextMessage, frame.text); err != nil {
		c.gone(err)
		return false
	}
	if frame.number > 0 {
		c.written.Store(frame.number)
	}
	return true
}

// sayGoodbye sends the close frame and gives the other side a moment to
// answer it.
func (c *connection) sayGoodbye() {
	c.mu.Lock()
	code, reason := c.code, c.reason
	c.mu.Unlock()
	now := time.Now()
	_ = c.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), now.Add(farewell))
	_ = c.socket.SetReadDeadline(now.Add(farewell))
}

// drain reads on, for a moment, what a browser sends that has not noticed yet
// that it was told goodbye: a connection that is closed over unread bytes is
// reset, and our last words would be lost with it.
func (c *connection) drain() {
	c.mu.Lock()
	dropped := c.dropped
	c.mu.Unlock()
	if dropped {
		return
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(farewell))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.socket.NetConn(), drainMost))
}
