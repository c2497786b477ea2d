package udp_test

import (
	"fmt"
	"log"
	"net/netip"

	"meshfocus/focus/packet"
	"meshfocus/focus/udp"
)

// A lane reads into packets of a pool and keeps those it wants, and sends to
// each destination what lies one behind the other in its arena.
func Example() {
	socket, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()

	// The send loop: packets are sealed into the arena, and put out as they are.
	path, err := socket.Path(socket.LocalAddr()) // once for each subscriber
	if err != nil {
		log.Fatal(err)
	}
	out, arena := udp.NewOutbox(64), make([]byte, 0, 192<<10)
	for _, sealed := range []string{"one", "two", "3"} {
		at := len(arena)
		arena = append(arena, sealed...)
		out.Append(path, arena[at:])
	}
	fmt.Println(out.Messages(), "message")
	if err := socket.Write(out); err != nil {
		log.Fatal(err)
	}

	// The read loop: a packet lies in each slot, and another takes its place.
	pool := packet.NewPool(1500+64, 1024)
	slots := make([]*packet.Packet, 8)
	rooms := make([][]byte, len(slots))
	for i := range slots {
		slots[i] = pool.Take()
		rooms[i] = slots[i].Room()
	}
	in := udp.NewInbox(rooms...)
	for read := 0; read < 3; {
		n, err := socket.Read(in)
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range in.Datagrams {
			arrived := slots[d.Slot]
			arrived.Bytes = d.Data
			slots[d.Slot] = pool.Take() // nil if all are in use: then leave the slot as it is
			in.Exchange(d.Slot, slots[d.Slot].Room())
			fmt.Printf("%s\n", arrived.Bytes)
			arrived.Release()
		}
		read += n
	}
	// Output:
	// 1 message
	// one
	// two
	// 3
}
