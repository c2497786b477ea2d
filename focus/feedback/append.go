package feedback

import "encoding/binary"

// begin appends the first word of an RTCP packet, finish its length.
func begin(dst []byte, count, kind uint8) []byte {
	return append(dst, 2<<6|count, kind, 0, 0)
}

func finish(dst []byte, at int) []byte {
	binary.BigEndian.PutUint16(dst[at+2:], uint16((len(dst)-at)/4-1))
	return dst
}

// AppendSenderReport appends a sender report of the stream sender, with at
// most 31 report blocks; further ones are left out.
func AppendSenderReport(dst []byte, sender uint32, info Info, reports ...Report) []byte {
	at := len(dst)
	reports = reports[:min(len(reports), reportMost)]
	dst = begin(dst, uint8(len(reports)), typeSender)
	dst = binary.BigEndian.AppendUint32(dst, sender)
	dst = binary.BigEndian.AppendUint64(dst, uint64(info.NTP))
	dst = binary.BigEndian.AppendUint32(dst, info.Timestamp)
	dst = binary.BigEndian.AppendUint32(dst, info.Packets)
	dst = binary.BigEndian.AppendUint32(dst, info.Octets)
	for i := range reports {
		dst = reports[i].append(dst)
	}
	return finish(dst, at)
}

// AppendReceiverReport appends receiver reports, as many as the blocks need,
// and one if there are none: a compound begins with it.
func AppendReceiverReport(dst []byte, sender uint32, reports ...Report) []byte {
	for {
		at, now := len(dst), min(len(reports), reportMost)
		dst = begin(dst, uint8(now), typeReceiver)
		dst = binary.BigEndian.AppendUint32(dst, sender)
		for i := range now {
			dst = reports[i].append(dst)
		}
		dst = finish(dst, at)
		if reports = reports[now:]; len(reports) == 0 {
			return dst
		}
	}
}

// AppendDescription appends the canonical name of a source, of which 255
// bytes count. Compounds that are not of reduced size carry it.
func AppendDescription(dst []byte, source uint32, name string) []byte {
	at := len(dst)
	name = name[:min(len(name), 255)]
	dst = begin(dst, 1, typeDescription)
	dst = binary.BigEndian.AppendUint32(dst, source)
	dst = append(dst, 1, uint8(len(name)))
	dst = append(dst, name...)
	dst = append(dst, 0)
	for (len(dst)-at)%4 != 0 {
		dst = append(dst, 0)
	}
	return finish(dst, at)
}

// AppendGoodbye appends that sources end, at most 31.
func AppendGoodbye(dst []byte, sources ...uint32) []byte {
	at := len(dst)
	sources = sources[:min(len(sources), reportMost)]
	dst = begin(dst, uint8(len(sources)), typeGoodbye)
	for _, source := range sources {
		dst = binary.BigEndian.AppendUint32(dst, source)
	}
	return finish(dst, at)
}

// AppendNack appends a request for packets of the stream media. Numbers in
// order need the fewest bytes; none, and nothing is appended.
func AppendNack(dst []byte, sender, media uint32, numbers []uint16) []byte {
	if len(numbers) == 0 {
		return dst
	}
	at := len(dst)
	dst = beginFeedback(dst, formatNack, typeTransport, sender, media)
	for len(numbers) > 0 {
		first, mask := numbers[0], uint16(0)
		for numbers = numbers[1:]; len(numbers) > 0; numbers = numbers[1:] {
			behind := numbers[0] - first - 1
			if behind >= 16 {
				break
			}
			mask |= 1 << behind
		}
		dst = binary.BigEndian.AppendUint16(dst, first)
		dst = binary.BigEndian.AppendUint16(dst, mask)
	}
	return finish(dst, at)
}

// AppendPictureLoss appends a request for a key frame of the stream media.
func AppendPictureLoss(dst []byte, sender, media uint32) []byte {
	at := len(dst)
	return finish(beginFeedback(dst, formatLoss, typePayload, sender, media), at)
}

// AppendFullIntra appends the number-th request for a key frame of the
// stream media to its sender (RFC 5104 section 4.3.1).
func AppendFullIntra(dst []byte, sender, media uint32, number uint8) []byte {
	at := len(dst)
	dst = beginFeedback(dst, formatIntra, typePayload, sender, 0)
	dst = binary.BigEndian.AppendUint32(dst, media)
	return finish(append(dst, number, 0, 0, 0), at)
}

func beginFeedback(dst []byte, format, kind uint8, sender, media uint32) []byte {
	dst = begin(dst, format, kind)
	dst = binary.BigEndian.AppendUint32(dst, sender)
	return binary.BigEndian.AppendUint32(dst, media)
}
