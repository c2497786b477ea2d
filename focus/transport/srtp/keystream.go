package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// keystream is AES in counter mode, from the counter block of RFC 3711 section
// 4.1.1:
//
//	bytes  0–3   4–7           8–11                 12–13             14–15
//	       salt  salt ^ SSRC   salt ^ index's high  salt ^ index low  0, counts
//
// The standard library's cipher.NewCTR takes its counter block once and for all:
// a new one for each packet, half a kilobyte for the collector every time. But
// there is counter mode inside its GCM too, which takes a nonce per call and
// allocates nothing. A nonce of 16 bytes becomes GCM's first counter block by
// two multiplications with a number that only the key decides (NIST SP 800-38D
// section 7.1, step 2), so the nonce that leads to the block we want is found
// by dividing. GCM's tag is thrown away. For 1200 bytes both ways cost the same,
// 0.35 µs where HMAC takes 0.8, once the collector's share is counted; the tests
// hold this one against cipher.NewCTR.
//
// GCM counts with 32 bits where counter mode has 128. Packets are shorter than
// the 2^16 blocks after which that would show.
type keystream struct {
	aead cipher.AEAD
	// The nonce of a packet is a sum of three parts, since dividing is linear:
	// what stays (in base), what SSRC and rollover counter add (in base, too,
	// because it rarely changes), and what the sequence number adds.
	constant     element
	upper, lower multiples
	last         uint64 // SSRC and rollover counter that base is for
	base         element
	salt         uint16 // over the sequence number

	// Scratch: what is encrypted, with the tag.
	nonce   [aes.BlockSize]byte
	scratch []byte
}

func newKeystream(key, salt []byte) (*keystream, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("srtp: AES-CM: %w", err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, aes.BlockSize)
	if err != nil {
		return nil, fmt.Errorf("srtp: AES-CM: %w", err)
	}
	var zero, stays [aes.BlockSize]byte
	block.Encrypt(zero[:], zero[:])
	copy(stays[:12], salt)
	stays[14], stays[15] = 0xff, 0xff // see xor

	// GCM computes block = (nonce·hash + length)·hash. So nonce = block/hash²
	// + length/hash.
	inverse := newElement(zero[:]).inverse()
	divisor := inverse.times(inverse)
	k := &keystream{
		aead:     aead,
		constant: newElement(stays[:]).times(divisor).plus(element{low: 8 * aes.BlockSize}.times(inverse)),
		upper:    newMultiples(divisor.shifted(32)),
		lower:    newMultiples(divisor.shifted(96)),
		salt:     binary.BigEndian.Uint16(salt[12:]),
	}
	k.base = k.constant
	return k, nil
}

// xor encrypts or decrypts from src to dst, which are equally long and may
// overlap in any way.
func (k *keystream) xor(dst, src []byte, ssrc uint32, index uint64) {
	if upper := uint64(ssrc)<<32 | index>>16; upper != k.last {
		k.last, k.base = upper, k.constant.plus(k.upper.times(element{}, upper, 16))
	}
	// GCM encrypts from the block after the first, so the first is one less,
	// of which the upper half is what changes: the lower is 0 - 1.
	lower := (uint16(index) ^ k.salt) - 1
	nonce := k.base.plus(k.lower.times(element{}, uint64(lower), 4))
	binary.BigEndian.PutUint64(k.nonce[:], nonce.high)
	binary.BigEndian.PutUint64(k.nonce[8:], nonce.low)
	k.scratch = k.aead.Seal(k.scratch[:0], k.nonce[:], src, nil)
	copy(dst, k.scratch[:len(src)])
}
