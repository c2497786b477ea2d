package cryptor

// MaxFrame is the largest frame that is sealed or opened: a key frame of 8K
// at the rate of a studio is smaller, and who sends more has other things in
// mind.
const MaxFrame = 8 << 20

// Sealer encrypts frames with one key. It belongs to one loop.
type Sealer struct {
	key     *Key
	index   uint8
	iv      IV     // where its escaping costs nothing
	scratch []byte // a frame before it is escaped
}

// NewSealer makes one that names its key by the index, under which receivers
// have it.
func NewSealer(index uint8, key *Key) *Sealer { return &Sealer{key: key, index: index} }

// Index is that of the key.
func (s *Sealer) Index() uint8 { return s.index }

// Seal appends the encrypted frame to dst, which must not share memory with
// it. Empty frames, which stand for silence, stay empty. No IV may be given
// twice; see Stream. The errors are ErrCodec, ErrNotFrame and ErrTooLarge;
// then nothing was appended.
func (s *Sealer) Seal(dst, frame []byte, codec Codec, iv IV) ([]byte, error) {
	if len(frame) == 0 {
		return dst, nil
	}
	if len(frame) > MaxFrame {
		return dst, ErrTooLarge
	}
	clear, err := Clear(codec, frame)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	s.iv = iv
	dst = append(dst, frame[:clear]...)
	dst = s.key.aead.Seal(dst, s.iv[:], frame[clear:], frame[:clear])
	dst = append(dst, s.iv[:]...)
	dst = append(dst, ivSize, s.index)
	if body := dst[start+clear:]; codec.escapes() && mustEscape(body) {
		s.scratch = append(s.scratch[:0], body...)
		dst = appendEscaped(dst[:start+clear], s.scratch)
	}
	return dst, nil
}
