package udp

// The bounds of one message.
const (
	segments = 64    // UDP_MAX_SEGMENTS of kernels before 6.9; later ones have 128
	heaviest = 65507 // 65535 less the headers of IPv4 and UDP; IPv6 could take 20 more
)

// Outbox is datagrams to be sent, in the order in which they were added. It
// belongs to the send loop and holds slices of the loop's arena, which must
// stay as they are until Write returns.
type Outbox struct {
	messages []message
}

// message is what goes to one destination: datagrams of one size, the last of
// them perhaps shorter, one behind the other.
type message struct {
	path  *Path
	data  []byte
	size  int
	ended bool // the last is shorter: nothing may follow
}

// NewOutbox has room for so many messages before it has to grow.
func NewOutbox(messages int) *Outbox {
	return &Outbox{messages: make([]message, 0, messages)}
}

// Add puts in datagrams of size that lie one behind the other in data; the last
// may be shorter. Their number is not bounded: Write makes as many messages as
// the kernel needs. No data is nothing; a size of 0 is that of data.
func (o *Outbox) Add(path *Path, data []byte, size int) {
	if len(data) == 0 {
		return
	}
	if size <= 0 || size > len(data) {
		size = len(data)
	}
	o.messages = append(o.messages, message{path: path, data: data, size: size, ended: len(data)%size != 0})
}

// Append puts one datagram in. It joins the message before if that goes to the
// same path, ends where this begins in memory, and is of its size, or longer
// in all but the last; so who seals packets into an arena one behind the other
// need not look for runs.
func (o *Outbox) Append(path *Path, datagram []byte) {
	if last := len(o.messages) - 1; last >= 0 && o.messages[last].joins(path, datagram) {
		m := &o.messages[last]
		m.data = m.data[:len(m.data)+len(datagram)]
		m.ended = len(datagram) < m.size
		return
	}
	o.Add(path, datagram, len(datagram))
}

// joins reports whether a datagram can be the next of a message.
func (m *message) joins(path *Path, datagram []byte) bool {
	n := len(m.data)
	return m.path == path && !m.ended && len(datagram) != 0 && len(datagram) <= m.size &&
		n+len(datagram) <= cap(m.data) && &m.data[:n+1][n] == &datagram[0]
}

// Messages says how many there are: destinations, as long as those of one are
// added in one run of one size.
func (o *Outbox) Messages() int { return len(o.messages) }

// Reset forgets what was added. Write has done it.
func (o *Outbox) Reset() {
	clear(o.messages) // an arena and paths of those who left are not to be kept alive
	o.messages = o.messages[:0]
}

// place is how far a batch has got: a message and a byte of it.
type place struct{ message, at int }

// share says how many bytes of a message go into one call for a kernel that
// cuts up, from some byte on, and how many datagrams they are.
func (m *message) share(at int, whole bool) (length, datagrams int) {
	left := len(m.data) - at
	if whole || left <= m.size || m.size > heaviest/2 {
		return min(m.size, left), 1
	}
	length = min(m.size*min(segments, heaviest/m.size), left)
	return length, (length + m.size - 1) / m.size
}

// after gives the place behind so many bytes of the message at p.
func (o *Outbox) after(p place, length int) place {
	if p.at += length; p.at >= len(o.messages[p.message].data) {
		return place{message: p.message + 1}
	}
	return p
}
