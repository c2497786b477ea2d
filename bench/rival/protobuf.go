package rival

import (
	"encoding/binary"
	"errors"
)

// What LiveKit's messages are made of (protobuf.dev, "Encoding"): fields, each a
// number with a wire type, and a value. Two types are written: varints and what
// has a length, which is text, bytes and messages in messages.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

var errProtobuf = errors.New("not a protobuf message")

// appendVarint appends a field that is a number.
func appendVarint(dst []byte, field int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(field)<<3|wireVarint), value)
}

// appendBytes appends a field that is text, bytes or a message.
func appendBytes[T string | []byte](dst []byte, field int, value T) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|wireBytes)
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// protobuf is a message that was read: the last value of each field.
type protobuf struct {
	number map[int]uint64
	bytes  map[int][]byte
}

// readProtobuf reads a message. Its bytes are shared.
func readProtobuf(data []byte) (protobuf, error) {
	m := protobuf{number: make(map[int]uint64), bytes: make(map[int][]byte)}
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 {
			return m, errProtobuf
		}
		rest, ok := m.field(int(tag>>3), tag&7, data[n:])
		if !ok {
			return m, errProtobuf
		}
		data = rest
	}
	return m, nil
}

// field takes one value and gives what is behind it.
func (m protobuf) field(number int, wire uint64, data []byte) (rest []byte, ok bool) {
	switch wire {
	case wireVarint:
		value, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, false
		}
		m.number[number] = value
		return data[n:], true
	case wireBytes:
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(data)-n) {
			return nil, false
		}
		m.bytes[number] = data[n : n+int(length)]
		return data[n+int(length):], true
	case wireFixed4, wireFixed8:
		size := 4
		if wire == wireFixed8 {
			size = 8
		}
		if len(data) < size {
			return nil, false
		}
		return data[size:], true
	}
	return nil, false
}
