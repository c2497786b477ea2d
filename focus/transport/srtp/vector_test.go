package srtp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 7714 sections 16 and 17 give session keys, one for RTP and RTCP alike.
var gcmVectors = []struct {
	name      string
	profile   Profile
	key       string
	encrypted string // section 16.1.1 and 16.2.1
	control   string // section 17.1 and 17.3
	clear     string // section 17.2 and 17.4: authenticated only
}{
	{
		name: "AEAD_AES_128_GCM", profile: AES128GCM,
		key: "000102030405060708090a0b0c0d0e0f",
		encrypted: `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
			0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
		control: `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
			c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
		clear: rtcpClear + "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
	},
	{
		name: "AEAD_AES_256_GCM", profile: AES256GCM,
		key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		encrypted: `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
			9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
		control: `81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
			a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`,
		clear: rtcpClear + "91db4afb feee5a97 8fab4393 ed2615fe 000005d4",
	},
}

const (
	gcmVectorSalt = "517569642070726f2071756f"
	rtpClear      = `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
		69736120 696e2070 61727465 73207472 6573`
	rtcpClear = `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef `
)

func TestGCM_KeepsToTheVectorsOfRFC7714(t *testing.T) {
	for _, v := range gcmVectors {
		t.Run(v.name, func(t *testing.T) {
			s, o := endsOfSession(t, v.profile, session{key: unhex(t, v.key), salt: unhex(t, gcmVectorSalt)})
			s.control.begin(0x4d617273, 0x5d3)
			checkVector(t, s, o, unhex(t, rtpClear), unhex(t, v.encrypted))
			checkControlVector(t, s, o, unhex(t, rtcpClear), unhex(t, v.control))

			_, fresh := endsOfSession(t, v.profile, session{key: unhex(t, v.key), salt: unhex(t, gcmVectorSalt)})
			plain, err := fresh.OpenRTCP(unhex(t, v.clear))
			if err != nil || !bytes.Equal(plain, unhex(t, rtcpClear)) {
				t.Errorf("authenticated only: %x, %v", plain, err)
			}
			forged := unhex(t, v.clear)
			forged[20] ^= 1
			forged[len(forged)-1]++ // another index, so that it is no replay
			if _, err := fresh.OpenRTCP(forged); !errors.Is(err, ErrForged) {
				t.Errorf("authenticated only and altered: %v, want ErrForged", err)
			}
		})
	}
}

// RFC 3711 appendix B.2 and RFC 6188 section 7.1: the keystream of SSRC 0 and
// index 0, at its start and where its counter of blocks carries over a byte.
func TestKeystream_KeepsToTheVectors(t *testing.T) {
	for _, v := range []struct{ name, key, at0, atFEFF string }{
		{
			"RFC 3711 B.2", "2b7e151628aed2a6abf7158809cf4f3c",
			"e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0",
			"ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae 6a2cc3787889374fbeb4c81b17ba6c44",
		},
		{
			"RFC 6188 7.1", "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
			"92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
			"cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			k, err := newKeystream(unhex(t, v.key), unhex(t, "f0f1f2f3f4f5f6f7f8f9fafbfcfd"))
			if err != nil {
				t.Fatal(err)
			}
			stream := make([]byte, 16*(0xfeff+3))
			k.xor(stream, stream, 0, 0)
			if want := unhex(t, v.at0); !bytes.HasPrefix(stream, want) {
				t.Errorf("starts with %x, want %x", stream[:len(want)], want)
			}
			if want := unhex(t, v.atFEFF); !bytes.HasSuffix(stream, want) {
				t.Errorf("ends with %x, want %x", stream[16*0xfeff:], want)
			}
		})
	}
}

// RFC 3711 appendix B.3 and RFC 6188 section 7.2.
func TestDerive_KeepsToTheVectors(t *testing.T) {
	for _, v := range []struct{ name, key, salt, sessionKey, sessionSalt, authentication string }{
		{
			"RFC 3711 B.3", "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
			"c61e7a93744f39ee10734afe3ff7a087", "30cbbc08863d8c85d49db34a9ae1",
			`cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce
			e049646c43d9327ad175578ef7227098 6371c10c9a369ac2f94a8c5fbcdddc25
			6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2`,
		},
		{
			"RFC 6188 7.2",
			"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2",
			"5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4", "fa31791685ca444a9e07c6c64e93",
			"fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			master := keep(unhex(t, v.key), unhex(t, v.salt))
			for l, text := range map[label]string{rtpKey: v.sessionKey, rtpSalt: v.sessionSalt, rtpAuthentication: v.authentication} {
				want := unhex(t, text)
				if got, err := derive(master, l, len(want)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("label %d: %x, %v, want %x", l, got, err, want)
				}
			}
		})
	}
}

// Whole packets under one master, as other implementations make them. The
// numbers are known from libsrtp's self-test.
func TestProfiles_MakeThePacketsThatOthersMake(t *testing.T) {
	const (
		rtp  = "800f1234decafbadcafebabe abababababababababababababababab"
		rtcp = "81c8000bcafebabe abababababababababababababababab"
	)
	for _, v := range []struct {
		profile              Profile
		key, salt, rtp, rtcp string
	}{
		{
			AES128CMSHA1, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
			"800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
			"81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
		},
		{
			AES128GCM, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab",
			"800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
			"81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
		},
	} {
		t.Run(v.profile.String(), func(t *testing.T) {
			m, err := NewMaster(v.profile, unhex(t, v.key), unhex(t, v.salt))
			if err != nil {
				t.Fatal(err)
			}
			s, o := ends(t, m)
			checkVector(t, s, o, unhex(t, rtp), unhex(t, v.rtp))
			checkControlVector(t, s, o, unhex(t, rtcp), unhex(t, v.rtcp))
		})
	}
}

func checkVector(t *testing.T, s *Sealer, o *Opener, plain, want []byte) {
	t.Helper()
	header := rtpHeader(plain)
	sealed, err := s.SealRTP(nil, plain[:header], plain[header:])
	if err != nil || !bytes.Equal(sealed, want) {
		t.Errorf("sealed %x, %v, want %x", sealed, err, want)
	}
	opened, err := o.OpenRTP(bytes.Clone(want))
	if err != nil || !bytes.Equal(opened, plain) {
		t.Errorf("opened %x, %v, want %x", opened, err, plain)
	}
}

func checkControlVector(t *testing.T, s *Sealer, o *Opener, plain, want []byte) {
	t.Helper()
	sealed, err := s.SealRTCP(nil, plain)
	if err != nil || !bytes.Equal(sealed, want) {
		t.Errorf("RTCP sealed %x, %v, want %x", sealed, err, want)
	}
	opened, err := o.OpenRTCP(bytes.Clone(want))
	if err != nil || !bytes.Equal(opened, plain) {
		t.Errorf("RTCP opened %x, %v, want %x", opened, err, plain)
	}
}

// ends makes the two ends of a direction.
func ends(t testing.TB, m Master) (*Sealer, *Opener) {
	t.Helper()
	s, err := NewSealer(m)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(m)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

// endsOfSession makes them from session keys, as vectors have them.
func endsOfSession(t testing.TB, p Profile, keys session) (*Sealer, *Opener) {
	t.Helper()
	s, o := ends(t, someMaster(t, p))
	for _, into := range []*transform{&s.rtp, &s.rtcp, &o.rtp, &o.rtcp} {
		made, err := newTransform(p, keys)
		if err != nil {
			t.Fatal(err)
		}
		*into = made
	}
	return s, o
}

// someMaster is a master with bytes that count up.
func someMaster(t testing.TB, p Profile) Master {
	t.Helper()
	material := make([]byte, p.MaterialLen())
	for i := range material {
		material[i] = byte(i + 1)
	}
	keys, err := NewKeys(p, material)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Client
}
