// Package plain is a TURN server as one writes it with pion/turn in an hour: UDP,
// one user, everybody may be a peer. It is for benchmarks alone.
package plain

import (
	"context"
	"net"

	"github.com/pion/turn/v5"
)

// Config is whom it lets in, and where.
type Config struct {
	Listen                string // address and port of UDP; what is relayed has that address
	Realm, User, Password string
}

// Serve relays until the context ends.
func Serve(ctx context.Context, c Config) error {
	socket, err := net.ListenPacket("udp4", c.Listen)
	if err != nil {
		return err
	}
	ip := socket.LocalAddr().(*net.UDPAddr).IP // of a UDP socket
	key := turn.GenerateAuthKey(c.User, c.Realm, c.Password)
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: c.Realm,
		AuthHandler: func(asked *turn.RequestAttributes) (string, []byte, bool) {
			return asked.Username, key, asked.Username == c.User
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: socket, RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: ip, Address: ip.String()},
		}},
	})
	if err != nil {
		_ = socket.Close()
		return err
	}
	<-ctx.Done()
	return server.Close()
}
