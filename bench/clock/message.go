package clock

import "encoding/binary"

const (
	magic = "meshclk1"
	// size is that of both messages.
	size = 40

	kindAt, nonceAt, cameAt, answeredAt = 8, 16, 24, 32
)

// kind is what a message is.
type kind byte

const (
	question kind = 1
	answer   kind = 2
)

// message is a question, which has a nonce alone, or an answer.
type message struct {
	kind           kind
	nonce          uint64
	came, answered int64
}

// append appends the message as it is sent.
func (m message) append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, byte(m.kind), 0, 0, 0, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, m.nonce)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.came))
	return binary.BigEndian.AppendUint64(dst, uint64(m.answered))
}

// parse reads a message of a kind. What is not exactly one is none.
func parse(data []byte, want kind) (m message, ok bool) {
	if len(data) != size || string(data[:kindAt]) != magic || kind(data[kindAt]) != want {
		return m, false
	}
	for _, b := range data[kindAt+1 : nonceAt] {
		if b != 0 {
			return m, false
		}
	}
	m = message{want, binary.BigEndian.Uint64(data[nonceAt:]), int64(binary.BigEndian.Uint64(data[cameAt:])), int64(binary.BigEndian.Uint64(data[answeredAt:]))}
	if want == question {
		return m, m.came == 0 && m.answered == 0
	}
	return m, m.came > 0 && m.answered >= m.came
}
