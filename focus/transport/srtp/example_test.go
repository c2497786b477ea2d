package srtp_test

import (
	"fmt"

	"meshfocus/focus/transport/srtp"
)

// Both ends have exported the same material from their DTLS connection; the
// client sends, the server receives.
func Example() {
	material := make([]byte, srtp.AES128GCM.MaterialLen()) // of srtp.ExporterLabel
	keys, err := srtp.NewKeys(srtp.AES128GCM, material)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealer, err := srtp.NewSealer(keys.Client)
	if err != nil {
		fmt.Println(err)
		return
	}
	opener, err := srtp.NewOpener(keys.Client)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The send loop writes the header where it goes; the payload may be shared.
	arena := make([]byte, 0, 1500)
	header := append(arena, 0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7)
	sent, err := sealer.SealRTP(arena, header, []byte("one picture"))
	fmt.Println(len(sent), err)

	packet, err := opener.OpenRTP(sent)
	fmt.Printf("%s %v\n", packet[12:], err)
	_, err = opener.OpenRTP(sent)
	fmt.Println(err)
	fmt.Println(keys)
	// Output:
	// 39 <nil>
	// one picture <nil>
	// srtp: index used before
	// {srtp.Master(SRTP_AEAD_AES_128_GCM) srtp.Master(SRTP_AEAD_AES_128_GCM)}
}
