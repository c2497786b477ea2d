package clock

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/internal/stamp"
)

// ErrSilent: nobody answers.
var ErrSilent = errors.New("no answer about the time")

const (
	// every is how often is asked, and patience how long an answer may take.
	every    = 20 * time.Millisecond
	patience = 2 * time.Second
)

// Asker asks one other machine. It is for one goroutine.
type Asker struct {
	address string
	conn    *net.UDPConn
	clock   offset.Clock
	pending map[uint64]int64 // when each nonce was asked, by our clock
	// Asked and Answered count, Foreign are datagrams that were no answer to us.
	Asked, Answered, Foreign uint64
}

// Dial gets ready to ask at HOST:PORT; nothing is sent. The clock is the zero one but
// in tests.
func Dial(ctx context.Context, address string, c offset.Clock) (*Asker, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be asked about the time: %w", address, err)
	}
	a := &Asker{address: address, conn: conn.(*net.UDPConn), clock: c, pending: make(map[uint64]int64)} // udp gives that
	stamp.Ask(a.conn)
	return a, nil
}

// Close ends asking.
func (a *Asker) Close() error { return a.conn.Close() }

// Read asks for a while and gives what the best exchange says. It ends sooner with the
// context. The error is ErrSilent.
func (a *Asker) Read(ctx context.Context, lasts time.Duration) (offset.Reading, error) {
	var all []offset.Exchange
	var refused error
	for begun, due := time.Now(), time.Duration(0); ctx.Err() == nil; {
		if passed := time.Since(begun); passed >= lasts {
			break
		} else if passed >= due {
			due = passed + every
			if err := a.ask(); err != nil {
				refused = err
			}
		}
		e, ok, err := a.hear(begun.Add(min(due, lasts)))
		switch {
		case ok:
			all = append(all, e)
		case errors.Is(err, syscall.ECONNREFUSED):
			refused = err
		case errors.Is(err, net.ErrClosed):
			return offset.Reading{}, err
		}
	}
	if err := ctx.Err(); err != nil && len(all) == 0 {
		return offset.Reading{}, err
	}
	switch {
	case len(all) > 0:
		return offset.Measure(all)
	case refused != nil:
		return offset.Reading{}, fmt.Errorf("%w by %s: %w", ErrSilent, a.address, refused)
	}
	return offset.Reading{}, fmt.Errorf("%w by %s: %d questions, %d other datagrams", ErrSilent, a.address, a.Asked, a.Foreign)
}

// ask sends a question, and forgets those that nobody will answer any more.
func (a *Asker) ask() error {
	var chance [8]byte
	_, _ = rand.Read(chance[:]) // never fails
	m := message{kind: question, nonce: binary.BigEndian.Uint64(chance[:])}
	now := a.clock.At(time.Now().UnixNano())
	for nonce, asked := range a.pending {
		if now-asked > int64(patience) {
			delete(a.pending, nonce)
		}
	}
	a.pending[m.nonce] = now
	a.Asked++
	_, err := a.conn.Write(m.append(nil))
	return err
}

// hear waits for an answer until an instant. The kernel passes on what comes from
// the address that was asked alone.
func (a *Asker) hear(until time.Time) (e offset.Exchange, ok bool, err error) {
	if err := a.conn.SetReadDeadline(until); err != nil {
		return e, false, err
	}
	var data [size + 1]byte
	var control [128]byte
	n, controls, _, _, err := a.conn.ReadMsgUDPAddrPort(data[:], control[:])
	seen := time.Now().UnixNano()
	if err != nil {
		return e, false, err
	}
	m, ok := parse(data[:n], answer)
	asked, mine := a.pending[m.nonce]
	if !ok || !mine {
		a.Foreign++
		return e, false, nil
	}
	delete(a.pending, m.nonce)
	a.Answered++
	return offset.Exchange{Asked: asked, Came: m.came, Answered: m.answered, Heard: a.clock.At(came(control[:controls], seen))}, true, nil
}
