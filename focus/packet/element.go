package packet

// Elements is where the elements of a packet's header extension lie, by what they
// mean.
type Elements struct {
	has Extensions
	at  [extensions]uint16
	len [extensions]uint8
}

// Elements finds the elements of a header extension, which numbers knows; others
// are passed over. Of several with one meaning the first counts. The error is
// ErrExtension if one reaches beyond the end; into is then worthless.
func (h *Header) Elements(data []byte, numbers *Numbers, into *Elements) error {
	into.has = 0
	if h.ExtensionAt == h.ExtensionEnd {
		return nil
	}
	if h.TwoByte {
		return into.readTwoByte(data[:h.ExtensionEnd], int(h.ExtensionAt), numbers)
	}
	return into.readOneByte(data[:h.ExtensionEnd], int(h.ExtensionAt), numbers)
}

// readOneByte reads RFC 8285 section 4.2's form: four bits of number, four of
// length less one. Number 15 ends it, and so does a padding byte with a length.
func (e *Elements) readOneByte(data []byte, at int, numbers *Numbers) error {
	for at < len(data) {
		first := data[at]
		at++
		if first == 0 {
			continue
		}
		number, length := first>>4, int(first&0x0F)+1
		if number == 0 || number == 15 {
			return nil
		}
		if at+length > len(data) {
			return ErrExtension
		}
		e.put(numbers.meaning[number], at, length)
		at += length
	}
	return nil
}

// readTwoByte reads RFC 8285 section 4.3's form: a byte of number, a byte of
// length.
func (e *Elements) readTwoByte(data []byte, at int, numbers *Numbers) error {
	for at < len(data) {
		number := data[at]
		at++
		if number == 0 {
			continue
		}
		if at == len(data) {
			return ErrExtension
		}
		length := int(data[at])
		at++
		if at+length > len(data) {
			return ErrExtension
		}
		e.put(numbers.meaning[number], at, length)
		at += length
	}
	return nil
}

func (e *Elements) put(meaning Extension, at, length int) {
	if meaning == None || e.has.Has(meaning) {
		return
	}
	e.has |= 1 << meaning
	e.at[meaning], e.len[meaning] = uint16(at), uint8(length)
}

// Has reports whether the packet carries the extension.
func (e *Elements) Has(extension Extension) bool { return e.has.Has(extension) }

// Value gives the bytes of an element in the data it was found in, nil if the
// packet does not carry it. They belong to the packet.
func (e *Elements) Value(data []byte, extension Extension) []byte {
	if !e.has.Has(extension) {
		return nil
	}
	at := int(e.at[extension])
	return data[at : at+int(e.len[extension])]
}
