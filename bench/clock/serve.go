package clock

import (
	"context"
	"errors"
	"net"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/internal/stamp"
)

// Serve answers questions until the context ends, and closes the socket. What is no
// question is passed over in silence. The clock is the zero one but in tests.
func Serve(ctx context.Context, conn *net.UDPConn, c offset.Clock) error {
	stamp.Ask(conn)
	ended := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer ended()
	defer conn.Close()
	data, control, reply := make([]byte, size+1), make([]byte, 128), make([]byte, 0, size)
	for {
		n, controls, _, from, err := conn.ReadMsgUDPAddrPort(data, control)
		seen := time.Now().UnixNano()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			continue // of one who is gone (ICMP), or a datagram that is too long
		}
		asked, ok := parse(data[:n], question)
		if !ok {
			continue
		}
		m := message{kind: answer, nonce: asked.nonce, came: c.At(came(control[:controls], seen))}
		m.answered = max(c.At(time.Now().UnixNano()), m.came)
		_, _ = conn.WriteToUDPAddrPort(m.append(reply), from) // who asked will ask again
	}
}
