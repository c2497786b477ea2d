package vp8_test

import (
	"fmt"

	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// A browser that sends the dependency descriptor leaves VP8's own at one byte.
// A subscriber that has not negotiated the extension gets a whole one: temporal
// layer and sync from the Info, the numbers from the rewriter.
func ExampleDescriptor_Append() {
	payload := []byte{0x10, 0x31, 0xaa, 0xbb}               // S, and a frame
	info := simulcast.Info{Temporal: 1, UpSwitch: true}     // as the extension says
	pictureID, tl0 := int32(300), int16(17)                 // of the outgoing stream
	arena := append(make([]byte, 0, 1500), 0x80, 0x60, 0x0) // after the RTP header

	var d vp8.Descriptor
	if err := d.Parse(payload); err != nil {
		fmt.Println(err)
		return
	}
	frame := payload[d.Size:]
	d.PictureID, d.PictureBits, d.TL0 = pictureID, 15, tl0
	d.Temporal, d.LayerSync = info.Temporal, info.UpSwitch
	arena = append(d.Append(arena), frame...)
	fmt.Printf("% x\n", arena[3:])
	// Output: 90 e0 81 2c 11 60 31 aa bb
}
