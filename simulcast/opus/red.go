package opus

// MaxBlocks is how many blocks Unpack takes of one payload: browsers send three
// at most, and there is no use for more than a few.
const MaxBlocks = 16

// Block is one part of a redundant payload: sound of now, or of a time before.
type Block struct {
	// PayloadType is that of Data, as negotiated.
	PayloadType uint8
	// Age is by how much the block is older than the packet, in units of its
	// timestamp, less than 16384; 0 for the primary one.
	Age uint16
	// Data lies in the payload.
	Data []byte
}

// The headers of blocks (RFC 2198 section 3):
//
//	|1|   PT        |  timestamp offset 14  | length 10 |   redundant
//	|0|   PT        |                                       primary, the last
const (
	bitMore       = 0x80
	redundantSize = 4
	primarySize   = 1
)

// Unpack appends the blocks of a redundant payload to blocks, the oldest first
// as they lie there, and the primary last. It fails with ErrShort or ErrBlocks,
// and appends nothing then. Redundant blocks may be empty.
func Unpack(blocks []Block, payload []byte) ([]Block, error) {
	count, at, err := headers(payload)
	if err != nil {
		return blocks, err
	}
	for i := range count - 1 {
		head := payload[redundantSize*i:]
		size := int(head[2]&3)<<8 | int(head[3])
		if size > len(payload)-at {
			return blocks[:len(blocks)-i], ErrShort
		}
		blocks = append(blocks, Block{
			PayloadType: head[0] &^ bitMore,
			Age:         uint16(head[1])<<6 | uint16(head[2]>>2),
			Data:        payload[at : at+size],
		})
		at += size
	}
	last := payload[redundantSize*(count-1)]
	return append(blocks, Block{PayloadType: last, Data: payload[at:]}), nil
}

// Primary gives the block of now alone, for who has not negotiated redundancy.
// It fails as Unpack does.
func Primary(payload []byte) (Block, error) {
	count, at, err := headers(payload)
	if err != nil {
		return Block{}, err
	}
	for i := range count - 1 {
		head := payload[redundantSize*i:]
		at += int(head[2]&3)<<8 | int(head[3])
	}
	if at > len(payload) {
		return Block{}, ErrShort
	}
	return Block{PayloadType: payload[redundantSize*(count-1)], Data: payload[at:]}, nil
}

// headers counts the blocks and gives where the first one's data begins.
func headers(payload []byte) (count, at int, err error) {
	for count = 1; ; count++ {
		if at >= len(payload) {
			return 0, 0, ErrShort
		}
		if payload[at]&bitMore == 0 {
			return count, at + primarySize, nil
		}
		if count == MaxBlocks {
			return 0, 0, ErrBlocks
		}
		at += redundantSize
	}
}
