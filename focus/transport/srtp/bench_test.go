package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	pion "github.com/pion/srtp/v3"
)

// The benchmarks run ours, Pion's and the bare ciphers in turn, a block of
// packets each, and tell the medians: a machine that is busy with something
// else slows all three, and the ratios stay. Packets have 1200 bytes of payload
// behind a header of 20. What -benchmem shows is of all three together; that
// ours does not allocate, a test says.
const (
	block         = 64 // packets; three times as many stay in a core's cache
	payloadLen    = 1200
	benchedHeader = rtpHeaderLen + 8
)

// contender handles packets, whose numbers count up by themselves.
type contender struct {
	name    string
	prepare func(packet []byte) []byte // not measured
	handle  func(packet []byte)
}

func BenchmarkSealRTP(b *testing.B) {
	for _, p := range profiles {
		b.Run(p.String(), func(b *testing.B) {
			s, _ := ends(b, someMaster(b, p))
			theirs := pionContext(b, p)
			race(b,
				contender{"ours", nil, func(packet []byte) {
					if _, err := s.SealRTP(packet[:0], packet[:benchedHeader], packet[benchedHeader:]); err != nil {
						b.Fatal(err)
					}
				}},
				contender{"pion", nil, func(packet []byte) {
					if _, err := theirs.EncryptRTP(packet[:0], packet, nil); err != nil {
						b.Fatal(err)
					}
				}},
				contender{"raw", nil, bareSeal(b, p)},
			)
		})
	}
}

func BenchmarkOpenRTP(b *testing.B) {
	for _, p := range profiles {
		b.Run(p.String(), func(b *testing.B) {
			s, o := ends(b, someMaster(b, p))
			other, _ := ends(b, someMaster(b, p))
			theirs := pionContext(b, p, pion.SRTPReplayProtection(windowSize))
			seal := func(s *Sealer) func(packet []byte) []byte {
				return func(packet []byte) []byte {
					sealed, err := s.SealRTP(packet[:0], packet[:benchedHeader], packet[benchedHeader:])
					if err != nil {
						b.Fatal(err)
					}
					return sealed
				}
			}
			prepare, open := bareOpen(b, p)
			race(b,
				contender{"ours", seal(s), func(packet []byte) {
					if _, err := o.OpenRTP(packet); err != nil {
						b.Fatal(err)
					}
				}},
				contender{"pion", seal(other), func(packet []byte) {
					if _, err := theirs.DecryptRTP(packet, packet, nil); err != nil {
						b.Fatal(err)
					}
				}},
				contender{"raw", prepare, open},
			)
		})
	}
}

// BenchmarkSealRTP_ToFifty seals payloads from where they were received into an
// arena, for fifty subscribers in turn, whose keys and streams have to come
// back into the core's cache each time.
func BenchmarkSealRTP_ToFifty(b *testing.B) {
	const subscribers = 50
	for _, p := range profiles {
		b.Run(p.String(), func(b *testing.B) {
			arena := make([]byte, 0, 192<<10)
			var ours []*Sealer
			var theirs []*pion.Context
			var raw []func(packet []byte)
			for range subscribers {
				s, _ := ends(b, someMaster(b, p))
				ours, theirs, raw = append(ours, s), append(theirs, pionContext(b, p)), append(raw, bareSeal(b, p))
			}
			var turns [3]int
			turn := func(of int) int { turns[of]++; return turns[of] % subscribers }
			room := func() []byte {
				if cap(arena)-len(arena) < 2048 {
					arena = arena[:0]
				}
				return arena
			}
			race(b,
				contender{"ours", nil, func(packet []byte) {
					var err error
					if arena, err = ours[turn(0)].SealRTP(room(), packet[:benchedHeader], packet[benchedHeader:]); err != nil {
						b.Fatal(err)
					}
				}},
				contender{"pion", nil, func(packet []byte) {
					at := room()
					sealed, err := theirs[turn(1)].EncryptRTP(at[len(at):cap(at)], packet, nil)
					if err != nil {
						b.Fatal(err)
					}
					arena = at[:len(at)+len(sealed)]
				}},
				contender{"raw", nil, func(packet []byte) {
					start := len(room())
					arena = append(arena[:start], packet...)
					raw[turn(2)](arena[start:])
				}},
			)
		})
	}
}

// BenchmarkStreams is what a packet costs besides its cipher: header, table,
// index, window.
func BenchmarkStreams(b *testing.B) {
	s, _ := ends(b, someMaster(b, AES128GCM))
	header := make([]byte, benchedHeader)
	for i := range b.N {
		if i%64 == 0 {
			binary.BigEndian.PutUint32(header[8:], uint32(i/64%200)*0x01000193)
		}
		prepareHeader(header, i/64/200*64+i%64)
		if rtpHeader(header) != benchedHeader {
			b.Fatal("no header")
		}
		if _, err := s.number(binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint16(header[2:])); err != nil {
			b.Fatal(err)
		}
	}
}

// race measures contenders block by block and tells the median of each, and
// what the first needs in relation to the others.
func race(b *testing.B, contenders ...contender) {
	packets := make([][]byte, block)
	for i := range packets {
		packets[i] = make([]byte, benchedHeader+payloadLen, benchedHeader+payloadLen+Overhead)
	}
	took := make([][]float64, len(contenders))
	for first := 0; first < b.N; first += block {
		for i, c := range contenders {
			for n := range packets {
				packets[n] = packets[n][:benchedHeader+payloadLen]
				prepareHeader(packets[n], first+n)
				if c.prepare != nil {
					packets[n] = c.prepare(packets[n])
				}
			}
			start := time.Now()
			for _, packet := range packets {
				c.handle(packet)
			}
			took[i] = append(took[i], float64(time.Since(start).Nanoseconds())/block)
		}
	}
	b.ReportMetric(0, "ns/op") // of all three together: of no use
	ours := median(took[0])
	for i, c := range contenders {
		b.ReportMetric(median(took[i]), c.name+"-ns")
		if i > 0 {
			b.ReportMetric(ours/median(took[i]), "x-"+c.name)
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// prepareHeader writes a header with an extension of one word.
func prepareHeader(packet []byte, sequence int) {
	packet[0], packet[1] = 0x90, 96
	binary.BigEndian.PutUint16(packet[2:], uint16(sequence))
	copy(packet[12:], []byte{0xbe, 0xde, 0, 1, 0x22, 1, 2, 3})
}

// bareSeal is the ciphers without SRTP around them.
func bareSeal(b *testing.B, p Profile) func(packet []byte) {
	block, err := aes.NewCipher(make([]byte, p.keyLen()))
	if err != nil {
		b.Fatal(err)
	}
	iv := make([]byte, aes.BlockSize)
	if p == AES128CMSHA1 {
		mac := hmac.New(sha1.New, make([]byte, hmacKeyLen))
		var sum [sha1.Size]byte
		return func(packet []byte) {
			cipher.NewCTR(block, iv).XORKeyStream(packet[benchedHeader:], packet[benchedHeader:])
			mac.Reset()
			mac.Write(packet)
			mac.Sum(sum[:0])
		}
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return func(packet []byte) {
		aead.Seal(packet[:benchedHeader], iv[:aead.NonceSize()], packet[benchedHeader:], packet[:benchedHeader])
	}
}

func bareOpen(b *testing.B, p Profile) (prepare func(packet []byte) []byte, open func(packet []byte)) {
	if p == AES128CMSHA1 {
		return nil, bareSeal(b, p)
	}
	block, err := aes.NewCipher(make([]byte, p.keyLen()))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	prepare = func(packet []byte) []byte {
		return aead.Seal(packet[:benchedHeader], nonce, packet[benchedHeader:], packet[:benchedHeader])
	}
	return prepare, func(packet []byte) {
		if _, err := aead.Open(packet[:benchedHeader], nonce, packet[benchedHeader:], packet[:benchedHeader]); err != nil {
			b.Fatal(err)
		}
	}
}
