package mediafile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"meshfocus/focus/transport"
)

// Input is RTP arriving on a UDP port, as ffmpeg and GStreamer send it:
//
//	ffmpeg -re -i FILE -an -c:v libvpx -f rtp "rtp://127.0.0.1:5004?pkt_size=1200"
//
// Packets must fit into ours: 1200 bytes, not ffmpeg's default. There is no
// way back to the sender, so a key frame comes when its encoder makes one: ask
// it for one every second or two (ffmpeg: -g).
type Input struct {
	name  string
	codec transport.Codec
	conn  *net.UDPConn
}

// maxPacket is the longest RTP packet taken in. More would not fit into a
// datagram of 1500 bytes after encryption.
const maxPacket = 1400

// ListenRTP opens an input. The address should be a local one: whoever can
// send to it is heard by everybody in the call.
func ListenRTP(address netip.AddrPort, codec transport.Codec) (*Input, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(address))
	if err != nil {
		return nil, fmt.Errorf("RTP input: %w", err)
	}
	return &Input{name: "rtp://" + conn.LocalAddr().String(), codec: codec, conn: conn}, nil
}

// openInput reads rtp://127.0.0.1:5004?codec=vp8.
func openInput(argument string) (*Input, error) {
	parsed, err := url.Parse(argument)
	if err != nil {
		return nil, fmt.Errorf("%s: not an address such as rtp://127.0.0.1:5004?codec=vp8", argument)
	}
	address, err := netip.ParseAddrPort(parsed.Host)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is not an IP address and a port, such as 127.0.0.1:5004", argument, parsed.Host)
	}
	codec, err := transport.ParseCodec(parsed.Query().Get("codec"))
	if err != nil {
		return nil, fmt.Errorf("%s: codec: %w", argument, err)
	}
	return ListenRTP(address, codec)
}

// Name is the address it listens on.
func (i *Input) Name() string { return i.name }

// Codec is what the packets are said to hold.
func (i *Input) Codec() transport.Codec { return i.codec }

// Addr is where to send to.
func (i *Input) Addr() netip.AddrPort { return i.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Close stops listening; a running Play of it ends.
func (i *Input) Close() error { return i.conn.Close() }

// play passes packets on until the context ends. Those that are no RTP, or too
// long, are left out: the writer counts them.
func (i *Input) play(ctx context.Context, writer Writer) error {
	stop := context.AfterFunc(ctx, func() { _ = i.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := i.conn.ReadFromUDPAddrPort(buffer)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
		if n > maxPacket {
			return fmt.Errorf("%s: a packet of %d bytes; at most %d can be sent on (ffmpeg: ?pkt_size=1200, GStreamer: mtu=1200)", i.name, n, maxPacket)
		}
		if err := writer.WriteRTP(buffer[:n]); err != nil && errors.Is(err, transport.ErrClosed) {
			return err
		}
	}
}
