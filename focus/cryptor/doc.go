// Package cryptor encrypts encoded frames from end to end, so that who forwards
// them can neither see nor forge them: the frame format of LiveKit's clients,
// with the keys of one sender as a ring.
//
//	frame = header(clear, authenticated) ‖ AES-128-GCM ciphertext ‖ tag(16) ‖ IV(12) ‖ 0x0C ‖ key index(1)
//
// The format is that of client-sdk-js (src/e2ee/worker/FrameCryptor.ts,
// utils.ts and naluUtils.ts at 016706b): AES-GCM is NIST SP 800-38D, HKDF
// RFC 5869. How much of a frame stays clear depends on its codec, see Clear: as
// much as a forwarder needs to tell key frames and layers, and no more. It is no
// SFrame (RFC 9605), which those clients do not speak.
//
// It takes whole frames, as they are before they are cut into packets and
// after they were put together again. It knows no packet, track, party or
// network, makes no keys and hands none out: that is mesh/keying's matter, and
// how they travel signalling/message's.
//
// A sending loop owns a Sealer for the present key and a Stream for every RTP
// stream; a receiving loop owns a Ring for each sender. None of them may be used
// by two goroutines at once. Nothing here reads a clock or chance: the caller
// gives timestamps, and the number at which a Stream begins.
//
// # What no IV is used twice for
//
// An IV is SSRC, RTP timestamp, and the timestamp less a count of frames, modulo
// 65535. Under one key it does not come back as long as the timestamps of a
// stream do not wrap, which takes 13.2 hours at 90 kHz and 24.8 at 48 kHz:
// within that time equal timestamps have different counts. Whoever makes the
// keys has to make another one before; mesh/keying does after six hours.
//
// # What is not hidden
//
// Sizes and times of frames, which codec they have, which are key frames, and
// of H.264 the parameter sets and the first byte of the first slice. A frame can
// be held back or sent again; its bytes cannot be changed unseen.
//
// Lengths are in bytes.
package cryptor
